//! `gristmill transform bench`: what a row costs, against a transform that does nothing.

use std::io;
use std::path::PathBuf;

use anyhow::Result;
use indicatif::HumanCount;

use super::inspect_command::kib;
use super::{Out, table};
use crate::authoring::bench::{Benchmark, Measured, measure};
use crate::cli::rule_argument::RuleArgument;
use crate::definition::host_sandbox;

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    rule: RuleArgument,
    /// Measure it on the events in this file, a JSON array or one event a line, instead of the
    /// rows of its cases
    #[arg(long, value_name = "FILE")]
    on: Option<PathBuf>,
}

pub(super) fn run(args: &Args, out: Out<'_>) -> Result<()> {
    let subject = args.rule.subject()?;
    let benchmark = measure(&subject, args.on.as_deref(), &host_sandbox::open()?)?;
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
    writeln!(out, "{}", table::text(lines))?;
    let Some(why) = &benchmark.why else {
        return Ok(());
    };
    writeln!(
        out,
        "{} of {} different rows fail and are not measured, the first because {why}",
        HumanCount(benchmark.failed_rows as u64),
        HumanCount(benchmark.different_rows as u64)
    )
}
