//! Dead letters in the log: the first of each code at once, the others as counts.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use gristmill_core::chain::Computed;
use gristmill_kafka::TopicPartition;
use gristmill_postgres::letters::due_letters::{self, waits_for_others};

/// Codes that are told apart: the shipped rules have a dozen, and a rule that makes one of each
/// value must not fill the memory. The rest count as one.
const CODES_MAX: usize = 64;
const OTHER: &str = "other";

/// Dead letters of one pipeline by code, since they were last logged.
#[derive(Default)]
pub struct LetterLog {
    by_code: Mutex<BTreeMap<String, u64>>,
    /// When there was last one whose row another was in the way of.
    waited_for_others: Mutex<Option<Instant>>,
}

impl LetterLog {
    /// Counts the dead letters of a batch that has committed. A code that is new is logged.
    pub fn add(&self, pipeline: &str, partition: &TopicPartition, batch: &Computed) {
        if batch.dead_letters.is_empty() {
            return;
        }
        if batch.dead_letters.iter().any(waits_for_others) {
            self.expect_due();
        }
        let mut by_code = self.by_code.lock().unwrap_or_else(PoisonError::into_inner);
        for letter in &batch.dead_letters {
            if let Some(count) = by_code.get_mut(&*letter.code) {
                *count += 1;
            } else if by_code.len() >= CODES_MAX {
                *by_code.entry(OTHER.to_owned()).or_default() += 1;
            } else {
                by_code.insert(letter.code.to_string(), 0);
                tracing::warn!(
                    pipeline,
                    topic = &*partition.topic,
                    partition = partition.partition,
                    offset = batch.records.get(letter.record as usize).offset,
                    code = &*letter.code,
                    "{}; the first dead letter of this code: `gristmill dead-letters list` shows \
                     all",
                    letter.message
                );
            }
        }
    }

    /// There may be letters that another row was in the way of: they are looked for from now on.
    pub fn expect_due(&self) {
        *self.waited_for_others() = Some(Instant::now());
    }

    /// Whether some may be due to be tried again.
    pub fn may_be_due(&self) -> bool {
        let last = *self.waited_for_others();
        last.is_some_and(|last| last.elapsed() < due_letters::FOR)
    }

    fn waited_for_others(&self) -> MutexGuard<'_, Option<Instant>> {
        let last = self.waited_for_others.lock();
        last.unwrap_or_else(PoisonError::into_inner)
    }

    /// Logs how many there were since the last call.
    pub fn summarize(&self, pipeline: &str, topic: &str) {
        let mut by_code = self.by_code.lock().unwrap_or_else(PoisonError::into_inner);
        for (code, count) in by_code.iter_mut().filter(|(_, count)| **count > 0) {
            let dead_letters = std::mem::take(count);
            tracing::warn!(
                pipeline,
                topic,
                code,
                dead_letters,
                "more dead letters of this code"
            );
        }
    }
}
