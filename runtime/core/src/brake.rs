//! The brake on dead letters: a format change must not empty a topic into them.

use std::collections::VecDeque;

use crate::chain::Counts;

/// Records that the ratio is taken over: enough that a handful of bad ones is no trend.
const WINDOW_RECORDS: u64 = 1_000;

/// More of the last records would become dead letters than the limit allows.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error(
    "{dead_letters} of the last {records} records would become dead letters, more than \
     dead_letters.ratio_max = {ratio_max} allows: look at them with `gristmill dead-letters \
     list`, mend the producer or the rules (or raise the limit), and start again"
)]
pub struct TooManyDeadLetters {
    pub dead_letters: u64,
    pub records: u64,
    pub ratio_max: f64,
}

/// Dead letters among the last records of one partition, and how many of them are too many.
pub struct DeadLetterBrake {
    ratio_max: f64,
    /// Records and dead letters of committed batches, the newest last.
    window: VecDeque<(u64, u64)>,
    records: u64,
    dead_letters: u64,
}

impl DeadLetterBrake {
    /// A brake that has seen no record; `ratio_max` is a share of 1.
    pub fn new(ratio_max: f64) -> Self {
        Self {
            ratio_max,
            window: VecDeque::new(),
            records: 0,
            dead_letters: 0,
        }
    }

    /// Refuses a batch, not yet committed, that would take the ratio above its limit.
    pub fn check(&self, counts: &Counts) -> Result<(), TooManyDeadLetters> {
        let records = self.records + counts.records;
        let dead_letters = self.dead_letters + counts.dead_letters;
        if records >= WINDOW_RECORDS && dead_letters as f64 > self.ratio_max * records as f64 {
            return Err(TooManyDeadLetters {
                dead_letters,
                records,
                ratio_max: self.ratio_max,
            });
        }
        Ok(())
    }

    /// Counts a batch that was committed.
    pub fn committed(&mut self, counts: &Counts) {
        self.window.push_back((counts.records, counts.dead_letters));
        self.records += counts.records;
        self.dead_letters += counts.dead_letters;
        while let Some(&(records, dead_letters)) = self.window.front() {
            if self.records - records < WINDOW_RECORDS {
                break;
            }
            self.records -= records;
            self.dead_letters -= dead_letters;
            self.window.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(records: u64, dead_letters: u64) -> Counts {
        Counts {
            records,
            dead_letters,
            ..Counts::default()
        }
    }

    #[test]
    fn a_few_bad_records_are_no_trend_and_old_good_ones_do_not_hide_a_change() {
        let mut brake = DeadLetterBrake::new(0.05);
        assert!(brake.check(&counts(999, 999)).is_ok());
        assert!(brake.check(&counts(1_000, 50)).is_ok());
        assert!(brake.check(&counts(1_000, 51)).is_err());
        for _ in 0..100 {
            brake.committed(&counts(1_000, 0));
        }
        assert!(brake.check(&counts(200, 100)).is_err());
    }
}
