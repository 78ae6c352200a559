//! A rule as the chain sees it: a pure function from batch to output, sandboxed or native.

use crate::column::{Batch, Column};
use crate::plan::Plan;

/// A transform that has been opened with its config. One instance belongs to one worker.
///
/// Two implementations exist: a component in the sandbox, and a native rule (benchmarks,
/// simulations).
pub trait Transform: Send {
    /// The name in the pipeline, for messages.
    fn name(&self) -> &str;

    /// What it declared when it was opened. Never changes.
    fn plan(&self) -> &Plan;

    /// Says that the next call is the first of a new batch, whole or in parts: what was spent on
    /// finding the bad rows of the last one is forgotten.
    fn begin_batch(&mut self) {}

    /// Runs the rule on `input`, whose columns are [`Plan::input_fields`].
    ///
    /// `Ok` promises an output that has been checked against the plan: columns as `writes` in
    /// layout and length, `source_rows` and rejections in range, codes declared, nothing null
    /// that is not nullable, an enricher in order. Pure: the same batch gives the same output,
    /// whole or split. After `Err` the transform can be called again; it has replaced its own
    /// instance if it had to.
    fn apply(&mut self, input: &Batch) -> Result<Output, Fault>;
}

/// What a transform made of a batch.
#[derive(Clone, Debug)]
pub struct Output {
    /// The columns of the plan's `writes`, in that order, each `rows` long.
    pub columns: Vec<Column>,
    pub rows: usize,
    /// The input row of each output row. `None`: row `i` comes from row `i`.
    pub source_rows: Option<Vec<u32>>,
    pub rejections: Vec<Rejection>,
}

/// An input row that the rule cannot use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    pub row: u32,
    pub code: String,
    pub message: String,
}

/// Why a transform did not answer, or answered what cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It trapped, panicked or returned an error: perhaps one row's doing. Found by splitting the
    /// batch.
    #[error("{0}")]
    Trapped(String),
    /// It used up the fuel allowed for the batch: perhaps one row's doing. Deterministic.
    #[error("{0}")]
    OutOfFuel(String),
    /// It asked for more memory than its limit: a smaller batch may pass.
    #[error("{0}")]
    OutOfMemory(String),
    /// It returned what its plan or the interface forbids: the component is at fault, no row is.
    #[error("{0}")]
    Lied(String),
}

impl Fault {
    /// The dead-letter code when one row alone brings this about. `None`: never blamed on a row.
    pub fn row_code(&self) -> Option<&'static str> {
        match self {
            Self::Trapped(_) => Some("transform-trapped"),
            Self::OutOfFuel(_) => Some("transform-out-of-fuel"),
            Self::OutOfMemory(_) => Some("transform-out-of-memory"),
            Self::Lied(_) => None,
        }
    }
}
