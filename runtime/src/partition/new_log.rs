//! A source whose log has begun anew: a new server, or one restored from a dump. By the order
//! columns all that happens from then on is older than what the table has, and would be left out
//! for ever.
//!
//! What is left out is looked at where it costs nothing: rows that lose to what the chain knows are
//! counted there, and of what is handed to Postgres the rows of twenty keys are looked up after the
//! flush, once a second, or after each flush while there is a suspicion. Where twenty rows have
//! lost, the partition reads once more what it read since the last look that found nothing, which
//! does no harm, and looks up every row: so it halts before the very first one that lost. An epoch
//! must begin there: what the log had before it is older, whatever its order columns say.

use std::time::{Duration, Instant};

use gristmill_core::chain::Computed;
use gristmill_postgres::commit::fate::Fate;

use crate::partition::ended::Ended;

/// How often rows are looked up where nothing is suspicious, and how many.
const LOOK_EVERY: Duration = Duration::from_secs(1);
const LOOK_UP: usize = 20;
/// So many rows lose, though they happened later, before the partition halts. An incremental
/// snapshot and a connector that sends records twice make some, and newer rows between them.
const LOST_MAX: u64 = 20;

/// Why a partition cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NewLog {
    #[error(
        "rows were left out that happened later than those that the table has: reading again from \
         offset {from} on, to find the first of them"
    )]
    Suspected {
        from: i64,
        /// Where it was suspected.
        until: i64,
    },
    #[error(
        "the source's log has begun anew at offset {from}: {lost} rows and more were left out, as \
         the table has newer ones of their keys by the order columns, which yet happened earlier. \
         Nothing is lost: raise `epoch` in the normalizer's config in the pipeline file and run \
         `gristmill evolve FILE`, and the records from offset {from} on are read again. Or let \
         them be left out: `gristmill resume FILE --partition {partition}`"
    )]
    Found {
        partition: i32,
        from: i64,
        lost: u64,
    },
}

/// How a partition is watched for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Watch {
    #[default]
    Sampled,
    /// Each row below this offset is looked up.
    Whole { until: i64 },
    /// Somebody knows, and lets rows of this revision be left out.
    Off { revision: i32 },
}

impl Watch {
    /// How the partition is watched after its worker has ended, and whoever had to act has.
    pub(super) fn after(self, ended: &Ended, revision: i32) -> Self {
        let (Ended::Restart(error) | Ended::Halt(error)) = ended else {
            return self;
        };
        match error.downcast_ref() {
            Some(NewLog::Suspected { until, .. }) => Self::Whole { until: *until },
            Some(NewLog::Found { .. }) => Self::Off { revision },
            None => self,
        }
    }
}

/// Watches one partition for it.
#[derive(Debug)]
pub(super) struct NewLogWatch {
    partition: i32,
    watch: Watch,
    /// Below, nothing is suspicious.
    from: i64,
    /// The same of the last look. A look may miss what is left out among much else, so the one
    /// before it counts.
    last: i64,
    lost: u64,
    looked: Option<Instant>,
}

impl NewLogWatch {
    /// For a partition that begins at `next_offset` with `revision`.
    pub(super) fn new(partition: i32, next_offset: i64, revision: i32, watch: Watch) -> Self {
        let watch = match watch {
            // The revision that was resumed is another one's predecessor now.
            Watch::Off { revision: of } if of != revision => Watch::Sampled,
            Watch::Whole { until } if until <= next_offset => Watch::Sampled,
            watch => watch,
        };
        Self {
            partition,
            watch,
            from: next_offset,
            last: next_offset,
            lost: 0,
            looked: None,
        }
    }

    /// How many rows of the next flush are to be looked up.
    pub(super) fn look_up(&self) -> usize {
        let is_due = self.looked.is_none_or(|at| at.elapsed() >= LOOK_EVERY);
        match self.watch {
            Watch::Off { .. } => 0,
            Watch::Whole { .. } => usize::MAX,
            Watch::Sampled if self.lost > 0 || is_due => LOOK_UP,
            Watch::Sampled => 0,
        }
    }

    /// Notes a batch that has committed, and what became of its rows, where that was looked up.
    pub(super) fn add(&mut self, computed: &Computed, fate: Option<Fate>) -> Option<NewLog> {
        if let Watch::Off { .. } = self.watch {
            return None;
        }
        if fate.is_some() {
            self.looked = Some(Instant::now());
        }
        let Fate {
            won,
            lost,
            lost_from,
        } = fate.unwrap_or_default();
        let steps_back = &computed.steps_back;
        let in_chain = (steps_back.though_later > 0).then_some(steps_back.first_offset);
        let first = lost_from.into_iter().chain(in_chain).min();
        if let (0, Some(first), Watch::Whole { .. }) = (self.lost, first, self.watch) {
            self.from = first;
        }
        self.lost = match lost + steps_back.though_later {
            0 => self.lost.saturating_sub(won),
            lost => self.lost + lost,
        };
        if self.lost == 0 && fate.is_some() {
            self.from = std::mem::replace(&mut self.last, computed.next_offset);
        }
        let (from, lost) = (self.from, self.lost);
        match self.watch {
            Watch::Sampled if lost >= LOST_MAX => Some(NewLog::Suspected {
                from,
                until: computed.next_offset,
            }),
            Watch::Whole { .. } if lost >= LOST_MAX => Some(NewLog::Found {
                partition: self.partition,
                from,
                lost,
            }),
            Watch::Whole { until } if lost == 0 && computed.next_offset >= until => {
                self.watch = Watch::Sampled;
                None
            }
            _ => None,
        }
    }
}
