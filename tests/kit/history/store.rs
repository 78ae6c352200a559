//! Where a history commits.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use gristmill_core::chain::Computed;
use gristmill_core::dead_letter::DeadLetter;

/// What a host learns when it takes a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    pub partition: i32,
    pub epoch: i64,
    pub next_offset: i64,
    pub event_time_max_us: Option<i64>,
    /// The topic that `next_offset` is an offset of.
    pub topic: usize,
    /// How often the partition's offsets began anew, and one.
    pub log: i32,
    /// Records below it are counted already.
    pub counted_below: i64,
}

/// What became of a flush.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    Committed,
    /// Somebody else has the partition, or the checkpoint is elsewhere.
    Fenced,
    /// Nothing happened: these rows cannot be written.
    Refused(Vec<DeadLetter>),
}

/// What is found in the end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Name, and whether it is deleted, of each id.
    pub people: BTreeMap<i64, (String, bool)>,
    /// Log, partition and offset of each dead letter.
    pub letters: BTreeSet<(i32, i32, i64)>,
    /// Records that all flushes together say they did.
    pub records: i64,
    /// Rows that the guard turned away, where that is known.
    pub stale: Option<u64>,
}

/// The commit's side of the protocol. Two implementations exist: a model in memory, and PostgreSQL.
pub trait Store {
    /// Takes a partition for `host`, which sees the topic `topic`.
    fn take(
        &mut self,
        host: usize,
        partition: i32,
        topic: usize,
    ) -> impl Future<Output = Result<Claim>>;

    /// Accepts that the topic is another one, `topic`, and moves the checkpoint to its beginning.
    /// `None`: the claim is no longer good.
    fn begin_anew(
        &mut self,
        claim: Claim,
        topic: usize,
    ) -> impl Future<Output = Result<Option<Claim>>>;

    /// Halts the partition, whose records are to be read again from `offset` on. `false`: the claim
    /// is no longer good.
    fn halt_before(&mut self, claim: Claim, offset: i64) -> impl Future<Output = Result<bool>>;

    /// Commits `batch`, which begins at `from_offset`.
    fn flush(
        &mut self,
        claim: Claim,
        from_offset: i64,
        batch: &Computed,
    ) -> impl Future<Output = Result<Answer>>;

    fn outcome(&mut self) -> impl Future<Output = Result<Outcome>>;
}
