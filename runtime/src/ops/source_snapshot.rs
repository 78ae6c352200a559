//! The newest snapshot that a source's connector took, as its records in a topic tell of it.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};
use arrow_array::Array;
use arrow_array::cast::AsArray;
use gristmill_core::column::{Batch, Field, LogicalType};
use gristmill_core::decode::{Decoder, Tombstone};
use gristmill_core::record::Records;
use gristmill_kafka::TopicPartition;
use gristmill_kafka::admin::Admin;

use crate::definition::schemas::Schemas;

/// Records decoded at a time: as many as a flush of the shipped pipeline takes.
const BATCH_MAX_ROWS: usize = 5_000;

/// Where Debezium says which row of a snapshot a record is: in its envelope, and as its
/// ExtractNewRecordState calls the field that it adds.
const MARKS: [&str; 2] = ["value.source.snapshot", "value.__source_snapshot"];

/// What a mark says: see Debezium's SnapshotRecord.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mark {
    First,
    Between,
    Last,
}

impl Mark {
    fn of(text: &str) -> Option<Self> {
        match text {
            "first" | "first_in_data_collection" => Some(Self::First),
            "true" => Some(Self::Between),
            "last" | "last_in_data_collection" => Some(Self::Last),
            _ => None,
        }
    }
}

/// A snapshot that is whole: it says of each row of the source's table what it held then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SourceSnapshot {
    /// Kafka's time of its first record, milliseconds.
    pub(super) began_ms: i64,
    /// The first offset of each partition that may be of it.
    pub(super) from: BTreeMap<i32, i64>,
    /// The partition of its first record, where that is known.
    pub(super) first: Option<i32>,
    /// The offset behind its last record, of the partitions that have one, as far as is known.
    pub(super) until: BTreeMap<i32, i64>,
}

impl SourceSnapshot {
    /// Looks for it in the topic. Reads every record that the topic has. Blocks.
    pub(super) fn newest(admin: &Admin, topic: &str, schemas: &Schemas) -> Result<Self> {
        let partitions = partitions(admin, topic)?;
        let mut seen = Seen::default();
        let watermarks = admin.watermarks(&partitions)?;
        for (partition, (low, end)) in partitions.iter().zip(watermarks) {
            if low < end {
                seen.read(admin, partition, low..end, schemas)?;
            }
        }
        let (began_ms, partition, offset) = seen.first.with_context(|| {
            format!(
                "no record of {topic} says that it is the first of a snapshot (source.snapshot is \
                 first or first_in_data_collection): say when the snapshot began with --since"
            )
        })?;
        if seen.last_ms.is_none_or(|last_ms| last_ms < began_ms) {
            bail!(
                "the snapshot that began with {topic}/{partition}/{offset} has not ended: no \
                 record after it says that it is the last one. Wait until it has ended; where the \
                 source's table has one row, say when the snapshot began with --since"
            );
        }
        let mut snapshot = Self::since(admin, topic, began_ms)?;
        snapshot.from.insert(partition, offset);
        snapshot.first = Some(partition);
        snapshot.until = seen.until;
        let from = &snapshot.from;
        let is_of_it = |partition: &i32, until: &mut i64| {
            from.get(partition).is_some_and(|from| *until > *from)
        };
        snapshot.until.retain(is_of_it);
        Ok(snapshot)
    }

    /// What came from `began_ms` on is of it, as a person says. An error where nothing has come
    /// since: no row would be of it. Blocks.
    pub(super) fn said(admin: &Admin, topic: &str, began_ms: i64) -> Result<Self> {
        let snapshot = Self::since(admin, topic, began_ms)?;
        let partitions = partitions(admin, topic)?;
        let watermarks = admin.watermarks(&partitions)?;
        let mut ends = partitions.iter().zip(watermarks);
        let has_come = |(partition, (_, end)): (&TopicPartition, (i64, i64))| {
            snapshot.from[&partition.partition] < end
        };
        ensure!(
            ends.any(has_come),
            "no record of {topic} is of that time or later, so every row would count as missed: \
             say with --since when the snapshot began"
        );
        Ok(snapshot)
    }

    /// The same, where a record says so.
    fn since(admin: &Admin, topic: &str, began_ms: i64) -> Result<Self> {
        let from = partitions(admin, topic)?.into_iter().map(|partition| {
            let from = admin.offset_at(&partition, began_ms)?;
            Ok((partition.partition, from))
        });
        Ok(Self {
            began_ms,
            from: from.collect::<Result<_>>()?,
            first: None,
            until: BTreeMap::new(),
        })
    }
}

fn partitions(admin: &Admin, topic: &str) -> Result<Vec<TopicPartition>> {
    let numbers = admin.topic(topic)?.partitions.into_iter();
    Ok(numbers.map(|n| TopicPartition::new(topic, n)).collect())
}

/// The marks that were met.
#[derive(Debug, Default)]
struct Seen {
    /// Time, partition and offset of the first record of the newest snapshot.
    first: Option<(i64, i32, i64)>,
    /// The time of the newest last record of a snapshot.
    last_ms: Option<i64>,
    /// The offset behind the last record of a snapshot, by partition.
    until: BTreeMap<i32, i64>,
}

impl Seen {
    fn read(
        &mut self,
        admin: &Admin,
        partition: &TopicPartition,
        offsets: std::ops::Range<i64>,
        schemas: &Schemas,
    ) -> Result<()> {
        let number = partition.partition;
        let reads = MARKS.map(|path| Field {
            name: path.to_owned(),
            logical_type: LogicalType::Text,
            nullable: true,
        });
        let topic = &partition.topic;
        let decoder = Decoder::new(&reads, topic, number, Tombstone::Ignore, usize::MAX)?;
        let mut decoder = decoder.with_formats(schemas.formats())?;
        admin.read(partition, offsets, BATCH_MAX_ROWS, |records| {
            schemas.teach_decoder(&mut decoder, &records)?;
            let decoded = decoder.decode(&records);
            self.look(number, &records, &decoded.batch, &decoded.records);
            Ok::<_, anyhow::Error>(())
        })
    }

    /// `rows` says the record of each row of `batch`.
    fn look(&mut self, partition: i32, records: &Records, batch: &Batch, rows: &[u32]) {
        let columns: Vec<_> = batch
            .columns
            .iter()
            .map(|c| c.values.as_string::<i32>())
            .collect();
        for (row, &record) in rows.iter().enumerate() {
            let mut marks = columns
                .iter()
                .flat_map(|column| column.is_valid(row).then(|| column.value(row)));
            let Some(mark) = marks.find_map(Mark::of) else {
                continue;
            };
            let record = records.get(record as usize);
            let at_ms = record.timestamp_ms.unwrap_or_default();
            self.until.insert(partition, record.offset + 1);
            match mark {
                Mark::First => {
                    let first = (at_ms, partition, record.offset);
                    self.first = self.first.max(Some(first));
                }
                Mark::Last => self.last_ms = self.last_ms.max(Some(at_ms)),
                Mark::Between => {}
            }
        }
    }
}
