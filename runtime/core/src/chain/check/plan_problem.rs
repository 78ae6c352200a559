//! What does not fit, in words.

use std::fmt;

/// One thing that does not fit, in one sentence that says what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanProblem {
    /// The transform at fault; `None` when it is the pipeline's.
    pub transform: Option<String>,
    pub message: String,
}

impl fmt::Display for PlanProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.transform {
            Some(name) => write!(f, "transform `{name}`: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

/// Everything that does not fit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
pub struct PlanError {
    pub problems: Vec<PlanProblem>,
}
