//! A pipeline as its fleet runs it, from the side of who changes it.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use gristmill_postgres::commit::checkpoint;
use gristmill_postgres::fleet::rollout::Rollout;
use gristmill_postgres::fleet::{activation, definition_store};
use gristmill_postgres::wire::connection::Connection;
use gristmill_sandbox::Sandbox;

use crate::definition::bundle::Bundle;
use crate::definition::pipeline::Pipeline;
use crate::definition::spec::Spec;
use crate::fleet::check::{self, Retire};
use crate::fleet::stage;

use super::change_progress::{Progress, Spread, Tell};
use super::opened::Opened;
use super::proved_change::{ProvedChange, StageResult};
use super::who::who;

/// The state of a revision that was taken back or given up.
pub(super) const FAILED: &str = "failed";
/// How long a change waits for partitions to follow, to say how many did: one without records
/// follows with its next one.
const CHANGE_WAIT: Duration = Duration::from_secs(3);

/// A pipeline that has run, with what is active in it.
pub struct RunningPipeline {
    pub opened: Opened,
    pub(super) connection: Connection,
    pub(super) sandbox: Sandbox,
    /// Which revision is active, and which one is staged.
    pub(super) rollout: Rollout,
    pub(super) active: Pipeline,
}

/// A definition that a person wants to run in the place of what is active.
pub(super) struct WantedChange<'a> {
    pub(super) bundle: Bundle,
    /// Columns that may be given up.
    pub(super) retire: &'a [String],
    pub(super) reason: &'a str,
    /// The earlier revision that a rule of it is taken from, when it goes back.
    pub(super) restores: Option<i32>,
    /// Whether it may change what an ordinary swap may not.
    pub(super) evolves: bool,
    /// How long the hosts may take.
    pub(super) patience: Duration,
}

impl RunningPipeline {
    /// Loads the active revision of the pipeline.
    pub async fn open(opened: Opened, sandbox: Sandbox) -> Result<Self> {
        let connection = opened.database.connect().await?;
        let rollout = opened.rollout(&connection).await?;
        let bundle = Bundle::stored(&connection, &opened.config, rollout.active).await?;
        let active = Pipeline::assemble(bundle, &sandbox, &opened.database).await?;
        Ok(Self {
            opened,
            connection,
            sandbox,
            rollout,
            active,
        })
    }

    /// The number of the active revision.
    pub fn active_revision(&self) -> i32 {
        self.rollout.active
    }

    /// Proves that the change can run here and stages it, unless there is nothing to change.
    pub(super) async fn stage(
        &mut self,
        change: WantedChange<'_>,
        tell: Tell<'_>,
    ) -> Result<StageResult> {
        let proved = self.prove(change).await?;
        proved.stage(&mut self.connection, tell).await
    }

    /// Proves that the change can run here. Nothing is changed.
    pub(super) async fn prove(&self, change: WantedChange<'_>) -> Result<ProvedChange> {
        let mut next =
            Pipeline::assemble(change.bundle, &self.sandbox, &self.opened.database).await?;
        next.choose_guard(&self.connection).await?;
        next.check_table(&self.connection).await?;
        // What is gone back to ran before, and is wanted at once.
        if change.restores.is_none() {
            check::pure(Some(&self.active), &next)?;
        }
        if !change.evolves {
            check::evolution(&self.active, &next)?;
        }
        let table = next.target(&self.connection).await?;
        let retire = Retire::Flags(change.retire);
        let retired = check::columns(&self.active, &next, &table, retire)?;
        Ok(ProvedChange {
            pipeline: self.opened.name().to_owned(),
            based_on: self.rollout.active,
            active: serde_json::to_value(self.active.spec())?,
            spec: serde_json::to_value(next.spec())?,
            components: next.blobs(),
            reason: change.reason.to_owned(),
            // A person has left the active one for good.
            restores: change
                .restores
                .or(change.evolves.then_some(self.rollout.active)),
            patience: change.patience,
            retired,
        })
    }

    /// Makes a staged revision active everywhere.
    pub(super) async fn activate(&self, revision: i32, tell: Tell<'_>) -> Result<Spread> {
        let (name, before) = (self.opened.name(), self.rollout.active);
        stage::activate(&self.connection, name, revision, before).await?;
        tell(Progress::Activated { revision, before });
        self.spread(revision, None).await
    }

    /// Refuses a partition that this pipeline has not run.
    pub(super) async fn check_partition(&self, partition: i32) -> Result<()> {
        let name = self.opened.name();
        let partitions = checkpoint::list(&self.connection, name, self.rollout.run).await?;
        if partitions.iter().all(|c| c.key.partition != partition) {
            bail!(
                "there is no partition {partition} that this pipeline has run: it has {} of them, \
                 counted from 0",
                partitions.len()
            );
        }
        Ok(())
    }

    /// Lets one partition, which has been checked, run a staged revision.
    pub(super) async fn begin_canary(
        &self,
        revision: i32,
        partition: i32,
        tell: Tell<'_>,
    ) -> Result<Spread> {
        let name = self.opened.name();
        if !activation::canary(&self.connection, name, revision, partition).await? {
            bail!("revision {revision} is no longer being staged: another one took its place");
        }
        tell(Progress::CanaryBegun {
            partition,
            revision,
            active: self.rollout.active,
        });
        self.spread(revision, Some(partition)).await
    }

    /// Gives the staged revision up, with its canary, when it has another rule of this name than
    /// the active one. Returns its number, and how far a canary's partition is back; `None` where
    /// nothing was given up.
    pub(super) async fn give_up_staged(
        &self,
        rule_name: &str,
        tell: Tell<'_>,
    ) -> Result<Option<(i32, Option<Spread>)>> {
        let Some(staged) = self.rollout.staging else {
            return Ok(None);
        };
        let name = self.opened.name();
        let revision = definition_store::revision(&self.connection, name, staged).await?;
        let revision = revision.with_context(|| format!("there is no revision {staged}"))?;
        let spec = Spec::from_stored(&revision.spec)?;
        if spec.rule(rule_name) == self.active.spec().rule(rule_name) {
            return Ok(None);
        }
        let by = who();
        let reason = format!("given up by {by}");
        if !activation::give_up_by(&self.connection, name, staged, &by, &reason).await? {
            bail!(
                "revision {staged} is no longer being staged: look at `gristmill transform \
                 history {}`",
                self.opened.path.display()
            );
        }
        tell(Progress::GivenUp {
            revision: staged,
            active: self.rollout.active,
        });
        let spread = match self.rollout.canary {
            Some(partition) => Some(self.spread(self.rollout.active, Some(partition)).await?),
            None => None,
        };
        Ok(Some((staged, spread)))
    }

    /// How many partitions run `revision`, or whether the one does, as far as they do soon.
    async fn spread(&self, revision: i32, only: Option<i32>) -> Result<Spread> {
        let name = self.opened.name();
        let deadline = tokio::time::Instant::now() + CHANGE_WAIT;
        loop {
            let stored = definition_store::revision(&self.connection, name, revision).await?;
            if let Some(failed) = stored.filter(|r| r.state == FAILED) {
                bail!(
                    "revision {revision} did not stay: {}",
                    failed.reason.as_deref().unwrap_or("it failed")
                );
            }
            let mut partitions = checkpoint::list(&self.connection, name, self.rollout.run).await?;
            partitions.retain(|c| only.is_none_or(|p| p == c.key.partition));
            let running = partitions.iter().filter(|c| c.revision == revision).count();
            let partitions = partitions.len();
            if running == partitions || tokio::time::Instant::now() > deadline {
                return Ok(Spread {
                    running,
                    partitions,
                });
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}
