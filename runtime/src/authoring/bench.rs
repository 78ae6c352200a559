//! What a row costs in a rule, beside a transform that does nothing.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use gristmill_core::column::Batch;
use gristmill_core::transform::Transform as _;
use gristmill_sandbox::{Component, Limits, Sandbox};
use serde::Serialize;
use serde_json::{Value, json};

use super::golden::{Case, cases};
use super::measured_rows::{self, MeasuredRows};
use super::{Subject, event_file, input};
use crate::definition::builtin;

/// Rows of a call: about what a busy partition flushes at once.
const ROWS: usize = 1_000;

/// How long each of the two is called. Long enough that the median call has met no interruption.
const MEASURED: Duration = Duration::from_secs(1);

/// A rule beside an empty one.
#[derive(Clone, Debug, Serialize)]
pub struct Benchmark {
    pub rule: String,
    /// Rows of each call.
    pub rows: usize,
    /// How many different rows there were to measure it on.
    pub different_rows: usize,
    /// How many of those the rule fails on: they are not measured.
    pub failed_rows: usize,
    /// Why it fails on the first of them.
    pub why: Option<String>,
    pub measured: Measured,
    /// The same rows in a transform that reads them and does nothing: the way in and out.
    pub empty: Measured,
}

/// What calls cost.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Measured {
    /// The median.
    pub nanoseconds_per_row: f64,
    /// The memory of an instance.
    pub memory_bytes: usize,
}

/// Measures the rule on the rows in the file `events`, else on those of its cases, else on odd
/// rows. Without a config of its own the rule is opened with that of the first case, or with none.
pub fn measure(subject: &Subject, events: Option<&Path>, sandbox: &Sandbox) -> Result<Benchmark> {
    let component = subject.load(sandbox)?;
    let folder = subject.cases().filter(|folder| folder.is_dir());
    let own = subject.config_or_none();
    let cases = folder.map(|folder| cases(folder, &own)).transpose()?;
    let cases: Vec<Case> = cases.into_iter().flatten().map(|(_, case)| case).collect();
    let config = match (subject.config(), cases.first()) {
        (None, Some(case)) => case.config.clone(),
        _ => own,
    };
    let written = match events {
        Some(file) => {
            let is_normalizer = component.open(&config)?.plan().roles.is_some();
            event_file::rows(file, is_normalizer)?
        }
        None => {
            let of_config = cases.into_iter().filter(|case| case.config == config);
            of_config.flat_map(|case| case.input).collect()
        }
    };
    let dimensions = input::csv_files(&subject.dimensions().unwrap_or_default());
    let MeasuredRows {
        batch,
        different_rows,
        failures,
    } = measured_rows::find(&component, &config, &written, &dimensions, ROWS)?;
    Ok(Benchmark {
        rule: component.name().to_owned(),
        rows: ROWS,
        different_rows,
        failed_rows: failures.len(),
        why: failures.first().map(|failure| failure.fault.to_string()),
        measured: call(&component, &config, &batch)?,
        empty: call_empty(sandbox, &batch)?,
    })
}

fn call(component: &Component, config: &Value, batch: &Batch) -> Result<Measured> {
    let mut transform = component.open(config)?;
    let mut calls = Vec::new();
    let began = Instant::now();
    while began.elapsed() < MEASURED {
        transform.begin_batch();
        let call = Instant::now();
        transform.apply(batch)?;
        calls.push(call.elapsed());
    }
    calls.sort_unstable();
    let median = calls.get(calls.len() / 2).context("nothing was measured")?;
    Ok(Measured {
        nanoseconds_per_row: median.as_nanos() as f64 / batch.rows as f64,
        memory_bytes: transform.memory_bytes(),
    })
}

fn call_empty(sandbox: &Sandbox, batch: &Batch) -> Result<Measured> {
    let fields = batch.fields.iter();
    let reads: Vec<(&str, String)> = fields
        .map(|f| (f.name.as_str(), f.logical_type.to_string()))
        .collect();
    let component = sandbox.load("empty", builtin::EMPTY, &Limits::default())?;
    call(&component, &json!({ "reads": reads }), batch)
}
