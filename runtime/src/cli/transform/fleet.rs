//! A pipeline as its fleet runs it, from the side of who changes it.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::definition::bundle::Parts;
use crate::definition::file::Config;
use crate::definition::pipeline::Pipeline;
use crate::definition::spec::Spec;
use crate::fleet::check::{self, Retire};
use crate::fleet::stage;
use crate::process::host_name;
use gristmill_postgres::commit::checkpoint;
use gristmill_postgres::fleet::rollout::{self, Proposal, Proposed, Rollout};
use gristmill_postgres::fleet::{activation, definition_store};
use gristmill_postgres::wire::connection::{Connection, Database};
use gristmill_sandbox::Sandbox;

/// The state of a revision that was taken back or given up.
const FAILED: &str = "failed";
/// How long a swap waits for partitions to change, to say so: one without records changes with its
/// next one.
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

/// What a person wants to run in the place of what is active.
pub(super) struct Change<'a> {
    pub(super) parts: Parts,
    /// Columns that may be given up.
    pub(super) retire: &'a [String],
    pub(super) reason: &'a str,
    /// The earlier revision that a rule of it is taken from, when it goes back.
    pub(super) restores: Option<i32>,
    /// How long the hosts may take.
    pub(super) patience: Duration,
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
        let sandbox = crate::cli::sandbox()?;
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

    /// Proves that the change can run here and stages it. Returns the revision's number; `None`,
    /// and says so, when there is nothing to change.
    pub(super) async fn stage(&mut self, change: Change<'_>) -> Result<Option<i32>> {
        let next = Pipeline::assemble(change.parts, &self.sandbox, &self.database).await?;
        next.check_table(&self.connection).await?;
        // What is gone back to ran before, and is wanted at once.
        if change.restores.is_none() {
            check::pure(Some(&self.active), &next)?;
        }
        let retired = check::columns(&self.active, &next, Retire::Flags(change.retire))?;
        let (name, by) = (&self.config.pipeline.name, who());
        let spec = serde_json::to_value(next.spec())?;
        if spec != serde_json::to_value(self.active.spec())? {
            println!("staging: every live host loads it and says whether it can run it");
        }
        let proposal = Proposal {
            pipeline: name,
            spec: &spec,
            components: &next.blobs(),
            based_on: self.stands.active,
            by: &by,
            reason: change.reason,
            restores: change.restores,
        };
        match stage::stage(&mut self.connection, &proposal, change.patience).await? {
            Proposed::Staged(revision) => {
                if !retired.is_empty() {
                    println!(
                        "no longer written: {}; the table keeps the values that it has",
                        retired.join(", ")
                    );
                }
                Ok(Some(revision))
            }
            Proposed::Same(active) => {
                println!("nothing to change: this is what revision {active}, the active one, runs");
                Ok(None)
            }
        }
    }

    /// Makes a staged revision active everywhere.
    pub(super) async fn activate(&self, revision: i32) -> Result<()> {
        let (name, before) = (&self.config.pipeline.name, self.stands.active);
        stage::activate(&self.connection, name, revision, before).await?;
        println!(
            "revision {revision} is active; {before} was before it, and `gristmill transform \
             rollback` goes back"
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
                "there is no partition {partition} that this pipeline has run: it has {} of them, \
                 counted from 0",
                partitions.len()
            );
        }
        if !activation::canary(&self.connection, name, revision, partition).await? {
            bail!("revision {revision} is no longer being staged: another one took its place");
        }
        println!(
            "partition {partition} runs revision {revision} from its next flush on, the others \
             {}; `gristmill transform promote` makes it active everywhere, `rollback` gives it up",
            self.stands.active
        );
        self.tell_changes(revision, Some(partition)).await
    }

    /// Gives the staged revision up, with its canary, when it has another rule of this name than
    /// the active one.
    pub(super) async fn gives_up_staged(&self, rule_name: &str) -> Result<bool> {
        let Some(staged) = self.stands.staging else {
            return Ok(false);
        };
        let name = &self.config.pipeline.name;
        let revision = definition_store::revision(&self.connection, name, staged).await?;
        let revision = revision.with_context(|| format!("there is no revision {staged}"))?;
        let spec: Spec = serde_json::from_value(revision.spec)?;
        if spec.rule(rule_name) == self.active.spec().rule(rule_name) {
            return Ok(false);
        }
        let by = who();
        let reason = format!("given up by {by}");
        if !activation::give_up_by(&self.connection, name, staged, &by, &reason).await? {
            bail!(
                "revision {staged} is no longer being staged: look at `gristmill transform \
                 history`"
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
            let stored = definition_store::revision(&self.connection, name, revision).await?;
            if let Some(failed) = stored.filter(|r| r.state == FAILED) {
                bail!(
                    "revision {revision} did not stay: {}",
                    failed.reason.as_deref().unwrap_or("it failed")
                );
            }
            let mut partitions = checkpoint::list(&self.connection, name, self.stands.run).await?;
            partitions.retain(|c| only.is_none_or(|p| p == c.key.partition));
            let waits = partitions.iter().filter(|c| c.revision != revision).count();
            if waits == 0 || tokio::time::Instant::now() > deadline {
                let rest = match waits {
                    0 => "",
                    _ => {
                        "; the others change with their next records: see `gristmill transform \
                         history`"
                    }
                };
                let all = partitions.len();
                println!("{} of {all} partitions run it{rest}", all - waits);
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

/// `user@host`, for `gristmill.revision.by`.
fn who() -> String {
    let user = std::env::var("USER").unwrap_or_else(|_| "unknown".to_owned());
    format!("{user}@{}", host_name())
}
