//! `gristmill transform promote`: what is staged becomes active everywhere.

use std::process::ExitCode;

use anyhow::Result;

use super::{Out, PipelineArgument, each, progress_text};
use crate::cli::wait_argument::WaitArgument;
use crate::definition::host_sandbox;
use crate::ops::promote::promote;
use crate::ops::running_pipeline::RunningPipeline;
use progress_text::Teller;

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    pipeline: PipelineArgument,
    #[command(flatten)]
    wait: WaitArgument,
}

pub(super) async fn run(args: Args, out: Out<'_>) -> Result<ExitCode> {
    let (opened, sandbox) = (args.pipeline.open_to_change().await?, host_sandbox::open()?);
    let (path, patience) = (&args.pipeline.path, args.wait.patience());
    each(opened, out, async |opened, out| {
        let running = RunningPipeline::open(opened, sandbox.clone()).await?;
        let mut teller = Teller::new(path, out);
        let tell = &mut |progress| teller.tell(&progress);
        let promoted = promote(&running, patience, tell).await?;
        progress_text::spread(promoted.spread, path, teller.done()?)?;
        Ok(ExitCode::SUCCESS)
    })
    .await
}
