//! What components log, on its way to the operator.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::bindings::gristmill::transform::log::Level;
use crate::heard::{Heard, HeardLine};

/// The log of one transform, shared by the instances that follow each other.
#[derive(Clone)]
pub(crate) struct Log {
    transform: Arc<str>,
    gate: Arc<Mutex<Gate>>,
    /// Where the lines go instead.
    heard: Option<Heard>,
}

/// Lets `lines_per_second` lines through in each second.
struct Gate {
    lines_per_second: u32,
    since: Instant,
    passed: u32,
    suppressed: u64,
}

impl Log {
    pub(crate) fn new(transform: &str, lines_per_second: u32, heard: Option<Heard>) -> Self {
        let gate = Gate {
            lines_per_second,
            since: Instant::now(),
            passed: 0,
            suppressed: 0,
        };
        Self {
            transform: transform.into(),
            gate: Arc::new(Mutex::new(gate)),
            heard,
        }
    }

    pub(crate) fn transform(&self) -> &str {
        &self.transform
    }

    pub(crate) fn write(&self, level: Level, message: &str) {
        if let Some(heard) = &self.heard {
            return heard.note(HeardLine {
                transform: self.transform.to_string(),
                level: name(level),
                message: message.to_owned(),
            });
        }
        let ((passes, suppressed), max) = {
            let mut gate = self.gate.lock().unwrap_or_else(PoisonError::into_inner);
            (gate.admit(Instant::now()), gate.lines_per_second)
        };
        let transform = &*self.transform;
        if suppressed > 0 {
            tracing::warn!(
                transform,
                suppressed,
                "transform `{transform}` logged {suppressed} more lines than log_lines_per_second \
                 = {max} lets through: log less, or raise it in the transform's limits"
            );
        }
        if passes {
            // What follows a line break must not look like a line of the host's.
            let message = message.replace('\n', "\n    ");
            match level {
                Level::Debug => tracing::debug!(transform, "{message}"),
                Level::Info => tracing::info!(transform, "{message}"),
                Level::Warn => tracing::warn!(transform, "{message}"),
                Level::Error => tracing::error!(transform, "{message}"),
            }
        }
    }
}

fn name(level: Level) -> &'static str {
    match level {
        Level::Debug => "debug",
        Level::Info => "info",
        Level::Warn => "warn",
        Level::Error => "error",
    }
}

impl Gate {
    /// Whether a line may pass at `now`, and how many did not in the second that has ended.
    fn admit(&mut self, now: Instant) -> (bool, u64) {
        let mut suppressed = 0;
        if now.duration_since(self.since) >= Duration::from_secs(1) {
            suppressed = std::mem::take(&mut self.suppressed);
            (self.since, self.passed) = (now, 0);
        }
        let passes = self.passed < self.lines_per_second;
        if passes {
            self.passed += 1;
        } else {
            self.suppressed += 1;
        }
        (passes, suppressed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_counted_and_the_next_second_says_so() {
        let start = Instant::now();
        let mut gate = Gate {
            lines_per_second: 2,
            since: start,
            passed: 0,
            suppressed: 0,
        };
        let passed = (0..1_000).filter(|_| gate.admit(start).0).count();
        assert_eq!(passed, 2);
        assert_eq!(gate.admit(start + Duration::from_secs(1)), (true, 998));
        assert_eq!(gate.admit(start + Duration::from_secs(1)), (true, 0));
    }
}
