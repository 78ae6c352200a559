//! What a row costs in a rule, beside a transform that does nothing.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use gristmill_core::column::Batch;
use gristmill_core::transform::Transform as _;
use gristmill_sandbox::{Component, Limits, Sandbox};
use serde::Serialize;
use serde_json::{Value, json};

use super::golden::{Case, cases};
use super::{Subject, input, measured_rows, read_config};
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

/// Measures the rule on the rows of its cases, or on odd rows where it has none. `config` is a
/// file; without one the config is that of the first case, or none.
pub fn measure(
    subject: &Subject,
    config: Option<&PathBuf>,
    sandbox: &Sandbox,
) -> Result<Benchmark> {
    let component = subject.load(sandbox)?;
    let folder = subject.cases().filter(|folder| folder.is_dir());
    let cases = folder.as_deref().map(cases).transpose()?;
    let cases: Vec<Case> = cases.into_iter().flatten().map(|(_, case)| case).collect();
    let config = match (config, cases.first()) {
        (None, Some(case)) => case.config.clone(),
        (path, _) => read_config(path.map(PathBuf::as_path))?,
    };
    let dimensions = input::csv_files(&folder.unwrap_or_default().join("dimensions"));
    let batch = measured_rows::batch(&component, &config, cases.iter(), &dimensions, ROWS)?;
    Ok(Benchmark {
        rule: component.name().to_owned(),
        rows: ROWS,
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
