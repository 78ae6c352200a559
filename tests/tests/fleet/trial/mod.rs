//! A revision that is tried before it becomes active: beside the active one, or on one partition.

mod canary;
mod shadow;

use anyhow::{Context, Result};

/// Rows that a shadow run compared, and of them those that differ.
fn counts(report: &str) -> Result<(u64, u64)> {
    let count = |what: &str| -> Result<u64> {
        let line = report.lines().find(|line| line.ends_with(what));
        let line = line.with_context(|| format!("no `{what}` in\n{report}"))?;
        let number = line.split_whitespace().next().context("a number")?;
        Ok(number.parse()?)
    };
    Ok((count("rows compared")?, count("of them differ")?))
}
