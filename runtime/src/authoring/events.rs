//! Events to try a rule on: from a file, or the newest of a topic.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use gristmill_core::record::{Record, Records};
use jiff::Timestamp;

use crate::authoring::event_file;
use gristmill_kafka::TopicPartition;
use gristmill_kafka::admin::Admin;

/// Holes (compaction, aborted and control records) that are passed over in a partition on the way
/// to its newest records.
const HOLES_MAX: i64 = 100;

/// One event, and where it stands.
pub struct Event {
    /// `events.json:3`, or `topic/partition/offset`.
    pub place: String,
    /// One record.
    pub record: Records,
}

/// The first `limit` events of a file, a JSON array or one event a line, and how many there are.
pub fn of_file(path: &Path, limit: usize) -> Result<(Vec<Event>, usize)> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let entries = event_file::entries(&text);
    ensure!(
        !entries.is_empty(),
        "there is no event in {}: write a JSON array, or one event a line",
        path.display()
    );
    let now_ms = Timestamp::now().as_millisecond();
    let event = |(i, entry): (usize, &event_file::Entry)| {
        let mut record = Records::default();
        let value = Some(entry.text.as_bytes());
        record.push(i as i64, Some(now_ms), None, value, std::iter::empty());
        Event {
            place: format!("{}:{}", path.display(), entry.line),
            record,
        }
    };
    let events = entries.iter().enumerate().take(limit).map(event).collect();
    Ok((events, entries.len()))
}

/// The newest `limit` events of a topic, spread over its partitions, by partition and offset.
pub fn of_topic(bootstrap: &str, topic: &str, limit: usize) -> Result<Vec<Event>> {
    let admin = Admin::new(bootstrap, &BTreeMap::new())?;
    let partitions = admin.topic(topic)?.partitions;
    let each = limit.div_ceil(partitions.len().max(1));
    let mut events = Vec::new();
    let partitions: Vec<_> = partitions
        .into_iter()
        .map(|number| TopicPartition::new(topic, number))
        .collect();
    let watermarks = admin.watermarks(&partitions)?;
    for (partition, (low, end)) in partitions.into_iter().zip(watermarks) {
        let lowest = low.max(end - each as i64 - HOLES_MAX);
        let mut found = Vec::new();
        for offset in (lowest..end).rev() {
            if found.len() == each {
                break;
            }
            let wanted = [(partition.clone(), offset)];
            if let Some(record) = admin.records_at(&wanted)?.pop().flatten() {
                let place = format!("{topic}/{}/{offset}", partition.partition);
                found.push(Event { place, record });
            }
        }
        events.extend(found.into_iter().rev());
    }
    ensure!(!events.is_empty(), "there is no record in {topic}");
    events.truncate(limit);
    Ok(events)
}

/// The same record with another value.
pub fn with_value(record: Record<'_>, value: &[u8]) -> Records {
    let mut records = Records::default();
    let Record {
        offset,
        timestamp_ms,
        key,
        ..
    } = record;
    records.push(offset, timestamp_ms, key, Some(value), record.headers());
    records
}
