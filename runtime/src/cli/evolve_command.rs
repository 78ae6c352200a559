//! `gristmill evolve`: another rule of versions, or another way to delete.

use std::process::ExitCode;

use anyhow::Result;
use gristmill_sandbox::Sandbox;

use super::each::each;
use super::out::Out;
use super::pipeline_argument::PipelineArgument;
use super::progress_text::{self, Teller};
use super::wait_argument::WaitArgument;
use crate::definition::host_sandbox;
use crate::ops::evolve::evolve;
use crate::ops::opened::Opened;
use crate::ops::running_pipeline::RunningPipeline;

#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    pipeline: PipelineArgument,
    /// Say what would change, and change nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    wait: WaitArgument,
}

pub(super) async fn run(args: Args, out: Out<'_>) -> Result<ExitCode> {
    let (opened, sandbox) = (args.pipeline.open_to_change().await?, host_sandbox::open()?);
    each(opened, out, async |opened, out| {
        one(&args, opened, sandbox.clone(), out).await?;
        Ok(ExitCode::SUCCESS)
    })
    .await
}

async fn one(args: &Args, opened: Opened, sandbox: Sandbox, out: Out<'_>) -> Result<()> {
    let mut running = RunningPipeline::open(opened, sandbox).await?;
    let path = &args.pipeline.path;
    let mut teller = Teller::new(path, out);
    let tell = &mut |progress| teller.tell(&progress);
    let evolved = evolve(&mut running, args.dry_run, args.wait.patience(), tell).await?;
    let out = teller.done()?;
    if evolved.changes.is_empty() {
        writeln!(
            out,
            "neither how newer events are told from older ones nor what a deleted row leaves is \
             another, nor are the columns and types that the target's table has: nothing to evolve"
        )?;
        return Ok(());
    }
    for change in &evolved.changes {
        writeln!(out, "- {change}")?;
    }
    for doubtful in &evolved.doubtful {
        writeln!(out, "- {doubtful}")?;
    }
    match evolved.active {
        Some(active) => progress_text::spread(active.spread, path, out)?,
        None => writeln!(
            out,
            "nothing has changed: say it without --dry-run to do so"
        )?,
    }
    Ok(())
}
