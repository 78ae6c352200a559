//! `gristmill status`: how a pipeline is doing.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result};
use comfy_table::Table;
use jiff::Timestamp;
use tokio::sync::Semaphore;

use super::out::Out;
use super::overview_text;
use super::pipeline_argument::PipelineArgument;
use super::status_words::{duration, state};
use super::table;
use crate::ops::opened::Opened;
use crate::ops::pipelines_of_file::PipelinesOfFile;
use crate::ops::status::{self, PartitionStatus, RunState, Status};

#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    pipeline: PipelineArgument,
    /// As one JSON object, for programs; the exit code is the same
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: &Args, out: Out<'_>) -> Result<ExitCode> {
    let found = args.pipeline.open_all().await?;
    if found.is_template {
        return of_several(args, found, out).await;
    }
    let mut statuses = self::statuses(found.opened).await?.into_iter();
    let (_, status) = statuses.next().context("the file holds no pipeline")?;
    let status = status?;
    match args.json {
        true => writeln!(out, "{}", serde_json::to_string_pretty(&status)?)?,
        false => render(&status, &args.pipeline.path, out)?,
    }
    Ok(match status.is_well() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

/// The pipelines of a template: the one that `--only` leaves as any, else a line each.
async fn of_several(args: &Args, found: PipelinesOfFile, out: Out<'_>) -> Result<ExitCode> {
    let statuses = statuses(found.opened).await?;
    match (args.json, statuses.as_slice()) {
        (true, all) => {
            let all: Vec<&Status> = all.iter().filter_map(|(_, s)| s.as_ref().ok()).collect();
            writeln!(out, "{}", serde_json::to_string_pretty(&all)?)?;
        }
        (false, [(_, Ok(status))]) => render(status, &args.pipeline.path, out)?,
        (false, all) => overview_text::render(all, &found.gone, &found.refused, out)?,
    }
    let is_well = |status: &Result<Status>| status.as_ref().is_ok_and(Status::is_well);
    // A table that the source has dropped stands still for good, and is no trouble.
    let is_fine =
        |(name, status): &(String, Result<Status>)| is_well(status) || found.gone.contains(name);
    let are_well = statuses.iter().all(is_fine);
    Ok(match are_well && found.refused.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

/// Pipelines that are asked about at a time: each takes a connection.
const ASKED_AT_ONCE: usize = 8;

/// What each of `opened` is doing, with its name, in their order.
async fn statuses(opened: Vec<Opened>) -> Result<Vec<(String, Result<Status>)>> {
    let places = Arc::new(Semaphore::new(ASKED_AT_ONCE));
    let asked = opened.into_iter().map(|opened| {
        let places = Arc::clone(&places);
        tokio::spawn(async move {
            let _place = places.acquire().await;
            let status = status::status(&opened).await;
            (opened.name().to_owned(), status)
        })
    });
    let asked: Vec<_> = asked.collect();
    let mut all = Vec::new();
    for one in asked {
        all.push(one.await?);
    }
    Ok(all)
}

/// `path` is the pipeline's file, as whoever asks called it.
pub(super) fn render(status: &Status, path: &Path, out: Out<'_>) -> io::Result<()> {
    writeln!(
        out,
        "pipeline {}: {} -> {}, run {}, revision {}",
        status.pipeline, status.topic, status.table, status.run, status.revision
    )?;
    if let Some(staged) = &status.staged {
        let how = match (staged.canary, staged.is_shadowed) {
            (Some(partition), _) => format!("a canary runs it on partition {partition}"),
            (None, true) => "it is compared on live records".to_owned(),
            (None, false) => "it is not active yet".to_owned(),
        };
        writeln!(out, "revision {} is staged: {how}", staged.revision)?;
    }
    if status.file_differs {
        writeln!(
            out,
            "revision {} runs, and not what {path} says: `gristmill check {path}` says how that \
             becomes active",
            status.revision,
            path = path.display()
        )?;
    }
    writeln!(out, "{}", partitions(&status.partitions))?;
    totals(&status.partitions, out)?;
    standing_still(status, out)?;
    for gap in &status.gaps {
        let accepted = gap.accepted_by.as_deref().unwrap_or("nobody yet");
        writeln!(
            out,
            "gap in {}[{}]: {} to {} ({}), accepted by {accepted}",
            gap.topic, gap.partition, gap.from_offset, gap.to_offset, gap.cause
        )?;
    }
    for p in status.partitions.iter().filter(|p| p.hidden > Some(0)) {
        let hidden = p.hidden.unwrap_or_default();
        writeln!(
            out,
            "{hidden} records of {}[{}] cannot be read before an open transaction ends",
            p.topic, p.partition
        )?;
    }
    for p in &status.partitions {
        if let Some(until) = p.left_out_until {
            writeln!(
                out,
                "rows of {}[{}] below offset {until} may be left out, as somebody has resumed it: \
                 nothing looks whether the source's log has begun anew",
                p.topic, p.partition
            )?;
        }
    }
    for notice in &status.notices {
        writeln!(out, "{notice}")?;
    }
    letters(status, path, out)?;
    for error in &status.lag_unknown {
        writeln!(out, "lag unknown: {error}")?;
    }
    Ok(())
}

/// What does not move, and why.
fn standing_still(status: &Status, out: Out<'_>) -> io::Result<()> {
    if status.processes == 0 {
        writeln!(out, "no process runs this pipeline")?;
    }
    if let Some(reason) = &status.waiting {
        writeln!(out, "waiting: {reason}")?;
    }
    for p in &status.partitions {
        let seconds = p
            .still_seconds
            .map_or("a while".to_owned(), |s| format!("{s} s"));
        let name = format!("{}[{}]", p.topic, p.partition);
        let reason = p.reason.as_deref().unwrap_or_default();
        match p.state {
            RunState::Running => {}
            RunState::Halted => writeln!(out, "{name} halted: {reason}")?,
            RunState::Paused => writeln!(out, "{name} {reason}")?,
            RunState::Waiting => writeln!(out, "{name} has waited for {seconds}: {reason}")?,
            RunState::NotRunning if p.owner.is_empty() => {
                writeln!(out, "{name} no process has taken it yet")?;
            }
            RunState::NotRunning => writeln!(
                out,
                "{name} no process has run it for {seconds}; the last one was {}",
                p.owner
            )?,
        }
    }
    Ok(())
}

fn letters(status: &Status, path: &Path, out: Out<'_>) -> io::Result<()> {
    let path = path.display();
    match (&status.letters_topic, status.letters_waiting) {
        (_, 0) => Ok(()),
        (Some(topic), 1) => writeln!(out, "1 dead letter waits for its topic {topic}"),
        (Some(topic), n) => writeln!(out, "{n} dead letters wait for their topic {topic}"),
        (None, 1) => writeln!(
            out,
            "1 dead letter is new: see `gristmill dead-letters list {path}`"
        ),
        (None, n) => {
            writeln!(
                out,
                "{n} dead letters are new: see `gristmill dead-letters list {path}`"
            )
        }
    }
}

/// What is of interest, but not for each partition: a table of more columns is too wide for a
/// terminal of 80.
fn totals(partitions: &[PartitionStatus], out: Out<'_>) -> io::Result<()> {
    let sum = |of: fn(&PartitionStatus) -> i64| partitions.iter().map(of).sum::<i64>();
    let newest = partitions.iter().filter_map(|p| p.event_time_us).max();
    if let Some(newest) = newest.and_then(|us| Timestamp::from_microsecond(us).ok()) {
        writeln!(
            out,
            "superseded {}, late {}, newest event of {newest}",
            sum(|p| p.superseded),
            sum(|p| p.late)
        )?;
    }
    let mut owned: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for p in partitions
        .iter()
        .filter(|p| p.state != RunState::NotRunning)
    {
        owned
            .entry(&p.owner)
            .or_default()
            .push(p.partition.to_string());
    }
    for (owner, partitions) in owned {
        writeln!(out, "{owner}: {}", partitions.join(" "))?;
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
        "behind",
        "records",
        "rows",
        "letters",
    ]);
    let known = |number: Option<i64>| number.map_or("?".to_owned(), |n| n.to_string());
    for p in partitions {
        table.add_row([
            p.partition.to_string(),
            state(p.state).to_owned(),
            known(p.next_offset),
            known(p.lag),
            p.behind_seconds.map_or("?".to_owned(), duration),
            p.records.to_string(),
            p.rows.to_string(),
            p.dead_letters.to_string(),
        ]);
    }
    table
}
