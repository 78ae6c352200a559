//! What is wrong with a pipeline file, for people.

use std::fmt;
use std::path::PathBuf;

/// One thing that is wrong, where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// From 1; 0 where it belongs to no line.
    pub line: usize,
    pub message: String,
}

/// Everything that is wrong with a pipeline file.
#[derive(Debug)]
pub struct ConfigError {
    pub path: PathBuf,
    pub problems: Vec<Problem>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.problems.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            match problem.line {
                0 => write!(f, "{}: {}", self.path.display(), problem.message)?,
                line => write!(f, "{}:{line}: {}", self.path.display(), problem.message)?,
            }
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}
