//! What a flush says to the checkpoint.

use gristmill_core::chain::{Computed, Counts};

use crate::commit::checkpoint::{Lease, record_hash};
use crate::commit::sink::Parameters;
use crate::wire::values::Instant;

/// The compare-and-swap's parameters, 1 to 14 of [`crate::commit::statement::CHECKPOINT_TYPES`].
pub(crate) struct Advance<'a> {
    lease: &'a Lease,
    from_offset: i64,
    next_offset: i64,
    event_time_max: Option<Instant>,
    revision: i32,
    last_offset: Option<i64>,
    last_at: Option<Instant>,
    last_hash: Option<i64>,
    counts: Vec<i64>,
}

impl<'a> Advance<'a> {
    pub(crate) fn new(lease: &'a Lease, from_offset: i64, batch: &Computed, revision: i32) -> Self {
        let last = batch.records.last();
        Self {
            lease,
            from_offset,
            next_offset: batch.next_offset,
            event_time_max: batch.event_time_max.map(Instant),
            revision,
            last_offset: last.map(|r| r.offset),
            last_at: last.and_then(|r| r.timestamp_ms).map(Instant::from_ms),
            last_hash: last.map(|r| record_hash(r.key, r.value)),
            counts: counters(&batch.counts),
        }
    }

    pub(crate) fn parameters(&self) -> Parameters<'_> {
        let key = &self.lease.key;
        vec![
            &key.pipeline,
            &key.run,
            &key.topic,
            &key.partition,
            &self.from_offset,
            &self.lease.owner_epoch,
            &self.next_offset,
            &self.event_time_max,
            &self.revision,
            &self.lease.revision,
            &self.last_offset,
            &self.last_at,
            &self.last_hash,
            &self.counts,
        ]
    }
}

/// In the order that the statement adds them.
fn counters(counts: &Counts) -> Vec<i64> {
    [
        counts.records,
        counts.rows,
        counts.superseded,
        counts.late,
        counts.dropped,
        counts.tombstones,
        counts.dead_letters,
    ]
    .map(|n| n as i64)
    .to_vec()
}
