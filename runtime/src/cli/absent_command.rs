//! `gristmill absent`: rows with cells that nobody knows.

use std::process::ExitCode;

use anyhow::Result;
use gristmill_core::visible::visible;

use super::each::each;
use super::out::Out;
use super::pipeline_argument::PipelineArgument;
use super::table;
use crate::definition::host_sandbox;
use crate::ops::absent::{Absent, absent};

#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    pipeline: PipelineArgument,
    /// At most so many rows, lowest keys first
    #[arg(long, default_value_t = 50)]
    limit: i64,
    /// What the source's database calls the table; without it the end of the topic's name
    #[arg(long, value_name = "SCHEMA.TABLE")]
    source_table: Option<String>,
    /// The table of the source's database in which its connector looks for signals
    #[arg(long, value_name = "SCHEMA.TABLE", default_value = "debezium_signal")]
    signal_table: String,
}

pub(super) async fn run(args: &Args, out: Out<'_>) -> Result<ExitCode> {
    let (opened, sandbox) = (
        args.pipeline.open_those_that_ran().await?,
        host_sandbox::open()?,
    );
    let (limit, source_table) = (args.limit, args.source_table.as_deref());
    each(opened, out, async |opened, out| {
        let found = absent(opened, &sandbox, limit, source_table, &args.signal_table);
        render(&found.await?, out)?;
        Ok(ExitCode::SUCCESS)
    })
    .await
}

fn render(found: &Absent, out: Out<'_>) -> Result<()> {
    let (all, table) = (found.all, &found.table);
    let Some(signal) = &found.signal else {
        writeln!(out, "no row of {table} has a cell that nobody knows")?;
        return Ok(());
    };
    let mut lines = table::borderless();
    lines.set_header(found.key.iter().map(String::as_str).chain(["unknown"]));
    for row in &found.rows {
        let key = row.key.iter().map(|value| visible(value).to_string());
        lines.add_row(key.chain([row.columns.join(", ")]));
    }
    writeln!(
        out,
        "rows of {table} with cells that nobody knows, as the source did not send them: \
         {all}\n\n{}\n",
        table::text(lines)
    )?;
    if all > found.rows.len() as i64 {
        writeln!(
            out,
            "these are the first {}; --limit shows more\n",
            found.rows.len()
        )?;
    }
    writeln!(
        out,
        "This makes Debezium send these rows again, where its connector looks for signals in that \
         table\nof the source's database:\n\n{signal}"
    )?;
    Ok(())
}
