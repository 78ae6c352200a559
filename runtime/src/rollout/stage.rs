//! The proposer's side: a revision goes to Postgres, every live host answers, and one compare-and-swap makes it active.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::time::Instant;

use crate::postgres::connect::Connection;
use crate::postgres::rollout::{self, Answer, Proposal};

/// How long the hosts may take: a component of a script language compiles in seconds, on each.
const PATIENCE: Duration = Duration::from_secs(60);
/// Well below the second in which hosts look for news.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Stores the proposal, waits for the hosts, and activates it. Returns its number.
pub async fn stage_and_activate(
    connection: &mut Connection,
    proposal: &Proposal<'_>,
) -> Result<i32> {
    let name = proposal.pipeline;
    let revision = rollout::propose(connection, proposal).await?.with_context(|| {
        format!("the pipeline {name} was changed meanwhile: look at `gristmill transform history`, then try again")
    })?;
    await_hosts(connection, name, revision).await?;
    if !rollout::activate(connection, name, revision, proposal.based_on).await? {
        bail!("revision {revision} is not activated: another revision became active meanwhile");
    }
    Ok(revision)
}

/// Waits until every live host has `revision` ready, and returns their names. The first that refuses, or time running out, ends the staging.
pub async fn await_hosts(
    connection: &Connection,
    pipeline: &str,
    revision: i32,
) -> Result<Vec<String>> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let stands = rollout::read(connection, pipeline).await?;
        let stands = stands.with_context(|| format!("the pipeline {pipeline} is gone"))?;
        if stands.staging != Some(revision) {
            bail!("revision {revision} is no longer being staged: another one took its place");
        }
        let answers = rollout::answers(connection, pipeline).await?;
        let about = |a: &&Answer| a.staged == Some(revision);
        let refusals: Vec<String> = answers
            .iter()
            .filter(about)
            .filter_map(|a| Some(format!("host {} refuses it: {}", a.host, a.error.as_ref()?)))
            .collect();
        if !refusals.is_empty() {
            let reason = refusals.join("\n");
            rollout::give_up(connection, pipeline, revision, &reason).await?;
            bail!("revision {revision} is not activated, nothing has changed\n{reason}");
        }
        if answers.iter().filter(about).count() == answers.len() {
            rollout::staged(connection, pipeline, revision).await?;
            return Ok(answers.into_iter().map(|a| a.host).collect());
        }
        if Instant::now() > deadline {
            let silent: Vec<_> = answers
                .iter()
                .filter(|a| a.staged != Some(revision))
                .map(|a| a.host.as_str())
                .collect();
            let reason = format!(
                "no answer within {} s from {}",
                PATIENCE.as_secs(),
                silent.join(", ")
            );
            rollout::give_up(connection, pipeline, revision, &reason).await?;
            bail!(
                "revision {revision} is not activated, nothing has changed: {reason}; look at the log there, or end the process"
            );
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
