//! `gristmill pause` and `gristmill resume`: what is to be written, and what is not.

use std::io;
use std::process::ExitCode;

use anyhow::Result;

use super::each::worse;
use super::out::Out;
use super::pipeline_argument::PipelineArgument;
use crate::ops::steer::{self, Steered};

#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    pipeline: PipelineArgument,
    /// Only this partition
    #[arg(long, value_name = "P")]
    partition: Option<i32>,
    /// Why; `status` shows it
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

pub(super) async fn pause(args: &Args, out: Out<'_>) -> Result<ExitCode> {
    let mut code = ExitCode::SUCCESS;
    for opened in args.pipeline.open_to_change().await? {
        let steered = steer::pause(&opened, args.partition, args.reason.as_deref()).await?;
        let one = render(&steered, "paused", &args.what(opened.name()), out)?;
        code = worse(code, one);
    }
    Ok(code)
}

pub(super) async fn resume(args: &Args, out: Out<'_>) -> Result<ExitCode> {
    let mut code = ExitCode::SUCCESS;
    for opened in args.pipeline.open_to_change().await? {
        let steered = steer::resume(&opened, args.partition, args.reason.as_deref()).await?;
        if let Some(revision) = steered.differing {
            writeln!(
                out,
                "revision {revision} goes on, and not what {path} says: `gristmill check {path}` \
                 says how that becomes active",
                path = args.pipeline.path.display()
            )?;
        }
        let one = render(&steered, "resumed", &args.what(opened.name()), out)?;
        code = worse(code, one);
    }
    Ok(code)
}

impl Args {
    /// What is steered, as a sentence begins.
    fn what(&self, name: &str) -> String {
        match self.partition {
            Some(partition) => format!("partition {partition} of the pipeline {name}"),
            None => format!("the pipeline {name}"),
        }
    }
}

/// `done` is `paused` or `resumed`.
fn render(steered: &Steered, done: &str, what: &str, out: Out<'_>) -> io::Result<ExitCode> {
    let Steered {
        partitions,
        done: followed,
        unproved,
        halted,
        kept,
        already,
        processes,
        differing: _,
    } = steered;
    for (partition, who) in kept {
        writeln!(
            out,
            "partition {partition} stays paused, as it was paused by itself {who}; resume it with \
             --partition {partition}"
        )?;
    }
    match already.as_deref() {
        Some("") => {
            writeln!(
                out,
                "{what} is neither paused nor halted: nothing to resume"
            )?;
            return Ok(match kept.is_empty() {
                true => ExitCode::SUCCESS,
                false => ExitCode::FAILURE,
            });
        }
        Some(who) => {
            writeln!(out, "{what} is {done} already, {who}")?;
            return Ok(ExitCode::SUCCESS);
        }
        None => {}
    }
    if *processes == 0 {
        writeln!(
            out,
            "{what} is {done}; no process runs it now, and the next one obeys"
        )?;
        return Ok(ExitCode::SUCCESS);
    }
    let (all, ready) = (partitions.len(), followed.len());
    writeln!(
        out,
        "{what} is {done}: {ready} of {all} partitions have followed"
    )?;
    for partition in unproved {
        writeln!(
            out,
            "partition {partition} runs, and has written nothing yet: see `gristmill status`"
        )?;
    }
    for (partition, reason) in halted {
        writeln!(out, "partition {partition} has halted again: {reason}")?;
    }
    let is_done = ready == all;
    if !is_done && halted.is_empty() {
        writeln!(
            out,
            "the others follow when what they wait for is there: see `gristmill status`"
        )?;
    }
    Ok(if is_done {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
