//! What a staged revision would change, seen on live records before it writes anything.

use std::future::Future;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use gristmill_postgres::fleet::{activation, rollout, shadow_report};
use tokio::time::Instant;

use crate::fleet::difference::Difference;

use super::change_progress::{Progress, Tell};
use super::running_pipeline::RunningPipeline;

const LOOK_EVERY: Duration = Duration::from_millis(200);
/// A topic without records says nothing, which whoever waits should know.
const SAY_EVERY: Duration = Duration::from_secs(10);

impl RunningPipeline {
    /// Lets the workers compare `revision` with the active one on the next `rows` rows. A revision
    /// that cannot be run, and the end of `stop`, end its staging.
    pub(super) async fn compare_live(
        &self,
        revision: i32,
        rows: i64,
        stop: impl Future<Output = ()>,
        tell: Tell<'_>,
    ) -> Result<Difference> {
        let outcome = tokio::select! {
            outcome = self.compare(revision, rows, tell) => outcome,
            () = stop => Err(anyhow!("stopped before {rows} rows were compared")),
        };
        if let Err(error) = &outcome {
            let (name, why) = (self.opened.name(), format!("{error:#}"));
            activation::give_up(&self.connection, name, revision, &why).await?;
        }
        outcome.with_context(|| format!("revision {revision} is given up, nothing has changed"))
    }

    async fn compare(&self, revision: i32, rows: i64, tell: Tell<'_>) -> Result<Difference> {
        let (client, name, active) = (&self.connection, self.opened.name(), self.rollout.active);
        if rollout::answers(client, name).await?.is_empty() {
            bail!(
                "no host runs the pipeline {name}, so there are no live records to compare on: \
                 `gristmill transform replay {}` compares on old ones",
                self.opened.path.display()
            );
        }
        if !shadow_report::begin(client, name, revision, rows).await? {
            bail!("revision {revision} is no longer being staged: another one took its place");
        }
        tell(Progress::Comparing { active, rows });
        let mut shown_at = Instant::now();
        while let Some(left) = shadow_report::rows_left(client, name, revision).await? {
            if shown_at.elapsed() > SAY_EVERY {
                shown_at = Instant::now();
                let done = rows - left;
                tell(Progress::Compared { done, rows });
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        let mut difference = Difference::default();
        for found in shadow_report::found(client, name, revision).await? {
            match found {
                Ok(found) => difference.merge(serde_json::from_value(found)?),
                Err(error) => bail!("it cannot compute what revision {active} does: {error}"),
            }
        }
        let rollout = rollout::read(client, name).await?;
        if rollout.is_none_or(|r| r.staging != Some(revision)) {
            bail!("revision {revision} is no longer being staged: another one took its place");
        }
        tell(Progress::Differs {
            active,
            revision,
            difference: difference.clone(),
        });
        Ok(difference)
    }
}
