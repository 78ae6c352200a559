//! `gristmill transform swap`, `promote`: changing a rule of a fleet that runs.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, bail};

use crate::authoring::read_config;
use crate::definition::bundle::component;
use crate::fleet::stage::{self, PATIENCE};
use gristmill_sandbox::SandboxError;

use super::fleet::{Change, Fleet};

/// A file that was written to this lately may not be whole yet.
const WRITING: Duration = Duration::from_millis(300);

#[derive(clap::Args)]
pub(in crate::cli) struct SwapArgs {
    /// The transform's name in the pipeline
    name: String,
    /// The new component: a .wasm file, or builtin:NAME
    component: String,
    /// The new config, a TOML or JSON file; without one the present config stays
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
    wait: WaitArg,
    #[command(flatten)]
    pipeline: PipelineArg,
}

#[derive(clap::Args)]
pub(in crate::cli) struct PromoteArgs {
    #[command(flatten)]
    wait: WaitArg,
    #[command(flatten)]
    pipeline: PipelineArg,
}

#[derive(clap::Args)]
pub(super) struct WaitArg {
    /// How long the hosts may take to load it: one that has not answered by then ends the change
    #[arg(long, value_name = "SECONDS", default_value_t = PATIENCE.as_secs(), value_parser = clap::value_parser!(u64).range(1..))]
    wait: u64,
}

impl WaitArg {
    pub(super) fn patience(&self) -> Duration {
        Duration::from_secs(self.wait)
    }
}

#[derive(clap::Args)]
pub(in crate::cli) struct PipelineArg {
    /// The pipeline's TOML file
    #[arg(
        long,
        env = "GRISTMILL_PIPELINE",
        default_value = "pipelines/users.toml"
    )]
    pub(super) pipeline: PathBuf,
}

pub(super) async fn swap(args: SwapArgs) -> Result<()> {
    let mut fleet = Fleet::open(&args.pipeline.pipeline).await?;
    let mut parts = fleet.active.parts();
    let position = parts.position(&args.name)?;
    if !args.component.starts_with("builtin:") {
        whole(Path::new(&args.component))?;
    }
    // A path on the command line is relative to where the command runs.
    let mut here = fleet.config.clone();
    here.folder = PathBuf::new();
    parts.components[position] = component(&here, &args.component)?;
    if args.config.is_some() {
        parts.config.transform[position].config = read_config(args.config.as_deref())?;
    }
    let change = Change {
        parts,
        retire: &args.retire,
        reason: &format!("swap {} {}", args.name, args.component),
        restores: None,
        patience: args.wait.patience(),
    };
    let staged = fleet.stage(change).await;
    let staged = staged.map_err(|error| match args.config {
        None if is_about_config(&error) => error.context(
            "the present config does not fit the new component: name one that does with --config \
             FILE (an empty file: no config)",
        ),
        _ => error,
    });
    let Some(revision) = staged? else {
        return Ok(());
    };
    if let Some(before) = fleet.stands.staging {
        println!("revision {before}, which was staged, is given up for it");
    }
    if let Some(rows) = args.shadow {
        fleet.shadow(revision, rows).await?;
    }
    match args.canary {
        Some(partition) => fleet.begin_canary(revision, partition).await,
        None if args.shadow.is_some() => {
            println!(
                "\nrevision {revision} is staged and ready: `gristmill transform promote` makes \
                 it active, `gristmill transform rollback {}` gives it up",
                args.name
            );
            Ok(())
        }
        None => fleet.activate(revision).await,
    }
}

fn is_about_config(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref())
        .any(|cause| matches!(cause, SandboxError::Config { .. }))
}

pub(super) async fn promote(args: PromoteArgs) -> Result<()> {
    let fleet = Fleet::open(&args.pipeline.pipeline).await?;
    let name = &fleet.config.pipeline.name;
    let staged = fleet.stands.staging.with_context(|| {
        format!(
            "nothing is staged for the pipeline {name}: `gristmill transform swap` with \
             `--shadow` or `--canary` does"
        )
    })?;
    // Hosts may have come since it was staged.
    stage::await_hosts(&fleet.connection, name, staged, args.wait.patience()).await?;
    fleet.activate(staged).await
}

/// Refuses a file that a build is still writing.
fn whole(path: &Path) -> Result<()> {
    let look = || {
        let data = std::fs::metadata(path)
            .with_context(|| format!("cannot read the component {}", path.display()))?;
        anyhow::Ok((
            data.len(),
            data.modified().unwrap_or(SystemTime::UNIX_EPOCH),
        ))
    };
    let before = look()?;
    if before.1.elapsed().is_ok_and(|age| age < WRITING) {
        std::thread::sleep(WRITING);
        if look()? != before {
            bail!(
                "{} is still being written: try again when the build is done",
                path.display()
            );
        }
    }
    Ok(())
}
