//! `gristmill transform bench`: what a row costs, against a transform that does nothing.

use std::io;
use std::path::PathBuf;

use anyhow::Result;
use indicatif::HumanCount;

use super::inspect_command::kib;
use super::{Out, table};
use crate::authoring::Subject;
use crate::authoring::bench::{Benchmark, Measured, measure};
use crate::definition::host_sandbox;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The rule's folder, a component's file, or builtin:NAME
    #[arg(default_value = ".")]
    what: String,
    /// The config to open it with, JSON or TOML; without one that of the first case, or none
    #[arg(long)]
    config: Option<PathBuf>,
}

pub(super) fn run(args: &Args, out: Out<'_>) -> Result<()> {
    let subject = Subject::parse(&args.what)?;
    let benchmark = measure(&subject, args.config.as_ref(), &host_sandbox::open()?)?;
    Ok(render(&benchmark, out)?)
}

pub(crate) fn render(benchmark: &Benchmark, out: Out<'_>) -> io::Result<()> {
    let mut lines = table::borderless();
    let batch = format!("{} rows a call", HumanCount(benchmark.rows as u64));
    lines.add_row([batch.as_str(), &benchmark.rule, "an empty transform"]);
    let mut line = |title: &str, shown: &dyn Fn(&Measured) -> String| {
        let (rule, empty) = (shown(&benchmark.measured), shown(&benchmark.empty));
        lines.add_row([title.to_owned(), rule, empty]);
    };
    line("ns a row", &|m| format!("{:.0}", m.nanoseconds_per_row));
    line("rows a second, one core", &|m| {
        HumanCount((1e9 / m.nanoseconds_per_row) as u64).to_string()
    });
    line("memory of an instance", &|m| kib(m.memory_bytes));
    writeln!(out, "{}", table::text(lines))
}
