//! What a rule found.

use std::fmt;

/// One place that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    /// Relative to the top of the repository.
    pub file: String,
    /// Counted from 1; 0 stands for the whole file.
    pub line: usize,
    pub what: String,
}

impl Fault {
    /// A fault at a line.
    pub fn new(file: &str, line: usize, what: impl Into<String>) -> Self {
        Self {
            file: file.to_owned(),
            line,
            what: what.into(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.file, self.what),
            line => write!(f, "{}:{line}: {}", self.file, self.what),
        }
    }
}

/// Fails, with all faults in order, when there is one.
#[cfg(test)]
pub(crate) fn none(faults: impl IntoIterator<Item = Fault>) {
    let mut faults: Vec<_> = faults.into_iter().collect();
    faults.sort();
    let count = faults.len();
    let lines: Vec<_> = faults.iter().map(Fault::to_string).collect();
    assert!(count == 0, "faults: {count}\n{}", lines.join("\n"));
}
