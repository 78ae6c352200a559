//! Events of a topic, to try a rule on.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use gristmill_core::decode::Part;
use gristmill_kafka::TopicPartition;
use gristmill_kafka::admin::{Admin, Topic};
use serde_json::json;

use crate::authoring::draft;
use crate::authoring::event_file::{self, PlacedEvent};
use crate::definition::schemas::{ReadPart, Schemas};

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

/// The events with their values as JSON, where a schema is what reads them: beside it then, as its
/// types are certain. What cannot be read stays as it is. Blocks while schemas are fetched.
pub(super) fn in_json(schemas: &Schemas, events: &[PlacedEvent]) -> Vec<PlacedEvent> {
    let read = |event: &PlacedEvent| {
        let mut record = event.record.get(0);
        let value = wrapped(&schemas.document(&record, Part::Value)?);
        let key = schemas.document(&record, Part::Key).map(|key| key.json);
        record.key = key.as_deref().map(str::as_bytes).or(record.key);
        Some(PlacedEvent {
            place: event.place.clone(),
            record: event_file::with_value(record, value.as_bytes()),
        })
    };
    let events = events.iter();
    events
        .map(|event| read(event).unwrap_or_else(|| event.clone()))
        .collect()
}

/// A document beside its schema, as Kafka Connect's JSON converter writes both.
fn wrapped(document: &ReadPart) -> String {
    let schema = document.schema.as_deref().and_then(draft::connect_schema);
    let schema = schema.unwrap_or_else(|| json!({}));
    format!("{{\"schema\":{schema},\"payload\":{}}}", document.json)
}

/// How many of a partition's newest records are looked at, and in how many partitions, where an
/// advice is all that comes of it; and it is worth no longer wait.
const LOOK_BACK: i64 = 25;
const LOOKED_AT_MAX: usize = 4;
const LOOK_TIME: Duration = Duration::from_secs(2);

/// Newest events of the topic, the newest of each partition first, as many as can be read quickly.
/// None where they cannot be.
pub(super) fn newest_quickly(admin: &Admin, topic: &str) -> Vec<PlacedEvent> {
    let begun = Instant::now();
    let mut events = Vec::new();
    let Ok(Topic { partitions, .. }) = admin.topic(topic) else {
        return events;
    };
    let partitions = partitions.into_iter().take(LOOKED_AT_MAX);
    let partitions: Vec<_> = partitions
        .map(|number| TopicPartition::new(topic, number))
        .collect();
    let Ok(watermarks) = admin.watermarks(&partitions) else {
        return events;
    };
    for back in 1..=LOOK_BACK {
        let wanted = partitions.iter().cloned().zip(&watermarks);
        let wanted = wanted.filter(|(_, (low, end))| end - back >= *low);
        let wanted: Vec<_> = wanted.map(|(p, (_, end))| (p, end - back)).collect();
        if wanted.is_empty() || begun.elapsed() > LOOK_TIME {
            break;
        }
        let Ok(records) = admin.records_at(&wanted) else {
            break;
        };
        let read = wanted.iter().zip(records);
        events.extend(read.filter_map(|((partition, offset), record)| {
            let place = format!("{topic}/{}/{offset}", partition.partition);
            Some(PlacedEvent {
                place,
                record: record?,
            })
        }));
    }
    events
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
