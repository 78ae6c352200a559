//! The pipeline file as a proposer: it becomes a revision only when it changed, and passes what
//! every proposal must.

use std::sync::Arc;

use anyhow::{Context, Result};

use crate::definition::bundle::Parts;
use crate::definition::file::Config;
use crate::definition::pipeline::{Pipeline, spec_hash};
use crate::definition::spec::TransformSpec;
use crate::process::Shared;
use gristmill_postgres::fleet::pipeline::{Registration, register, revision, took_over};
use gristmill_postgres::fleet::rollout::{self, Proposal, Proposed};
use gristmill_postgres::wire::connect::{Connection, Database};
use gristmill_sandbox::Sandbox;

use super::check::{self, Retire};
use super::stage;

/// Why a revision came to be that a file proposed.
const CHANGED: &str = "the pipeline file changed";

/// A file that says something else than the active revision.
pub struct News {
    file: Registration,
    /// The active revision that it was checked against.
    based_on: i32,
}

/// Reads the file and registers the pipeline, where that is new. News becomes active at once where
/// no other host is alive, so that a host that runs alone begins by what its file says; else it is
/// returned, to be [`propose`]d while the active revision runs.
pub async fn read(
    config: &Config,
    sandbox: &Sandbox,
    database: &Database,
    connection: &mut Connection,
    owner: &str,
) -> Result<Option<News>> {
    let error = match try_read(config, sandbox, database, connection, owner).await {
        Ok(news) => return Ok(news),
        Err(error) => error,
    };
    // What is on a host's disk cannot stop a pipeline that runs: the truth is in Postgres.
    match rollout::read(connection, &config.pipeline.name).await {
        Ok(Some(stands)) => {
            tracing::error!("what the pipeline file says is not active: {error:#}");
            tracing::warn!(revision = stands.active, "the active revision runs");
            Ok(None)
        }
        _ => Err(error),
    }
}

async fn try_read(
    config: &Config,
    sandbox: &Sandbox,
    database: &Database,
    connection: &mut Connection,
    owner: &str,
) -> Result<Option<News>> {
    let failed = || "cannot register the pipeline";
    let said = Pipeline::load(config.clone(), sandbox, database).await?;
    said.check_table(connection).await?;
    let stands = rollout::read(connection, &config.pipeline.name).await;
    if stands.with_context(failed)?.is_none() {
        check::pure(None, &said)?;
    }
    let file = registration(&said)?;
    let registered = register(connection, &file, owner).await;
    let registered = registered.with_context(failed)?;
    if let Some(note) = &registered.note {
        tracing::info!("{note}");
    }
    if !registered.proposes {
        return Ok(None);
    }
    let based_on = registered.revision;
    let active = async {
        let parts = Parts::stored(connection, config, based_on).await?;
        Pipeline::assemble(parts, sandbox, database).await
    };
    // One that can no longer be made tells nothing of its columns and rules: then the file may be
    // what mends the pipeline.
    let active = active
        .await
        .inspect_err(|error| {
            tracing::warn!("not compared with the active revision, which cannot run: {error:#}");
        })
        .ok();
    check_news(active.as_ref(), &said, &config.target.retire)?;
    if let Some(active) = &active {
        tell_taken_back(connection, based_on, active, &said).await?;
    }
    let news = News { file, based_on };
    if registered.is_accompanied {
        tracing::info!(
            "the pipeline file changed: other hosts run the pipeline, so it is staged, and takes \
             over from revision {based_on} when all of them can run it"
        );
        return Ok(Some(news));
    }
    news.stage(connection, owner).await?;
    Ok(None)
}

fn registration(said: &Pipeline) -> Result<Registration> {
    let spec = serde_json::to_value(said.spec())?;
    Ok(Registration {
        pipeline: said.config.pipeline.name.clone(),
        topics: vec![said.config.source.topic.clone()],
        target: said.config.target.table.clone(),
        spec_hash: spec_hash(&spec),
        spec,
        components: said.blobs(),
    })
}

/// What every proposal must pass.
fn check_news(active: Option<&Pipeline>, said: &Pipeline, retire: &[String]) -> Result<()> {
    check::pure(active, said)?;
    let Some(active) = active else {
        return Ok(());
    };
    let retired = check::columns(active, said, Retire::Key(retire))?;
    if !retired.is_empty() {
        tracing::info!(
            "no longer written: {}; the table keeps the values that it has",
            retired.join(", ")
        );
    }
    Ok(())
}

/// Says which rules that somebody made active by a command are gone with what the file says.
async fn tell_taken_back(
    connection: &Connection,
    based_on: i32,
    active: &Pipeline,
    said: &Pipeline,
) -> Result<()> {
    let (before, after) = (active.spec(), said.spec());
    let differ = |rule: &&TransformSpec| before.rule(&rule.name) != Some(rule);
    let rules = after.transforms.iter().filter(differ);
    let rules: Vec<_> = rules.map(|rule| rule.name.as_str()).collect();
    if rules.is_empty() {
        return Ok(());
    }
    let stored = revision(connection, &said.config.pipeline.name, based_on).await?;
    let told = stored.and_then(|r| Some((r.reason?, r.by)));
    if let Some((reason, by)) = told.filter(|(reason, _)| reason != CHANGED) {
        tracing::warn!(
            "the pipeline file changed and takes back what revision {based_on} has of {} \
             ({reason}, by {by}): write that into the file if it is to stay",
            rules.join(", ")
        );
    }
    Ok(())
}

impl News {
    async fn stage(&self, connection: &mut Connection, owner: &str) -> Result<()> {
        let (file, based_on) = (&self.file, self.based_on);
        let proposal = Proposal {
            pipeline: &file.pipeline,
            spec: &file.spec,
            components: &file.components,
            based_on,
            by: owner,
            reason: CHANGED,
            restores: None,
        };
        let staged = stage::stage(connection, &proposal, stage::PATIENCE).await?;
        if let Proposed::Staged(revision) = staged {
            stage::activate(connection, &file.pipeline, revision, based_on).await?;
        }
        let (Proposed::Staged(revision) | Proposed::Same(revision)) = staged;
        took_over(connection, file, owner).await?;
        tracing::info!(
            revision,
            before = based_on,
            "what the pipeline file says is active"
        );
        Ok(())
    }
}

/// Stages what the file says on the hosts that run the pipeline.
pub async fn propose(shared: Arc<Shared>, news: Option<News>) {
    let Some(news) = news else {
        return;
    };
    let staged = async {
        let mut connection = shared.pool.database().connect().await?;
        news.stage(&mut connection, &shared.owner).await
    };
    if let Err(error) = staged.await {
        tracing::error!("what the pipeline file says is not active: {error:#}");
    }
}
