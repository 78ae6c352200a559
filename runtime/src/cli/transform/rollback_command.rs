//! `gristmill transform rollback`: going back to what a rule was.

use std::process::ExitCode;

use anyhow::Result;
use gristmill_sandbox::Sandbox;

use super::{Out, PipelineArgument, each, progress_text};
use crate::cli::wait_argument::WaitArgument;
use crate::definition::host_sandbox;
use crate::ops::opened::Opened;
use crate::ops::rollback::{RolledBack, rollback};
use crate::ops::running_pipeline::RunningPipeline;
use progress_text::Teller;

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    pipeline: PipelineArgument,
    /// The transform's name in the pipeline
    name: String,
    /// Go back behind what is active, though the last change failed and is undone already
    #[arg(long)]
    further: bool,
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
    let back = rollback(
        &mut running,
        &args.name,
        args.further,
        args.wait.patience(),
        tell,
    )
    .await?;
    let out = teller.done()?;
    match back {
        RolledBack::Same { active } => progress_text::same(active, out)?,
        RolledBack::GaveUp { spread: None, .. } => {}
        RolledBack::GaveUp {
            spread: Some(spread),
            ..
        }
        | RolledBack::Active { spread, .. } => progress_text::spread(spread, path, out)?,
    }
    Ok(())
}
