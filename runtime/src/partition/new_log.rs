//! A source whose log has begun anew: a new server, or one restored from a dump. By the order columns
//! all that happens from then on is older than what the table has, and would be left out for ever.
//!
//! What is left out is looked at where it costs nothing: rows that lose to what the chain knows are
//! counted there, and of what is handed to Postgres the rows of twenty keys are looked up after the
//! flush, once a second, or after each flush while there is a suspicion.

use std::time::{Duration, Instant};

use gristmill_core::chain::Computed;
use gristmill_postgres::commit::fate::Fate;

/// How often rows are looked up where nothing is suspicious.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// So many rows lose, though they happened later, before the partition halts. An incremental
/// snapshot and a connector that sends records twice make some, and newer rows between them.
const LOST_MAX: u64 = 20;

/// What a partition halts for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the source's log has begun anew: {lost} rows were left out, as the table has newer ones of \
     their keys by the order columns, which yet happened earlier. Nothing is lost: raise `epoch` in \
     the normalizer's config in the pipeline file and run `gristmill evolve FILE`, and the records \
     from offset {from} on are read again. Or let them be left out: `gristmill resume FILE \
     --partition {partition}`"
)]
pub(super) struct NewLog {
    pub(super) partition: i32,
    /// None before it was left out.
    pub(super) from: i64,
    lost: u64,
}

/// Watches one partition for it.
#[derive(Debug)]
pub(super) struct NewLogWatch {
    partition: i32,
    /// Below, nothing is suspicious.
    from: i64,
    /// The same of the last look. A look may miss what is left out among much else, so the one
    /// before it counts.
    last: i64,
    lost: u64,
    looked: Option<Instant>,
    /// Somebody knows, and lets rows be left out.
    is_accepted: bool,
}

impl NewLogWatch {
    /// For a partition that begins at `next_offset`.
    pub(super) fn new(partition: i32, next_offset: i64, is_accepted: bool) -> Self {
        Self {
            partition,
            from: next_offset,
            last: next_offset,
            lost: 0,
            looked: None,
            is_accepted,
        }
    }

    /// Whether the rows of the next flush are to be looked up.
    pub(super) fn is_due(&self) -> bool {
        let is_late = self.looked.is_none_or(|at| at.elapsed() >= LOOK_EVERY);
        !self.is_accepted && (self.lost > 0 || is_late)
    }

    /// Notes a batch that has committed, and what became of its rows, where that was looked up.
    pub(super) fn add(&mut self, computed: &Computed, fate: Option<Fate>) -> Option<NewLog> {
        if self.is_accepted {
            return None;
        }
        if fate.is_some() {
            self.looked = Some(Instant::now());
        }
        let Fate { won, lost } = fate.unwrap_or_default();
        let lost = lost + computed.steps_back.though_later;
        self.lost = match lost {
            0 => self.lost.saturating_sub(won),
            lost => self.lost + lost,
        };
        if self.lost == 0 && fate.is_some() {
            self.from = std::mem::replace(&mut self.last, computed.next_offset);
        }
        (self.lost >= LOST_MAX).then_some(NewLog {
            partition: self.partition,
            from: self.from,
            lost: self.lost,
        })
    }
}
