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

use gristmill_core::chain::StepsBackAt;
use gristmill_postgres::commit::checkpoint::LeftOut;
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
         what the topic has by then be left out: `gristmill resume FILE --partition {partition}`"
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
    /// Somebody knows, and lets rows below this offset be left out.
    Off { until: i64 },
}

impl Watch {
    /// How the partition is watched after its worker has ended, and whoever had to act has.
    pub(super) fn after(self, ended: &Ended) -> Self {
        let (Ended::Restart(error) | Ended::Halt(error)) = ended else {
            return self;
        };
        match error.downcast_ref() {
            Some(NewLog::Suspected { until, .. }) => Self::Whole { until: *until },
            Some(NewLog::Found { .. }) => Self::Sampled,
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
    /// What the checkpoint knows of it.
    stored: LeftOut,
}

impl NewLogWatch {
    /// For a partition that begins at `next_offset` with `revision`, and of which `stored` is
    /// known.
    pub(super) fn new(
        partition: i32,
        next_offset: i64,
        revision: i32,
        watch: Watch,
        stored: LeftOut,
    ) -> Self {
        let watch = match watch {
            Watch::Whole { until } if until > next_offset => watch,
            _ => match stored.allowed_until(revision) {
                Some(until) if until > next_offset => Watch::Off { until },
                _ => Watch::Sampled,
            },
        };
        // A whole look counts anew.
        let suspected = stored.from.filter(|_| watch == Watch::Sampled);
        let from = suspected.map_or(next_offset, |from| from.min(next_offset));
        Self {
            partition,
            watch,
            from,
            last: from,
            lost: suspected.map_or(0, |_| stored.rows.unsigned_abs()),
            looked: None,
            stored,
        }
    }

    /// The same for the next revision.
    pub(super) fn of_next(&self, next_offset: i64, revision: i32) -> Self {
        let forgotten = LeftOut {
            rows: 0,
            from: None,
            ..self.stored
        };
        Self {
            stored: self.stored,
            ..Self::new(
                self.partition,
                next_offset,
                revision,
                Watch::Sampled,
                forgotten,
            )
        }
    }

    /// What the checkpoint is to know, where that is something else now.
    pub(super) fn news(&mut self) -> Option<LeftOut> {
        let is_suspicious = self.watch == Watch::Sampled && self.lost > 0;
        let known = LeftOut {
            rows: if is_suspicious { self.lost as i64 } else { 0 },
            from: is_suspicious.then_some(self.from),
            ..self.stored
        };
        let is_whole = matches!(self.watch, Watch::Whole { .. });
        (!is_whole && std::mem::replace(&mut self.stored, known) != known).then_some(known)
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

    /// Notes a batch that has committed: the offset after it, what stepped back in it, and what
    /// became of its rows, where that was looked up.
    pub(super) fn add(
        &mut self,
        next_offset: i64,
        steps_back: &StepsBackAt,
        fate: Option<Fate>,
    ) -> Option<NewLog> {
        if let Watch::Off { until } = self.watch {
            if next_offset >= until {
                self.begin_anew(next_offset);
            }
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
        let in_chain = (steps_back.though_later > 0).then_some(steps_back.first_offset);
        let first = lost_from.into_iter().chain(in_chain).min();
        if let (0, Some(first), Watch::Whole { .. }) = (self.lost, first, self.watch) {
            self.from = first;
        }
        self.lost = match (lost + steps_back.though_later, self.watch) {
            (0, Watch::Sampled) => self.lost.saturating_sub(won),
            // Each row is looked at: what has lost stays so, whatever wins beside it.
            (lost, _) => self.lost + lost,
        };
        if self.lost == 0 && fate.is_some() {
            self.from = std::mem::replace(&mut self.last, next_offset);
        }
        let (from, lost) = (self.from, self.lost);
        match self.watch {
            Watch::Sampled if lost >= LOST_MAX => Some(NewLog::Suspected {
                from,
                until: next_offset,
            }),
            Watch::Whole { .. } if lost >= LOST_MAX => Some(NewLog::Found {
                partition: self.partition,
                from,
                lost,
            }),
            Watch::Whole { until } if next_offset >= until => {
                // Too few for a log that has begun anew.
                self.begin_anew(next_offset);
                None
            }
            _ => None,
        }
    }

    /// Nothing below `next_offset` is suspicious any more.
    fn begin_anew(&mut self, next_offset: i64) {
        (self.watch, self.lost) = (Watch::Sampled, 0);
        (self.from, self.last) = (next_offset, next_offset);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: StepsBackAt = StepsBackAt {
        rows: 0,
        first_offset: 0,
        longest_us: 0,
        though_later: 0,
    };

    fn lost(rows: u64, from: i64) -> Option<Fate> {
        Some(Fate {
            won: 0,
            lost: rows,
            lost_from: Some(from),
        })
    }

    fn won(rows: u64) -> Option<Fate> {
        Some(Fate {
            won: rows,
            lost: 0,
            lost_from: None,
        })
    }

    fn watch(next_offset: i64, watch: Watch, stored: LeftOut) -> NewLogWatch {
        NewLogWatch::new(0, next_offset, 7, watch, stored)
    }

    /// With more restarts than rows that lose it would never be noticed, and what lost before would
    /// be out of sight.
    #[test]
    fn what_lost_before_a_restart_counts_and_is_read_again() {
        let mut before = watch(100, Watch::Sampled, LeftOut::default());
        assert_eq!(before.add(110, &NONE, lost(19, 103)), None);
        let known = before.news().expect("it is suspicious");
        assert_eq!((known.rows, known.from), (19, Some(100)));
        assert_eq!(before.news(), None, "nothing new");
        let mut after = watch(110, Watch::Sampled, known);
        let suspected = after.add(120, &NONE, lost(1, 115));
        let until = 120;
        assert_eq!(suspected, Some(NewLog::Suspected { from: 100, until }));
        // Where nothing loses any more, that is known, too.
        let mut well = watch(110, Watch::Sampled, known);
        assert_eq!(well.add(120, &NONE, won(20)), None);
        assert_eq!(well.news(), Some(LeftOut::default()));
    }

    #[test]
    fn what_wins_beside_it_hides_no_first_loser_from_a_whole_look() {
        let mut whole = watch(100, Watch::Whole { until: 200 }, LeftOut::default());
        assert_eq!(whole.add(110, &NONE, lost(1, 104)), None);
        assert_eq!(whole.add(120, &NONE, won(500)), None);
        let found = whole.add(130, &NONE, lost(19, 121));
        let (partition, from, lost_) = (0, 104, 20);
        let expected = NewLog::Found {
            partition,
            from,
            lost: lost_,
        };
        assert_eq!(found, Some(expected));
        let mut few = watch(100, Watch::Whole { until: 200 }, LeftOut::default());
        assert_eq!(few.add(200, &NONE, lost(19, 104)), None);
        assert_eq!(few.watch, Watch::Sampled);
    }

    #[test]
    fn what_somebody_lets_be_left_out_ends_where_the_topic_did() {
        let resumed = LeftOut {
            halted: Some(7),
            until: Some(150),
            ..LeftOut::default()
        };
        let mut off = watch(100, Watch::Sampled, resumed);
        assert_eq!(off.look_up(), 0);
        assert_eq!(off.add(110, &NONE, lost(50, 100)), None);
        assert_eq!(off.news(), None);
        assert_eq!(off.of_next(110, 8).watch, Watch::Sampled);
        assert_eq!(off.add(160, &NONE, lost(50, 110)), None);
        assert!(off.look_up() > 0, "from there on it looks again");
        let suspected = off.add(180, &NONE, lost(20, 170));
        let (from, until) = (160, 180);
        assert_eq!(suspected, Some(NewLog::Suspected { from, until }));
        assert_eq!(watch(150, Watch::Sampled, resumed).watch, Watch::Sampled);
    }

    #[test]
    fn it_goes_on_by_a_request_from_after_the_halt_alone() {
        let halted = LeftOut {
            halted: Some(7),
            request: 3,
            ..LeftOut::default()
        };
        assert!(halted.halts(7, 3) && !halted.halts(7, 4) && !halted.halts(8, 3));
        let until = Some(9);
        assert!(!LeftOut { until, ..halted }.halts(7, 3), "it was resumed");
    }
}
