//! `gristmill status`: how a pipeline is doing.

use std::io;
use std::path::Path;

use anyhow::Result;
use comfy_table::Table;
use jiff::Timestamp;

use super::out::Out;
use super::pipeline_argument::PipelineArgument;
use super::table;
use crate::ops::status::{self, PartitionStatus, RunState, Status};

pub(super) async fn run(pipeline: &PipelineArgument, out: Out<'_>) -> Result<()> {
    let status = status::status(&pipeline.open()?).await?;
    Ok(render(&status, &pipeline.path, out)?)
}

/// `path` is the pipeline's file, as whoever asks called it.
pub(super) fn render(status: &Status, path: &Path, out: Out<'_>) -> io::Result<()> {
    writeln!(
        out,
        "pipeline {}: {} -> {}, run {}, revision {}",
        status.pipeline, status.topic, status.table, status.run, status.revision
    )?;
    writeln!(out, "{}", partitions(&status.partitions))?;
    for p in &status.partitions {
        if let Some(reason) = &p.reason {
            writeln!(out, "{}[{}] halted: {reason}", p.topic, p.partition)?;
        }
    }
    for gap in &status.gaps {
        let accepted = gap.accepted_by.as_deref().unwrap_or("nobody yet");
        writeln!(
            out,
            "gap in {}[{}]: {} to {} ({}), accepted by {accepted}",
            gap.topic, gap.partition, gap.from_offset, gap.to_offset, gap.cause
        )?;
    }
    match (&status.letters_topic, status.letters_waiting) {
        (_, 0) => {}
        (Some(topic), waiting) => {
            writeln!(out, "{waiting} dead letters wait for their topic {topic}")?;
        }
        (None, waiting) => writeln!(
            out,
            "{waiting} dead letters are new: see `gristmill dead-letters list {}`",
            path.display()
        )?,
    }
    if let Some(error) = &status.lag_unknown {
        writeln!(out, "lag is not known: {error}")?;
    }
    Ok(())
}

fn partitions(partitions: &[PartitionStatus]) -> Table {
    let mut table = table::borderless();
    table.set_header([
        "partition",
        "state",
        "next offset",
        "lag",
        "behind s",
        "event time",
        "records",
        "rows",
        "superseded",
        "late",
        "dead letters",
        "owner",
    ]);
    let known = |number: Option<i64>| number.map_or("?".to_owned(), |n| n.to_string());
    for p in partitions {
        let state = match p.state {
            RunState::Halted => "halted",
            RunState::Running => "running",
            RunState::NotRunning => "not running",
        };
        let event_time = p.event_time_us.map(Timestamp::from_microsecond);
        table.add_row([
            p.partition.to_string(),
            state.to_owned(),
            p.next_offset.to_string(),
            known(p.lag),
            known(p.behind_seconds),
            event_time
                .and_then(Result::ok)
                .map_or_else(String::new, |t| t.to_string()),
            p.records.to_string(),
            p.rows.to_string(),
            p.superseded.to_string(),
            p.late.to_string(),
            p.dead_letters.to_string(),
            p.owner.clone(),
        ]);
    }
    table
}
