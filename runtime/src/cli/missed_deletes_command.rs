//! `gristmill missed-deletes`: rows that the source deleted while nobody listened.

use anyhow::Result;
use gristmill_core::visible::visible;
use jiff::Timestamp;

use super::out::Out;
use super::pipeline_argument::PipelineArgument;
use super::table;
use crate::definition::host_sandbox;
use crate::ops::missed_deletes::{MissedDeletes, MissedDeletesRequest, missed_deletes};

#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    pipeline: PipelineArgument,
    /// When the snapshot began (2026-11-28T00:00:00Z); without it the newest one that the topic's
    /// records tell of
    #[arg(long, value_name = "TIME")]
    since: Option<Timestamp>,
    /// Show at most so many rows, lowest keys first
    #[arg(long, default_value_t = 50)]
    limit: i64,
    /// Delete them, as the pipeline deletes rows
    #[arg(long)]
    delete: bool,
    /// With --delete: also where more than half of the table's rows would go, and more than --limit
    #[arg(long, requires = "delete")]
    yes: bool,
}

pub(super) async fn run(args: &Args, out: Out<'_>) -> Result<()> {
    let (opened, sandbox) = (args.pipeline.open().await?, host_sandbox::open()?);
    let request = MissedDeletesRequest {
        since: args.since,
        limit: args.limit,
        delete: args.delete,
        yes: args.yes,
    };
    render(&missed_deletes(opened, &sandbox, request).await?, out)
}

fn render(found: &MissedDeletes, out: Out<'_>) -> Result<()> {
    let since = Timestamp::from_millisecond(found.since_ms)?;
    let (all, table) = (found.all, &found.table);
    if all > 0 {
        let mut lines = table::borderless();
        lines.set_header(&found.key);
        for row in &found.rows {
            lines.add_row(row.iter().map(|value| visible(value).to_string()));
        }
        writeln!(
            out,
            "rows of {table} that the source's snapshot of {since} lacks: {all}\n\n{}\n",
            table::text(lines)
        )?;
    } else {
        writeln!(
            out,
            "{table} has no row that the source's snapshot of {since} lacks"
        )?;
    }
    if all > found.rows.len() as i64 {
        let shown = found.rows.len();
        writeln!(out, "these are the first {shown}; --limit shows more")?;
    }
    if found.unversioned > 0 {
        writeln!(
            out,
            "gristmill never wrote {} further rows, and says nothing of them",
            found.unversioned
        )?;
    }
    match found.deleted {
        Some(deleted) => writeln!(out, "deleted: {deleted}")?,
        None if all > 0 => writeln!(out, "nothing is deleted: say --delete to do so")?,
        None => {}
    }
    Ok(())
}
