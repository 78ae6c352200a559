//! Whether a rule answers a case as it is to, and whether it has an answer for odd rows.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use gristmill_core::rows;
use gristmill_core::transform::Fault;
use gristmill_sandbox::Component;
use gristmill_sandbox::purity;
use serde::Serialize;
use serde_json::{Value, json};

use super::answered::{Answered, run};
use super::case::{Case, Expected};
use super::mismatch::{Mismatch, mismatches};
use super::rewrite::updated;
use crate::authoring::input::DimensionFiles;

/// What became of one case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "verdict", rename_all = "kebab-case")]
pub enum Verdict {
    /// The rule answers what the case expects.
    Ok,
    /// What the rule answers was written into the case.
    Written,
    /// The case expects nothing, and the rule answers nothing.
    NothingExpected,
    /// The rule answers something else.
    Differs { mismatches: Vec<Mismatch> },
    /// The rule cannot be run on the case.
    Failed { why: String },
}

/// Odd rows that would be dead letters.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OddRows {
    /// How many would be.
    pub failed: usize,
    /// How many were tried.
    pub tried: usize,
    /// The first that fails.
    pub example: Value,
    pub why: String,
}

/// Runs the case and compares the answer with what it expects.
pub fn check(component: &Component, case: &Case, dimensions: &DimensionFiles) -> Verdict {
    match run(component, case, dimensions) {
        Ok(answered) => compare(case, &answered),
        Err(error) => Verdict::failed(&error),
    }
}

/// Runs the case, and writes the answer into the file at `path` as what it expects.
pub fn update(
    component: &Component,
    path: &Path,
    case: &Case,
    dimensions: &DimensionFiles,
) -> Verdict {
    let answered = run(component, case, dimensions);
    let written = answered.and_then(|answered| write(path, case, &answered));
    written.unwrap_or_else(|error| Verdict::failed(&error))
}

impl Verdict {
    fn failed(error: &anyhow::Error) -> Self {
        let why = format!("{error:#}");
        Self::Failed { why }
    }

    /// Whether an author has something to mend.
    pub fn is_wrong(&self) -> bool {
        !matches!(self, Self::Ok | Self::Written)
    }
}

fn compare(case: &Case, answered: &Answered) -> Verdict {
    let nothing = Expected::default();
    let expected = case.expect.as_ref().unwrap_or(&nothing);
    let mismatches = mismatches(expected, answered, case.input.len());
    match mismatches.is_empty() {
        true if case.expect.is_some() => Verdict::Ok,
        true => Verdict::NothingExpected,
        false => Verdict::Differs { mismatches },
    }
}

fn write(path: &Path, case: &Case, answered: &Answered) -> Result<Verdict> {
    if let Some(failure) = answered.failures.first() {
        bail!(
            "row {} fails, which no case can expect: {}",
            failure.row,
            failure.fault
        );
    }
    if case.expect.as_ref() == Some(&answered.answer) {
        return Ok(Verdict::Ok);
    }
    let context = || path.display().to_string();
    let text = fs::read_to_string(path).with_context(context)?;
    fs::write(path, updated(&text, &answered.answer)).with_context(context)?;
    Ok(Verdict::Written)
}

/// The rule's own config, if it has one, and those of the cases, each once.
pub fn distinct_configs<'a>(
    own: Option<&'a Value>,
    cases: impl Iterator<Item = &'a Case>,
) -> Vec<&'a Value> {
    let mut configs: Vec<&Value> = Vec::new();
    for config in own.into_iter().chain(cases.map(|case| &case.config)) {
        if !configs.contains(&config) {
            configs.push(config);
        }
    }
    configs
}

/// Runs the rule on rows that nobody wrote, as staging does: nulls, absent and odd values of each
/// type. A row that runs out of something there would be a dead letter, and that is only told; a
/// panic is an error, as a rule that does not want a row rejects it.
pub fn odd_rows(component: &Component, config: &Value) -> Result<Option<OddRows>> {
    let (sample, checked) = purity::check_sample(component, config)?;
    let Some(failure) = checked.failures.first() else {
        return Ok(None);
    };
    let row = rows::read(&sample.fields, &sample.columns, sample.rows);
    let odd = OddRows {
        failed: checked.failures.len(),
        tried: sample.rows,
        example: row.get(failure.row).cloned().unwrap_or(json!({})),
        why: failure.fault.to_string(),
    };
    if let Fault::Trapped(_) = failure.fault {
        bail!(
            "it fails on {} of {} odd rows, such as {}: {}; such a row would be a dead letter \
             without a code: have an answer for it, or reject it",
            odd.failed,
            odd.tried,
            odd.example,
            odd.why
        );
    }
    Ok(Some(odd))
}
