//! How far event time has come in one partition.

/// Follows the highest event time, record by record in offset order.
///
/// The rows of one record are judged against the records before it, so that a split has no order of
/// its own.
#[derive(Clone, Copy, Debug)]
pub struct Watermark {
    delay_us: i64,
    /// The highest event time of the records before `record`.
    before: Option<i64>,
    /// The highest event time of all records.
    event_time_max: Option<i64>,
    record: Option<u32>,
}

impl Watermark {
    /// `event_time_max`: of the records before the batch, microseconds; `delay_us`: how far the
    /// watermark trails it.
    pub fn new(event_time_max: Option<i64>, delay_us: i64) -> Self {
        Self {
            delay_us,
            before: event_time_max,
            event_time_max,
            record: None,
        }
    }

    /// Whether a row of `record` at `event_time_us` is behind the watermark; the row counts for the
    /// records after it.
    pub fn is_late(&mut self, record: u32, event_time_us: i64) -> bool {
        if self.record != Some(record) {
            self.record = Some(record);
            self.before = self.event_time_max;
        }
        self.event_time_max = self.event_time_max.max(Some(event_time_us));
        self.before
            .is_some_and(|max| event_time_us < max.saturating_sub(self.delay_us))
    }

    /// The highest event time judged so far, microseconds.
    pub fn event_time_max(&self) -> Option<i64> {
        self.event_time_max
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_judged_by_those_before_it() {
        let mut watermark = Watermark::new(None, 10);
        assert!(!watermark.is_late(0, 100));
        // Exactly at the watermark is not behind it.
        assert!(!watermark.is_late(1, 90));
        assert!(watermark.is_late(2, 89));
        // Both rows of a split are judged alike, whichever comes first.
        assert!(!watermark.is_late(3, 200));
        assert!(!watermark.is_late(3, 95));
        assert!(watermark.is_late(4, 95));
        assert_eq!(watermark.event_time_max(), Some(200));
    }

    #[test]
    fn the_checkpoint_counts() {
        let mut watermark = Watermark::new(Some(i64::MIN + 5), 10);
        assert!(!watermark.is_late(0, i64::MIN));
        let mut watermark = Watermark::new(Some(100), 10);
        assert!(watermark.is_late(0, 89));
        assert_eq!(watermark.event_time_max(), Some(100));
    }
}
