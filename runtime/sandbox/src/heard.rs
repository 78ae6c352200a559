//! What components log, kept for whoever tries a rule.

use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;

/// Lines that are kept. 200: more than anybody reads of one event, and a rule that is run a
/// thousand times over logs as often.
const LINES_MAX: usize = 200;

/// A line of a rule's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HeardLine {
    pub transform: String,
    /// `debug`, `info`, `warn` or `error`.
    pub level: &'static str,
    pub message: String,
}

/// The lines that rules logged since they were taken last: the first 200. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Heard(Arc<Mutex<Vec<HeardLine>>>);

impl Heard {
    /// Takes the lines.
    pub fn take(&self) -> Vec<HeardLine> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn note(&self, line: HeardLine) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() < LINES_MAX {
            lines.push(line);
        }
    }
}
