//! Which version a snapshot has: a row that it lacks is deleted as of that.

use anyhow::Result;
use gristmill_core::dedup::{RecordPlace, VersionKind};
use gristmill_core::record::Records;
use gristmill_kafka::TopicPartition;
use gristmill_kafka::admin::Admin;
use gristmill_postgres::commit::older_rows::LogPlace;
use gristmill_postgres::commit::row_origin::RowOrigin;
use gristmill_postgres::commit::sink::Sink;
use jiff::Timestamp;

use super::source_snapshot::SourceSnapshot;
use crate::definition::pipeline::Pipeline;

/// Records of a partition that are looked at for its first rows: a connector sends no more than
/// some heartbeats between them.
const LOOKED_AT_MAX: usize = 1_000;

/// A snapshot, and what gives its rows their versions.
pub(super) struct SnapshotVersion<'a> {
    pub(super) pipeline: &'a Pipeline,
    pub(super) sink: &'a Sink,
    pub(super) snapshot: &'a SourceSnapshot,
}

impl SnapshotVersion<'_> {
    /// The version of all that the snapshot holds, or an older one, for each of `places`, where it
    /// begins. `None`: no row there has one. Blocks.
    pub(super) fn at(&self, places: &[LogPlace]) -> Result<Vec<Option<Vec<u8>>>> {
        let kind = self.pipeline.roles().version.kind;
        if kind == VersionKind::Offset {
            return Ok(places.iter().map(|place| self.of_place(place)).collect());
        }
        let is_asked = |place: &&LogPlace| match self.snapshot.first {
            Some(partition) => place.partition == partition,
            None => true,
        };
        let lowest = tokio::task::block_in_place(|| {
            let source = &self.pipeline.config.source;
            let admin = Admin::new(&source.bootstrap, &source.properties)?;
            let mut found = Vec::new();
            for place in places.iter().filter(is_asked) {
                found.extend(self.of_rows(&admin, place)?);
            }
            anyhow::Ok(found.into_iter().min())
        })?;
        Ok(vec![lowest; places.len()])
    }

    /// Between partitions the time decides.
    fn of_place(&self, place: &LogPlace) -> Option<Vec<u8>> {
        let record = RecordPlace {
            offset: place.offset,
            timestamp_ms: Some(self.snapshot.began_ms),
        };
        self.sink.version_of_place(origin(place), record)
    }

    /// The lowest version of the first rows from a place on.
    fn of_rows(&self, admin: &Admin, place: &LogPlace) -> Result<Option<Vec<u8>>> {
        let records = self.first_records(admin, place)?;
        if records.is_empty() {
            return Ok(None);
        }
        let mut chain = self.pipeline.chain(place.partition, None)?;
        self.pipeline.schemas().teach(&mut chain, &records)?;
        let now_us = Timestamp::now().as_microsecond();
        let computed = chain.compute(records, now_us);
        let computed = computed.map_err(|uncomputed| uncomputed.fault)?;
        Ok(self.sink.lowest_version(origin(place), &computed))
    }

    fn first_records(&self, admin: &Admin, place: &LogPlace) -> Result<Records> {
        let topic = self.pipeline.config.source.topic.as_str();
        let partition = TopicPartition::new(topic, place.partition);
        let bounds = admin.watermarks(std::slice::from_ref(&partition))?;
        let end = bounds.first().map_or(0, |(_, high)| *high);
        let mut first = Records::default();
        if place.offset >= end {
            return Ok(first);
        }
        let until = end.min(place.offset + LOOKED_AT_MAX as i64);
        admin.read(&partition, place.offset..until, LOOKED_AT_MAX, |records| {
            if first.is_empty() {
                first = records;
            }
            Ok::<_, anyhow::Error>(())
        })?;
        Ok(first)
    }
}

fn origin(place: &LogPlace) -> RowOrigin {
    RowOrigin {
        log: place.log,
        partition: place.partition,
    }
}
