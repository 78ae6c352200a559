//! Events of a topic, to try a rule on.

use anyhow::{Result, ensure};
use gristmill_kafka::TopicPartition;
use gristmill_kafka::admin::Admin;

use crate::authoring::event_file::PlacedEvent;

/// Holes (compaction, aborted and control records) that are passed over in a partition on the way
/// to its newest records.
const HOLES_MAX: i64 = 100;

/// The newest `limit` events of a topic, spread over its partitions, by partition and offset.
pub(super) fn newest(admin: &Admin, topic: &str, limit: usize) -> Result<Vec<PlacedEvent>> {
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
                found.push(PlacedEvent { place, record });
            }
        }
        events.extend(found.into_iter().rev());
    }
    ensure!(!events.is_empty(), "there is no record in {topic}");
    events.truncate(limit);
    Ok(events)
}

/// At most `limit` events of one partition, from an offset on.
pub(super) fn from(
    admin: &Admin,
    topic: &str,
    (number, offset): (i32, i64),
    limit: usize,
) -> Result<Vec<PlacedEvent>> {
    let partition = TopicPartition::new(topic, number);
    let watermarks = admin.watermarks(std::slice::from_ref(&partition))?;
    let (low, end) = watermarks.first().copied().unwrap_or_default();
    ensure!(
        (low..end).contains(&offset),
        "{topic}/{number} has no offset {offset}: it has those from {low} to {}",
        end - 1
    );
    let mut events = Vec::new();
    let mut holes = 0;
    for offset in offset..end {
        if events.len() == limit || holes > HOLES_MAX {
            break;
        }
        match admin.records_at(&[(partition.clone(), offset)])?.pop() {
            Some(Some(record)) => {
                let place = format!("{topic}/{number}/{offset}");
                events.push(PlacedEvent { place, record });
            }
            _ => holes += 1,
        }
    }
    ensure!(
        !events.is_empty(),
        "there is no record in {topic}/{number} at offset {offset} or soon after it"
    );
    Ok(events)
}
