//! `gristmill transform swap`, `rollback`: changing a rule of a fleet that runs.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, bail};

use crate::authoring::read_config;
use crate::parts::{Parts, component};
use crate::postgres::history;
use crate::purity;
use crate::rollout::stage;
use crate::spec::Spec;

use super::fleet::{Fleet, rule};

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
    /// First compute so many rows by both revisions, write those of the active one, and show what differs
    #[arg(long, value_name = "ROWS", value_parser = clap::value_parser!(i64).range(1..))]
    shadow: Option<i64>,
    /// Run it on one partition only, until `transform promote` or `transform rollback`
    #[arg(long, value_name = "PARTITION")]
    canary: Option<i32>,
    #[command(flatten)]
    pipeline: PipelineArg,
}

#[derive(clap::Args)]
pub(in crate::cli) struct RollbackArgs {
    /// The transform's name in the pipeline
    name: String,
    #[command(flatten)]
    pipeline: PipelineArg,
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
    purity::prove(&fleet.sandbox, &parts, position)?;
    let reason = format!("swap {} {}", args.name, args.component);
    let revision = fleet.stage(parts, &args.retire, &reason).await?;
    if let Some(rows) = args.shadow {
        fleet.shadow(revision, rows).await?;
    }
    match args.canary {
        Some(partition) => fleet.begin_canary(revision, partition).await,
        None if args.shadow.is_some() => {
            println!(
                "\nrevision {revision} is staged and ready: `gristmill transform promote` makes it active, `gristmill transform rollback {}` gives it up",
                args.name
            );
            Ok(())
        }
        None => fleet.activate(revision, true).await,
    }
}

pub(super) async fn promote(args: PipelineArg) -> Result<()> {
    let fleet = Fleet::open(&args.pipeline).await?;
    let name = &fleet.config.pipeline.name;
    let staged = fleet.stands.staging.with_context(|| {
        format!(
            "nothing is staged for the pipeline {name}: `gristmill transform swap` with `--shadow` or `--canary` does"
        )
    })?;
    // Hosts may have come since it was staged.
    stage::await_hosts(&fleet.connection, name, staged).await?;
    fleet.activate(staged, true).await
}

pub(super) async fn rollback(args: RollbackArgs) -> Result<()> {
    let mut fleet = Fleet::open(&args.pipeline.pipeline).await?;
    if fleet.gives_up_staged(&args.name).await? {
        return Ok(());
    }
    let mut parts = fleet.active.parts();
    let position = parts.position(&args.name)?;
    let spec = fleet.active.spec();
    let of = |spec: &Spec| rule(spec, &args.name);
    // Back along what each revision was made from, to the first that had another rule of this name.
    let made = history::revisions(&fleet.connection, &fleet.config.pipeline.name).await?;
    let mut number = Some(fleet.stands.active);
    let earlier = loop {
        let revision = number.and_then(|n| made.iter().find(|m| m.revision.revision == n));
        let Some(revision) = revision else {
            bail!(
                "there is nothing to go back to: `{}` has not been changed since revision 1",
                args.name
            );
        };
        let then: Spec = serde_json::from_value(revision.revision.spec.clone())?;
        if of(&then) != of(&spec) {
            break revision.revision.revision;
        }
        number = revision
            .based_on
            .filter(|n| *n < revision.revision.revision);
    };
    let then = Parts::stored(&fleet.connection, &fleet.config, earlier).await?;
    let was = then.position(&args.name)?;
    parts.components[position] = then.components[was].clone();
    parts.config.transform[position] = then.config.transform[was].clone();
    let reason = format!(
        "rollback {} to what it was in revision {earlier}",
        args.name
    );
    // Columns that only the newer rule wrote stay in the table.
    let written: Vec<String> = fleet
        .active
        .fields()
        .iter()
        .map(|f| f.name.clone())
        .collect();
    let revision = fleet.stage(parts, &written, &reason).await?;
    // What a person left is not come back to by itself.
    fleet.activate(revision, false).await
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
