//! The parameters of a flush, but for its rows: for each the name that `flush.sql` has for it, its
//! type and its value.

use gristmill_core::chain::{Computed, Counts};
use tokio_postgres::types::{ToSql, Type};

use crate::commit::lease::Lease;
use crate::commit::letter_arrays::{Digests, LetterArrays};
use crate::wire::column_array::Instant;

/// A statement's values, in the order of its numbers.
pub(crate) type Values<'a> = Vec<&'a (dyn ToSql + Sync)>;

/// What a flush says to the checkpoint and about dead letters.
pub(crate) struct FlushValues<'a> {
    pub(crate) lease: &'a Lease,
    from_offset: i64,
    next_offset: i64,
    event_time_max: Option<Instant>,
    revision: i32,
    last_offset: Option<i64>,
    last_at: Option<Instant>,
    last_hash: Option<i64>,
    counts: Vec<i64>,
    letters: LetterArrays<'a>,
}

/// A parameter of `flush.sql`.
pub(crate) struct FlushParameter {
    pub(crate) name: &'static str,
    pub(crate) of_type: Type,
    value: for<'f> fn(&'f FlushValues<'_>) -> &'f (dyn ToSql + Sync),
}

const fn parameter(
    name: &'static str,
    of_type: Type,
    value: for<'f> fn(&'f FlushValues<'_>) -> &'f (dyn ToSql + Sync),
) -> FlushParameter {
    FlushParameter {
        name,
        of_type,
        value,
    }
}

/// What the rows' own statement takes from a flush, too.
pub(crate) const PARTITION: &str = "partition";
pub(crate) const REVISION: &str = "revision";

/// All parameters that `flush.sql` names.
pub(crate) static FLUSH_PARAMETERS: [FlushParameter; 24] = [
    parameter("pipeline", Type::TEXT, |f| &f.lease.key.pipeline),
    parameter("run", Type::INT8, |f| &f.lease.key.run),
    parameter("topic", Type::TEXT, |f| &f.lease.key.topic),
    parameter(PARTITION, Type::INT4, |f| &f.lease.key.partition),
    parameter("from_offset", Type::INT8, |f| &f.from_offset),
    parameter("owner_epoch", Type::INT8, |f| &f.lease.owner_epoch),
    parameter("next_offset", Type::INT8, |f| &f.next_offset),
    parameter("event_time_max", Type::TIMESTAMPTZ, |f| &f.event_time_max),
    parameter(REVISION, Type::INT4, |f| &f.revision),
    parameter("revision_before", Type::INT4, |f| &f.lease.revision),
    parameter("last_offset", Type::INT8, |f| &f.last_offset),
    parameter("last_at", Type::TIMESTAMPTZ, |f| &f.last_at),
    parameter("last_hash", Type::INT8, |f| &f.last_hash),
    parameter("counts", Type::INT8_ARRAY, |f| &f.counts),
    parameter("letter_offsets", Type::INT8_ARRAY, |f| &f.letters.offsets),
    parameter("letter_ordinals", Type::INT4_ARRAY, |f| &f.letters.ordinals),
    parameter("letter_stages", Type::TEXT_ARRAY, |f| &f.letters.stages),
    parameter("letter_codes", Type::TEXT_ARRAY, |f| &f.letters.codes),
    parameter("letter_messages", Type::TEXT_ARRAY, |f| &f.letters.messages),
    parameter("letter_digests", Type::TEXT_ARRAY, |f| &f.letters.digests),
    parameter("letter_keys", Type::BYTEA_ARRAY, |f| &f.letters.keys),
    parameter("letter_headers", Type::TEXT_ARRAY, |f| &f.letters.headers),
    parameter("letter_values", Type::BYTEA_ARRAY, |f| &f.letters.values),
    parameter("letter_times", Type::TIMESTAMPTZ_ARRAY, |f| {
        &f.letters.record_at
    }),
];

impl<'a> FlushValues<'a> {
    /// A flush of `batch`, which begins at `from_offset` under `lease` and was computed by
    /// `revision`.
    pub(crate) fn new(
        lease: &'a Lease,
        from_offset: i64,
        batch: &'a Computed,
        revision: i32,
        digests: Digests<'_>,
    ) -> Self {
        let last = batch.records.last();
        Self {
            lease,
            from_offset,
            next_offset: batch.next_offset,
            event_time_max: batch.event_time_max.map(Instant),
            revision,
            last_offset: last.map(|r| r.offset),
            last_at: last.and_then(|r| r.timestamp_ms).map(Instant::from_ms),
            last_hash: last.map(|r| r.hash()),
            counts: counts(&batch.counts),
            letters: LetterArrays::new(batch, digests),
        }
    }

    /// Counts `rows` rows as dropped.
    pub(crate) fn dropping(mut self, rows: u64) -> Self {
        self.counts[ROWS] -= rows as i64;
        self.counts[DROPPED] += rows as i64;
        self
    }

    /// The values of [`FLUSH_PARAMETERS`].
    pub(crate) fn values(&self) -> Values<'_> {
        FLUSH_PARAMETERS.iter().map(|p| (p.value)(self)).collect()
    }
}

/// Where [`counts`] has what.
const ROWS: usize = 1;
const DROPPED: usize = 4;

/// What the checkpoint counts, in the order in which the statement adds it.
fn counts(counts: &Counts) -> Vec<i64> {
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
