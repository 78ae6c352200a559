//! `gristmill transform bench`: what a row costs, against a transform that does nothing.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use gristmill_core::column::Batch;
use gristmill_core::transform::Transform as _;
use serde_json::{Value, json};

use super::inspect::{grouped, kib};
use crate::authoring::{self, Subject, golden, input, ready};
use crate::cli::table;
use crate::definition::builtin;
use gristmill_sandbox::{Component, Limits, Sandbox};

/// Rows of a call: about what a busy partition flushes at once.
const ROWS: usize = 1_000;

/// How long each of the two is called. Long enough that the median call has met no interruption.
const MEASURED: Duration = Duration::from_secs(1);

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The rule's folder, a component's file, or builtin:NAME
    #[arg(default_value = ".")]
    what: String,
    /// The config to open it with, JSON or TOML; without one that of the first case, or none
    #[arg(long)]
    config: Option<PathBuf>,
}

/// What calls cost.
struct Measured {
    /// The median.
    nanoseconds_per_row: f64,
    memory_bytes: usize,
}

pub(super) fn run(args: &Args) -> Result<()> {
    let subject = Subject::parse(&args.what)?;
    let sandbox = crate::cli::sandbox()?;
    let component = subject.load(&sandbox)?;
    let folder = subject.cases().filter(|folder| folder.is_dir());
    let cases = folder.as_deref().map(golden::cases).transpose()?;
    let cases: Vec<golden::Case> = cases.into_iter().flatten().map(|(_, case)| case).collect();
    let config = match (&args.config, cases.first()) {
        (None, Some(case)) => case.config.clone(),
        (path, _) => authoring::read_config(path.as_deref())?,
    };
    let dimensions = input::csv_files(&folder.unwrap_or_default().join("dimensions"));
    let batch = ready::batch(&component, &config, cases.iter(), &dimensions, ROWS)?;
    let rule = measure(&component, &config, &batch)?;
    let empty = measure_empty(&sandbox, &batch)?;
    print(component.name(), &rule, &empty);
    Ok(())
}

fn measure(component: &Component, config: &Value, batch: &Batch) -> Result<Measured> {
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

/// The same rows in a transform that reads them and does nothing: the way in and out.
fn measure_empty(sandbox: &Sandbox, batch: &Batch) -> Result<Measured> {
    let fields = batch.fields.iter();
    let reads: Vec<(&str, String)> = fields
        .map(|f| (f.name.as_str(), f.logical_type.to_string()))
        .collect();
    let component = sandbox.load("empty", builtin::EMPTY, &Limits::default())?;
    measure(&component, &json!({ "reads": reads }), batch)
}

fn print(name: &str, rule: &Measured, empty: &Measured) {
    let mut lines = table::borderless();
    let batch = format!("{} rows a call", grouped(ROWS as u64));
    lines.add_row([batch.as_str(), name, "an empty transform"]);
    let mut line = |title: &str, shown: &dyn Fn(&Measured) -> String| {
        lines.add_row([title.to_owned(), shown(rule), shown(empty)]);
    };
    line("ns a row", &|m| format!("{:.0}", m.nanoseconds_per_row));
    line("rows a second, one core", &|m| {
        grouped((1e9 / m.nanoseconds_per_row) as u64)
    });
    line("memory of an instance", &|m| kib(m.memory_bytes));
    println!("{}", table::text(lines));
}
