//! `gristmill transform swap`, `rollback`: changing a rule of a fleet that runs.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, bail};

use crate::authoring::read_config;
use crate::config::Config;
use crate::parts::{Parts, component};
use crate::pipeline::Pipeline;
use crate::postgres::connect::{Connection, Database};
use crate::postgres::rollout::{self, Proposal, Rollout};
use crate::postgres::{checkpoint, history};
use crate::rollout::stage;
use crate::sandbox::Sandbox;
use crate::spec::Spec;
use crate::supervisor::host_name;

/// How long a swap waits for partitions to change, to say so: one without records changes with its next one.
const CHANGE_WAIT: Duration = Duration::from_secs(3);
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

/// A pipeline as the fleet runs it.
struct Fleet {
    config: Config,
    database: Database,
    connection: Connection,
    sandbox: Sandbox,
    stands: Rollout,
    active: Pipeline,
}

impl Fleet {
    async fn open(file: &Path) -> Result<Self> {
        let (config, database) = super::super::open(file)?;
        let connection = database.connect().await?;
        let name = &config.pipeline.name;
        let stands = rollout::read(&connection, name).await?;
        let stands = stands.with_context(|| {
            format!(
                "the pipeline {name} has never run on this database: start it with `gristmill run`"
            )
        })?;
        let parts = Parts::stored(&connection, &config, stands.active).await?;
        let sandbox = super::sandbox()?;
        let active = Pipeline::assemble(parts, &sandbox, &database).await?;
        Ok(Self {
            config,
            database,
            connection,
            sandbox,
            stands,
            active,
        })
    }

    /// Proves that `parts` can run here, stages them, and tells what became of it.
    async fn change(mut self, parts: Parts, retire: &[String], reason: &str) -> Result<()> {
        let next = Pipeline::assemble(parts, &self.sandbox, &self.database).await?;
        next.check_table(&self.connection).await?;
        dropped_columns(&self.active, &next, retire)?;
        let (name, by) = (&self.config.pipeline.name, who());
        let proposal = Proposal {
            pipeline: name,
            spec: &serde_json::to_value(next.spec())?,
            components: &next.blobs(),
            based_on: self.stands.active,
            by: &by,
            reason,
        };
        println!("staging: every live host loads it and says whether it can run it");
        let revision = stage::stage_and_activate(&mut self.connection, &proposal).await?;
        println!(
            "revision {revision} is active; {} was before it, and `gristmill transform rollback` goes back",
            self.stands.active
        );
        self.tell_changes(revision).await
    }

    /// Says from which offset each partition runs `revision`, as far as they do soon.
    async fn tell_changes(&self, revision: i32) -> Result<()> {
        let name = &self.config.pipeline.name;
        let deadline = tokio::time::Instant::now() + CHANGE_WAIT;
        loop {
            let partitions = checkpoint::list(&self.connection, name, self.stands.run).await?;
            let waits = partitions.iter().filter(|c| c.revision != revision).count();
            if waits == 0 || tokio::time::Instant::now() > deadline {
                println!(
                    "{} of {} partitions run it; the others change with their next records: see `gristmill transform history`",
                    partitions.len() - waits,
                    partitions.len()
                );
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

pub(super) async fn swap(args: SwapArgs) -> Result<()> {
    let fleet = Fleet::open(&args.pipeline.pipeline).await?;
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
    let reason = format!("swap {} {}", args.name, args.component);
    fleet.change(parts, &args.retire, &reason).await
}

pub(super) async fn rollback(args: RollbackArgs) -> Result<()> {
    let fleet = Fleet::open(&args.pipeline.pipeline).await?;
    let mut parts = fleet.active.parts();
    let position = parts.position(&args.name)?;
    let spec = fleet.active.spec();
    let of = |spec: &Spec| {
        let transform = spec.transforms.iter().find(|t| t.name == args.name)?;
        serde_json::to_value(transform).ok()
    };
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
    fleet.change(parts, &written, &reason).await
}

/// Columns that are no longer written keep their old values, which somebody must want.
fn dropped_columns(active: &Pipeline, next: &Pipeline, retire: &[String]) -> Result<()> {
    let gone =
        active.fields().iter().map(|f| &f.name).filter(|name| {
            next.fields().iter().all(|f| f.name != **name) && !retire.contains(name)
        });
    let gone: Vec<&str> = gone.map(String::as_str).collect();
    if gone.is_empty() {
        return Ok(());
    }
    let flags: Vec<String> = gone.iter().map(|g| format!("--retire {g}")).collect();
    bail!(
        "the pipeline would no longer write {}, and the table would keep old values: write it again, or say {}",
        gone.join(", "),
        flags.join(" ")
    )
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

/// `user@host`, for `gristmill.revision.by`.
fn who() -> String {
    let user = std::env::var("USER").unwrap_or_else(|_| "unknown".to_owned());
    format!("{user}@{}", host_name())
}
