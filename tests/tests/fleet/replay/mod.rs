//! Recorded traffic through another rule, against what the table holds.
//!
//! - [`agrees`]: the rule that made the table differs in nothing, and another one in just what it
//!   makes otherwise;
//! - [`counted`]: rows that go, dead letters that come, and values that the table writes otherwise;
//! - [`refused`]: what cannot be replayed.

mod agrees;
mod counted;
mod refused;

use anyhow::{Context, Result};
use gristmill_tests::job::Job;

/// The component of `enrich-email` in the shipped pipeline.
const PRESENT: [&str; 2] = ["--component", "builtin:enrich-email"];

/// Replays the offsets from `from` to `to` (exclusive) with another component for `enrich-email`.
fn replay(job: &Job, from: i64, to: i64, arguments: &[&str]) -> Result<String> {
    let (from, to) = (from.to_string(), to.to_string());
    let range = ["--from", &from, "--to", &to];
    job.transform("replay", &[&["enrich-email"], arguments, &range].concat())
}

/// The number before `what` at the beginning of a line.
fn count(report: &str, what: &str) -> Result<i64> {
    let line = report.lines().find_map(|line| line.split_once(what));
    let (number, _) = line.with_context(|| format!("no {what} in\n{report}"))?;
    Ok(number.trim().parse()?)
}
