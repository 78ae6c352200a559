//! `gristmill transform swap`: another rule in the place of one that a fleet runs.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use gristmill_sandbox::Sandbox;

use super::{Out, PipelineArgument, progress_text, stop_signal};
use crate::cli::wait_argument::WaitArgument;
use crate::definition::host_sandbox;
use crate::ops::opened::Opened;
use crate::ops::running_pipeline::RunningPipeline;
use crate::ops::swap::{SwapRequest, Swapped, swap};
use crate::ops::swap_several::swap_several;
use progress_text::Teller;

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    pipeline: PipelineArgument,
    /// The transform's name in the pipeline
    name: String,
    /// The new component: a .wasm file, builtin:NAME, or a rule's folder (which is built first)
    component: String,
    /// The new config, a TOML or JSON file; without one the folder's rule.toml says it, or the
    /// present config stays
    #[arg(long)]
    config: Option<PathBuf>,
    /// A column that the pipeline stops to write: its values in the table stay as they are
    #[arg(long, value_name = "COLUMN")]
    retire: Vec<String>,
    /// First compute so many rows by both revisions, write those of the active one, and show what
    /// differs
    #[arg(long, value_name = "ROWS", value_parser = clap::value_parser!(i64).range(1..))]
    shadow: Option<i64>,
    /// Run it on one partition only, until `transform promote` or `transform rollback`
    #[arg(long, value_name = "PARTITION")]
    canary: Option<i32>,
    #[command(flatten)]
    wait: WaitArgument,
}

pub(super) async fn run(args: Args, out: Out<'_>) -> Result<()> {
    let path = &args.pipeline.path;
    let request = SwapRequest {
        rule: args.name,
        component: args.component,
        config: args.config,
        retire: args.retire,
        shadow_rows: args.shadow,
        canary: args.canary,
        patience: args.wait.patience(),
    };
    let (mut opened, sandbox) = (args.pipeline.open_to_change().await?, host_sandbox::open()?);
    let one = match (opened.pop(), opened.is_empty()) {
        (Some(one), true) => one,
        (last, _) => {
            opened.extend(last);
            return of_several(opened, &sandbox, &request, out).await;
        }
    };
    let mut running = RunningPipeline::open(one, sandbox).await?;
    let mut teller = Teller::new(path, out);
    let tell = &mut |progress| teller.tell(&progress);
    let swapped = swap(&mut running, &request, stop_signal::stopped(), tell).await?;
    let out = teller.done()?;
    match swapped {
        Swapped::Same { active } => progress_text::same(active, out)?,
        Swapped::Staged { revision, .. } => writeln!(
            out,
            "\nrevision {revision} is staged and ready: `gristmill transform promote {path}` \
             makes it active, `gristmill transform rollback {path} {}` gives it up",
            request.rule,
            path = path.display(),
        )?,
        Swapped::Canary { spread, .. } | Swapped::Active { spread, .. } => {
            progress_text::spread(spread, path, out)?;
        }
    }
    Ok(())
}

async fn of_several(
    opened: Vec<Opened>,
    sandbox: &Sandbox,
    request: &SwapRequest,
    out: Out<'_>,
) -> Result<()> {
    ensure!(
        request.shadow_rows.is_none() && request.canary.is_none(),
        "--shadow and --canary are about one pipeline: name it with --only"
    );
    let mut failed = 0;
    for one in swap_several(opened, sandbox, request).await? {
        let name = one.pipeline;
        match (one.revision, one.error) {
            (_, Some(error)) => {
                failed += 1;
                writeln!(out, "{name}: not changed: {error:#}")?;
            }
            (Some(revision), None) => writeln!(out, "{name}: revision {revision} is active")?,
            (None, None) => writeln!(out, "{name}: nothing to change")?,
        }
    }
    ensure!(
        failed == 0,
        "{failed} pipelines were not changed, as another change came between"
    );
    Ok(())
}
