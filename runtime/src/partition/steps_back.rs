//! The warning that a row lost to one before it: the clock of who made it stepped back.

use std::time::{Duration, Instant};

use gristmill_core::chain::StepsBackAt;
use gristmill_kafka::TopicPartition;

/// The least time between two warnings of a partition: a source whose clock is behind would fill
/// the log.
const PAUSE: Duration = Duration::from_secs(60);

/// Warns of a partition's rows that lost though they came later.
#[derive(Debug, Default)]
pub(super) struct StepsBackLog {
    warned: Option<Instant>,
    /// Rows since the last warning.
    rows: u64,
}

impl StepsBackLog {
    /// Notes what a committed batch found, and warns unless it did so a moment ago.
    pub(super) fn add(&mut self, pipeline: &str, partition: &TopicPartition, found: &StepsBackAt) {
        if found.rows == 0 {
            return;
        }
        self.rows += found.rows;
        if self.warned.is_some_and(|at| at.elapsed() < PAUSE) {
            return;
        }
        self.warned = Some(Instant::now());
        tracing::warn!(
            pipeline,
            topic = %partition.topic,
            partition = partition.partition,
            offset = found.first_offset,
            rows = std::mem::take(&mut self.rows),
            back_ms = found.longest_us / 1_000,
            "rows were left out, because a row of the same key that stands before them in the \
             partition has a later event time: the clock of their source may have stepped back, or \
             they were sent late"
        );
    }
}
