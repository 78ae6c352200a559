//! The brake on dead letters: a format change must not empty a topic into them.

use std::collections::VecDeque;

use anyhow::bail;
use gristmill_core::chain::Counts;

/// Records that the ratio is taken over: enough that a handful of bad ones is no trend.
const WINDOW_RECORDS: u64 = 1_000;

/// Dead letters among the last records of one partition.
pub(crate) struct Ratio {
    max: f64,
    /// Records and dead letters of committed batches, the newest last.
    window: VecDeque<(u64, u64)>,
    records: u64,
    dead_letters: u64,
}

impl Ratio {
    pub(crate) fn new(max: f64) -> Self {
        Self {
            max,
            window: VecDeque::new(),
            records: 0,
            dead_letters: 0,
        }
    }

    /// An error when this batch, not yet committed, takes the ratio above its limit.
    pub(crate) fn check(&self, counts: &Counts) -> anyhow::Result<()> {
        let records = self.records + counts.records;
        let dead_letters = self.dead_letters + counts.dead_letters;
        if records >= WINDOW_RECORDS && dead_letters as f64 > self.max * records as f64 {
            bail!(
                "{dead_letters} of the last {records} records would become dead letters, more \
                 than dead_letters.ratio_max = {} allows: look at them with `gristmill \
                 dead-letters list`, mend the producer or the rules (or raise the limit), and \
                 start again",
                self.max
            );
        }
        Ok(())
    }

    pub(crate) fn committed(&mut self, counts: &Counts) {
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
        let mut ratio = Ratio::new(0.05);
        assert!(ratio.check(&counts(999, 999)).is_ok());
        assert!(ratio.check(&counts(1_000, 50)).is_ok());
        assert!(ratio.check(&counts(1_000, 51)).is_err());
        for _ in 0..100 {
            ratio.committed(&counts(1_000, 0));
        }
        assert!(ratio.check(&counts(200, 100)).is_err());
    }
}
