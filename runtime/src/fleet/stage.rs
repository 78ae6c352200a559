//! The proposer's side: a revision goes to Postgres, every live host answers, and one
//! compare-and-swap makes it active.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::time::Instant;

use gristmill_postgres::fleet::activation;
use gristmill_postgres::fleet::rollout::{self, HostAnswer, Proposal, Proposed};
use gristmill_postgres::wire::connection::Connection;

/// How long the hosts may take, where nobody says otherwise: a component of a script language
/// compiles in seconds, on each.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// Well below the second after which hosts read the row again.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Stores the proposal, unless the active revision says the same, and waits until the hosts have it
/// ready.
pub async fn stage(
    connection: &mut Connection,
    proposal: &Proposal<'_>,
    patience: Duration,
) -> Result<Proposed> {
    let name = proposal.pipeline;
    let proposed = rollout::propose(connection, proposal)
        .await?
        .with_context(|| {
            format!(
                "the pipeline {name} was changed meanwhile, or a canary runs: look at `gristmill \
                 transform history FILE`, then try again"
            )
        })?;
    if let Proposed::Staged(revision) = proposed {
        await_hosts(connection, name, revision, patience).await?;
    }
    Ok(proposed)
}

/// Makes the staged revision active in the place of `based_on`.
pub async fn activate(
    connection: &Connection,
    pipeline: &str,
    revision: i32,
    based_on: i32,
) -> Result<()> {
    if !activation::activate(connection, pipeline, revision, based_on).await? {
        bail!("revision {revision} is not activated: another one took its place meanwhile");
    }
    Ok(())
}

/// Waits until every live host has `revision` ready, and returns their names. The first that
/// refuses, or time running out, ends the staging.
pub async fn await_hosts(
    connection: &Connection,
    pipeline: &str,
    revision: i32,
    patience: Duration,
) -> Result<Vec<String>> {
    let deadline = Instant::now() + patience;
    loop {
        let rollout = rollout::read(connection, pipeline).await?;
        let rollout = rollout.with_context(|| format!("the pipeline {pipeline} is gone"))?;
        if rollout.staging != Some(revision) {
            bail!("revision {revision} is no longer being staged: another one took its place");
        }
        let answers = rollout::answers(connection, pipeline).await?;
        let about = |a: &&HostAnswer| a.staged == Some(revision);
        let refusals: Vec<String> = answers
            .iter()
            .filter(about)
            .filter_map(|a| Some(format!("host {} refuses it: {}", a.host, a.error.as_ref()?)))
            .collect();
        if !refusals.is_empty() {
            let reason = refusals.join("\n");
            activation::give_up(connection, pipeline, revision, &reason).await?;
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
                patience.as_secs(),
                silent.join(", ")
            );
            activation::give_up(connection, pipeline, revision, &reason).await?;
            bail!(
                "revision {revision} is not activated, nothing has changed: {reason}; look at the \
                 log there, or end the process"
            );
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
