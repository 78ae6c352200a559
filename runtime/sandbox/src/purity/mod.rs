//! Whether a component is what it must be: a pure function of its config and each row, however rows
//! are cut into batches.
//!
//! Replays, retries and the search for a bad row cut batches anew, so a rule that keeps something
//! between calls or looks at a row's neighbours would write other rows the second time. Nothing in
//! the sandbox can make a component impure but its own memory; so [`check`] calls it in every way
//! that a batch can reach it, and on a fresh instance.

mod prove;
mod row_answers;
mod sample;

use gristmill_core::column::Batch;
use gristmill_core::transform::{Fault, Output, Transform};
use serde_json::Value;

use crate::{Component, SandboxError};
use row_answers::RowAnswers;

pub use prove::{check_sample, prove};
pub use sample::sample;

/// A row that the component fails on, alone in a batch.
#[derive(Clone, Debug)]
pub struct FailedRow {
    /// The row's number in the batch, from 0.
    pub row: usize,
    pub fault: Fault,
}

/// What a pure component makes of a batch.
#[derive(Clone, Debug)]
pub struct Checked {
    /// The output for the rows without a failure. `source_rows` is always given; it and the
    /// rejections count in the whole input.
    pub output: Output,
    /// The rows that failed, in their order. They become dead letters in a pipeline.
    pub failures: Vec<FailedRow>,
}

/// Why a component cannot be trusted with a batch.
#[derive(Debug, thiserror::Error)]
pub enum PurityError {
    /// Equal rows had different answers: a sentence that names the way, the row and the column.
    #[error("{0}")]
    Impure(String),
    /// Nothing is wrong with it, but so many rows are beyond its limits in one call. A pipeline
    /// would cut the batch.
    #[error("{0}")]
    TooLarge(String),
    /// It does not open with this config, or breaks its own plan.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
}

/// A way to cut a batch: its name, and for each call the numbers of the rows in it.
type Way = (&'static str, Vec<Vec<u32>>);

/// Opens the component with `config` and runs it on `input`, whose columns are its plan's: row by
/// row, whole, twice, in halves, every other row, backwards, many times over, and on a fresh
/// instance. `Ok` is what it answered each time. Copies of the rows that are beyond its limits in
/// one call are run in parts.
///
/// Costs about 70 times the rule on the batch: some hundred rows are enough.
pub fn check(component: &Component, config: &Value, input: &Batch) -> Result<Checked, PurityError> {
    let mut transform = component.open(config)?;
    transform.begin_batch();
    let failures = failures(&mut transform, input)?;
    let failed = |row: &u32| failures.iter().any(|f| f.row == *row as usize);
    let rows: Vec<u32> = (0..input.rows as u32).filter(|row| !failed(row)).collect();
    let reference = run(&mut transform, input, &rows, "all together")?;
    for (way, calls) in ways(&rows) {
        for order in calls {
            compare(&mut transform, input, &order, way, &reference)?;
        }
    }
    let mut fresh = component.open(config)?;
    let way = "on a fresh instance";
    compare(&mut fresh, input, &rows, way, &reference)?;
    Ok(Checked {
        output: reference.into_output(),
        failures,
    })
}

/// The rows that the transform fails on alone. A broken plan is nobody's row.
fn failures(transform: &mut dyn Transform, input: &Batch) -> Result<Vec<FailedRow>, SandboxError> {
    let mut failures = Vec::new();
    for row in 0..input.rows {
        match transform.apply(&input.take(&[row as u32])) {
            Ok(_) => {}
            Err(fault @ Fault::Lied(_)) => return Err(fault.into()),
            Err(fault) => failures.push(FailedRow { row, fault }),
        }
    }
    Ok(failures)
}

fn run(
    transform: &mut dyn Transform,
    input: &Batch,
    order: &[u32],
    way: &str,
) -> Result<RowAnswers, PurityError> {
    transform.begin_batch();
    match transform.apply(&input.take(order)) {
        Ok(output) => Ok(RowAnswers::new(transform.plan(), order, output)),
        Err(fault @ Fault::Lied(_)) => Err(SandboxError::from(fault).into()),
        Err(fault @ (Fault::OutOfMemory(_) | Fault::OutOfFuel(_))) if order.len() > 1 => {
            Err(PurityError::TooLarge(format!(
                "transform `{}` takes each row alone, but not {} in one call: {fault}",
                transform.name(),
                order.len()
            )))
        }
        Err(fault) => Err(PurityError::Impure(format!(
            "transform `{}` takes each row alone, but run {way} it fails: {fault}",
            transform.name()
        ))),
    }
}

/// Runs the rows of `order`, in halves where they are too many for one call, and holds each answer
/// against the reference.
fn compare(
    transform: &mut dyn Transform,
    input: &Batch,
    order: &[u32],
    way: &str,
    reference: &RowAnswers,
) -> Result<(), PurityError> {
    let answer = match run(transform, input, order, way) {
        Err(PurityError::TooLarge(_)) => {
            let (first, second) = order.split_at(order.len() / 2);
            compare(transform, input, first, way, reference)?;
            return compare(transform, input, second, way, reference);
        }
        answer => answer?,
    };
    let Some(difference) = reference.difference(&answer) else {
        return Ok(());
    };
    Err(PurityError::Impure(format!(
        "transform `{}` is no pure function of its rows: run {way}, {difference}: keep nothing \
         between rows or calls, and let nothing depend on the order of a hash map",
        transform.name()
    )))
}

fn ways(rows: &[u32]) -> Vec<Way> {
    /// Copies of the batch in one: past the ends of bitmap bytes and words, wherever a row stands.
    const COPIES: usize = 64;
    let halves = rows.split_at(rows.len() / 2);
    let every_other = |skip| rows.iter().skip(skip).step_by(2).copied().collect();
    vec![
        ("a second time", vec![rows.to_vec()]),
        ("one by one", rows.iter().map(|row| vec![*row]).collect()),
        ("in halves", vec![halves.0.to_vec(), halves.1.to_vec()]),
        ("every other first", vec![every_other(0), every_other(1)]),
        ("backwards", vec![rows.iter().rev().copied().collect()]),
        ("many times over", vec![rows.repeat(COPIES)]),
    ]
}
