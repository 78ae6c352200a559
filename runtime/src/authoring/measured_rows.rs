//! Rows to measure a rule on.

use anyhow::{Result, bail};
use gristmill_core::column::Batch;
use gristmill_core::transform::Transform as _;
use gristmill_sandbox::Component;
use gristmill_sandbox::purity::{self, FailedRow};
use serde_json::Value;

use super::input::{self, DimensionFiles};

/// Rows that a rule takes.
pub(super) struct MeasuredRows {
    /// As many as were asked for: the rows that the rule takes, over and over.
    pub batch: Batch,
    /// How many different rows there were, with those that the rule fails on.
    pub different_rows: usize,
    /// The rows that the rule fails on.
    pub failures: Vec<FailedRow>,
}

/// A batch of `rows` rows that the rule takes: those that somebody has written one after the other,
/// over and over; where there are none, rows that nobody wrote.
pub(super) fn find(
    component: &Component,
    config: &Value,
    written: &[Value],
    dimensions: &DimensionFiles,
    rows: usize,
) -> Result<MeasuredRows> {
    let plan = component.open(config)?.plan().clone();
    let batch = match written {
        [] => purity::sample(&plan),
        written => input::batch(&plan, written, dimensions)?,
    };
    let failures = purity::check(component, config, &batch)?.failures;
    let fails = |row: &u32| failures.iter().any(|f| f.row == *row as usize);
    let good: Vec<u32> = (0..batch.rows as u32).filter(|row| !fails(row)).collect();
    if let (true, Some(failure)) = (good.is_empty(), failures.first()) {
        bail!(
            "the rule fails on each of {} rows: {}",
            batch.rows,
            failure.fault
        );
    }
    let repeated: Vec<u32> = good.iter().copied().cycle().take(rows).collect();
    Ok(MeasuredRows {
        batch: batch.take(&repeated),
        different_rows: batch.rows,
        failures,
    })
}
