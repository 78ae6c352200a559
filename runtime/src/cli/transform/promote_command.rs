//! `gristmill transform promote`: what is staged becomes active everywhere.

use anyhow::Result;

use super::{Out, PipelineArgument, progress_text};
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

pub(super) async fn run(args: Args, out: Out<'_>) -> Result<()> {
    let running = RunningPipeline::open(args.pipeline.open()?, host_sandbox::open()?).await?;
    let path = &args.pipeline.path;
    let mut teller = Teller::new(path, out);
    let tell = &mut |progress| teller.tell(&progress);
    let promoted = promote(&running, args.wait.patience(), tell).await?;
    Ok(progress_text::spread(
        promoted.spread,
        path,
        teller.done()?,
    )?)
}
