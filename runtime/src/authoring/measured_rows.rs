//! Rows to measure a rule on.

use anyhow::{Result, ensure};
use gristmill_core::column::Batch;
use gristmill_core::transform::Transform as _;
use serde_json::Value;

use super::golden::Case;
use super::input::{self, DimensionFiles};
use gristmill_sandbox::Component;
use gristmill_sandbox::purity;

/// A batch of `rows` rows that the rule takes: those of the cases with this config one after the
/// other, over and over; without such cases rows that nobody wrote.
pub(super) fn batch<'a>(
    component: &Component,
    config: &Value,
    cases: impl Iterator<Item = &'a Case>,
    dimensions: &DimensionFiles,
    rows: usize,
) -> Result<Batch> {
    let plan = component.open(config)?.plan().clone();
    let same_config = cases.filter(|case| case.config == *config);
    let written: Vec<Value> = same_config.flat_map(|case| case.input.clone()).collect();
    let batch = match written.as_slice() {
        [] => purity::sample(&plan),
        written => input::batch(&plan, written, dimensions)?,
    };
    let failures = purity::check(component, config, &batch)?.failures;
    let fails = |row: &u32| failures.iter().any(|f| f.row == *row as usize);
    let good: Vec<u32> = (0..batch.rows as u32).filter(|row| !fails(row)).collect();
    ensure!(!good.is_empty(), "the rule fails on every row");
    let repeated: Vec<u32> = good.iter().copied().cycle().take(rows).collect();
    Ok(batch.take(&repeated))
}
