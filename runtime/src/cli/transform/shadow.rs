//! `gristmill transform swap --shadow`: what a staged revision would change, seen before it writes
//! anything.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::time::Instant;

use crate::fleet::difference::Difference;
use gristmill_postgres::fleet::{activation, rollout, shadow_report};

use super::fleet::Fleet;

const LOOK_EVERY: Duration = Duration::from_millis(200);
/// A topic without records says nothing, which whoever waits should know.
const SAY_EVERY: Duration = Duration::from_secs(10);

impl Fleet {
    /// Lets the workers compare `revision` with the active one on the next `rows` rows, and shows
    /// what differs. A revision that cannot be run, and Ctrl-C, end its staging.
    pub(super) async fn shadow(&self, revision: i32, rows: i64) -> Result<()> {
        let name = &self.config.pipeline.name;
        let stop = crate::cli::stop_signal()?;
        let outcome = tokio::select! {
            outcome = self.compare(revision, rows) => outcome,
            () = stop.cancelled() => Err(anyhow::anyhow!("stopped before {rows} rows were compared")),
        };
        if let Err(error) = &outcome {
            let why = format!("{error:#}");
            activation::give_up(&self.connection, name, revision, &why).await?;
        }
        outcome.with_context(|| format!("revision {revision} is given up, nothing has changed"))
    }

    async fn compare(&self, revision: i32, rows: i64) -> Result<()> {
        let (client, name) = (&self.connection, &self.config.pipeline.name);
        if rollout::answers(client, name).await?.is_empty() {
            bail!(
                "no host runs the pipeline {name}, so there are no live records to compare on: \
                 `gristmill transform replay` compares on old ones"
            );
        }
        if !shadow_report::begin(client, name, revision, rows).await? {
            bail!("revision {revision} is no longer being staged: another one took its place");
        }
        println!(
            "comparing it with revision {} on the next {rows} rows",
            self.stands.active
        );
        let mut said = Instant::now();
        while let Some(left) = shadow_report::rows_left(client, name, revision).await? {
            if said.elapsed() > SAY_EVERY {
                said = Instant::now();
                println!(
                    "{} of {rows} rows so far; it goes on as records arrive, Ctrl-C ends it",
                    rows - left
                );
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        let mut difference = Difference::default();
        for found in shadow_report::found(client, name, revision).await? {
            match found {
                Ok(found) => difference.merge(serde_json::from_value(found)?),
                Err(error) => bail!(
                    "it cannot compute what revision {} does: {error}",
                    self.stands.active
                ),
            }
        }
        let stands = rollout::read(client, name).await?;
        if stands.is_none_or(|s| s.staging != Some(revision)) {
            bail!("revision {revision} is no longer being staged: another one took its place");
        }
        let heads = [self.stands.active, revision].map(|n| format!("revision {n}"));
        println!("\n{}", difference.text(&heads[0], &heads[1]));
        Ok(())
    }
}
