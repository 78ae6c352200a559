//! A pipeline as its fleet runs it, from the side of who changes it.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::config::Config;
use crate::parts::Parts;
use crate::pipeline::Pipeline;
use crate::postgres::connect::{Connection, Database};
use crate::postgres::rollout::{self, Proposal, Rollout};
use crate::postgres::{activation, checkpoint, pipeline};
use crate::rollout::stage;
use crate::sandbox::Sandbox;
use crate::spec::Spec;
use crate::supervisor::host_name;

/// How long a swap waits for partitions to change, to say so: one without records changes with its next one.
const CHANGE_WAIT: Duration = Duration::from_secs(3);

/// A pipeline as the fleet runs it.
pub(super) struct Fleet {
    pub(super) config: Config,
    database: Database,
    pub(super) connection: Connection,
    pub(super) sandbox: Sandbox,
    pub(super) stands: Rollout,
    pub(super) active: Pipeline,
}

impl Fleet {
    pub(super) async fn open(file: &Path) -> Result<Self> {
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

    /// Proves that `parts` can run here and stages them. Returns the revision's number.
    pub(super) async fn stage(
        &mut self,
        parts: Parts,
        retire: &[String],
        reason: &str,
    ) -> Result<i32> {
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
            fallback: true,
        };
        println!("staging: every live host loads it and says whether it can run it");
        stage::stage(&mut self.connection, &proposal).await
    }

    /// Makes a staged revision active everywhere. `fallback`: whether rows that fail may undo it.
    pub(super) async fn activate(&self, revision: i32, fallback: bool) -> Result<()> {
        let (name, before) = (&self.config.pipeline.name, self.stands.active);
        stage::activate(&self.connection, name, revision, before, fallback).await?;
        println!(
            "revision {revision} is active; {before} was before it, and `gristmill transform rollback` goes back"
        );
        self.tell_changes(revision, None).await
    }

    /// Lets one partition run a staged revision.
    pub(super) async fn begin_canary(&self, revision: i32, partition: i32) -> Result<()> {
        let name = &self.config.pipeline.name;
        let partitions = checkpoint::list(&self.connection, name, self.stands.run).await?;
        if partitions.iter().all(|c| c.key.partition != partition) {
            activation::give_up(&self.connection, name, revision, "no such partition").await?;
            bail!(
                "there is no partition {partition} that this pipeline has run: it has {} of them, counted from 0",
                partitions.len()
            );
        }
        if !activation::canary(&self.connection, name, revision, partition).await? {
            bail!("revision {revision} is no longer being staged: another one took its place");
        }
        println!(
            "partition {partition} runs revision {revision} from its next flush on, the others {}; `gristmill transform promote` makes it active everywhere, `rollback` gives it up",
            self.stands.active
        );
        self.tell_changes(revision, Some(partition)).await
    }

    /// Gives the staged revision up, with its canary, when it has another rule of this name than the active one.
    pub(super) async fn gives_up_staged(&self, rule_name: &str) -> Result<bool> {
        let Some(staged) = self.stands.staging else {
            return Ok(false);
        };
        let name = &self.config.pipeline.name;
        let revision = pipeline::revision(&self.connection, name, staged).await?;
        let revision = revision.with_context(|| format!("there is no revision {staged}"))?;
        let spec: Spec = serde_json::from_value(revision.spec)?;
        if rule(&spec, rule_name) == rule(&self.active.spec(), rule_name) {
            return Ok(false);
        }
        let reason = format!("given up by {}", who());
        if !activation::give_up(&self.connection, name, staged, &reason).await? {
            bail!(
                "revision {staged} is no longer being staged: look at `gristmill transform history`"
            );
        }
        println!(
            "revision {staged} is given up; revision {} stays active",
            self.stands.active
        );
        if let Some(partition) = self.stands.canary {
            self.tell_changes(self.stands.active, Some(partition))
                .await?;
        }
        Ok(true)
    }

    /// Says how many partitions run `revision`, or whether the one does, as far as they do soon.
    async fn tell_changes(&self, revision: i32, only: Option<i32>) -> Result<()> {
        let name = &self.config.pipeline.name;
        let deadline = tokio::time::Instant::now() + CHANGE_WAIT;
        loop {
            let mut partitions = checkpoint::list(&self.connection, name, self.stands.run).await?;
            partitions.retain(|c| only.is_none_or(|p| p == c.key.partition));
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

/// The rule called `name`, to be compared.
pub(super) fn rule(spec: &Spec, name: &str) -> Option<serde_json::Value> {
    let transform = spec.transforms.iter().find(|t| t.name == name)?;
    serde_json::to_value(transform).ok()
}

/// Columns that are no longer written keep their old values, which somebody must want.
fn dropped_columns(active: &Pipeline, next: &Pipeline, retire: &[String]) -> Result<()> {
    let written = |name: &String| next.fields().iter().any(|f| f.name == *name);
    let names = active.fields().iter().map(|f| f.name.clone());
    let (retired, gone): (Vec<String>, Vec<String>) = names
        .filter(|name| !written(name))
        .partition(|name| retire.contains(name));
    if !gone.is_empty() {
        let flags: Vec<String> = gone.iter().map(|g| format!("--retire {g}")).collect();
        bail!(
            "the pipeline would no longer write {}, and the table would keep old values: write it again, or say {}",
            gone.join(", "),
            flags.join(" ")
        );
    }
    if !retired.is_empty() {
        println!(
            "no longer written: {}; the table keeps the values that it has",
            retired.join(", ")
        );
    }
    Ok(())
}

/// `user@host`, for `gristmill.revision.by`.
fn who() -> String {
    let user = std::env::var("USER").unwrap_or_else(|_| "unknown".to_owned());
    format!("{user}@{}", host_name())
}
