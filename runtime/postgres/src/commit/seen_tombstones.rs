//! What flushes have seen of tombstones, so that most of them need not look for any.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use crate::commit::flush_error::FlushError;

/// How long it is taken for granted that keys are deleted once more. To find out costs one flush
/// that is refused, and a line in the server's log: an hour makes both rare.
const RECUR_SECS: u64 = 3600;

/// Shared by all flushes of a sink.
#[derive(Debug)]
pub(crate) struct SeenTombstones {
    are_some: AtomicBool,
    /// Until then keys are deleted once more, seconds since `began`.
    recur_until: AtomicU64,
    began: Instant,
}

/// What one flush goes by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TombstonesSeen {
    /// Whether the table has tombstones: from the first flush on that Postgres has refused because
    /// it did not read them.
    pub(crate) are_some: bool,
    /// Whether keys are deleted that have one already: since such a flush was refused.
    pub(crate) recur: bool,
}

impl SeenTombstones {
    pub(crate) fn new() -> Self {
        Self {
            are_some: AtomicBool::new(false),
            recur_until: AtomicU64::new(0),
            began: Instant::now(),
        }
    }

    pub(crate) fn now(&self) -> TombstonesSeen {
        TombstonesSeen {
            are_some: self.are_some.load(Ordering::Relaxed),
            recur: self.began.elapsed().as_secs() < self.recur_until.load(Ordering::Relaxed),
        }
    }

    /// What a flush should have gone by that went by `seen` and ended with `error`. `None`: it
    /// failed for another reason.
    pub(crate) fn learn(&self, error: &FlushError, seen: TombstonesSeen) -> Option<TombstonesSeen> {
        if error.is_heedless() && !seen.are_some {
            self.are_some.store(true, Ordering::Relaxed);
            let are_some = true;
            return Some(TombstonesSeen { are_some, ..seen });
        }
        if error.is_of_a_tombstone() && !seen.recur {
            let until = self.began.elapsed().as_secs() + RECUR_SECS;
            self.recur_until.store(until, Ordering::Relaxed);
            let recur = true;
            return Some(TombstonesSeen { recur, ..seen });
        }
        None
    }

    /// The table has no tombstones any more.
    pub(crate) fn none_are_left(&self) {
        self.are_some.store(false, Ordering::Relaxed);
        self.recur_until.store(0, Ordering::Relaxed);
    }
}
