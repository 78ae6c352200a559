//! The pipeline file as a proposer: it becomes a revision only when it changed, and passes what
//! every proposal must.

use std::sync::Arc;

use anyhow::{Context, Result};

use crate::definition::bundle::Bundle;
use crate::definition::file::Config;
use crate::definition::pipeline::Pipeline;
use crate::definition::spec::{Spec, TransformSpec, spec_hash, version};
use crate::handles::HostedPipeline;
use gristmill_core::dedup::Guard;
use gristmill_postgres::fleet::definition_store::revision;
use gristmill_postgres::fleet::registration::{Registration, register, took_over};
use gristmill_postgres::fleet::rollout::{self, Proposal, Proposed};
use gristmill_postgres::table::target_table::TargetTable;
use gristmill_postgres::wire::connection::{Connection, Database};
use gristmill_sandbox::Sandbox;

use super::check::{self, Retire};
use super::stage;

/// Why a revision came to be that a file proposed.
const CHANGED: &str = "the pipeline file changed";
/// The same of one that says what the active one says, for a table that has another guard.
const CHANGED_OVER: &str = "the table has a column for versions";

/// A file that says something else than the active revision, or a table that has another guard.
pub struct FileProposal {
    file: Registration,
    /// The active revision that it was checked against.
    based_on: i32,
    reason: &'static str,
}

/// Reads the file and registers the pipeline, where that is new. A change becomes active at once
/// where no other host is alive, so that a host that runs alone begins by what its file says; else
/// it is returned, to be [`propose`]d while the active revision runs.
pub async fn read(
    config: &Config,
    sandbox: &Sandbox,
    database: &Database,
    connection: &mut Connection,
    owner: &str,
) -> Result<Option<FileProposal>> {
    let error = match try_read(config, sandbox, database, connection, owner).await {
        Ok(proposal) => return Ok(proposal),
        Err(error) => error,
    };
    // What is on a host's disk cannot stop a pipeline that runs: the truth is in Postgres.
    match rollout::read(connection, &config.pipeline.name).await {
        Ok(Some(rollout)) => {
            tracing::error!("what the pipeline file says is not active: {error:#}");
            tracing::warn!(revision = rollout.active, "the active revision runs");
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
) -> Result<Option<FileProposal>> {
    let failed = || "cannot register the pipeline";
    let mut proposed = Pipeline::load(config.clone(), sandbox, database).await?;
    proposed.choose_guard(connection).await?;
    proposed.check_table(connection).await?;
    let rollout = rollout::read(connection, &config.pipeline.name).await;
    if rollout.with_context(failed)?.is_none() {
        check::pure(None, &proposed)?;
    }
    let target = proposed.target(connection).await?;
    let file = registration(&proposed, target.sql_name.clone())?;
    let registered = register(connection, &file, owner).await;
    let registered = registered.with_context(failed)?;
    if let Some(note) = &registered.note {
        tracing::info!("{note}");
    }
    let based_on = registered.revision;
    let proposal = match registered.proposes {
        true => FileProposal {
            file,
            based_on,
            reason: CHANGED,
        },
        false => match change_over(connection, &proposed, based_on, file).await? {
            Some(proposal) => proposal,
            None => return Ok(None),
        },
    };
    let active = async {
        let bundle = Bundle::stored(connection, config, based_on).await?;
        Pipeline::assemble(bundle, sandbox, database).await
    };
    // One that can no longer be made tells nothing of its columns and rules: then the file may be
    // what mends the pipeline.
    let active = active
        .await
        .inspect_err(|error| {
            tracing::warn!("not compared with the active revision, which cannot run: {error:#}");
        })
        .ok();
    if registered.proposes {
        check_change(active.as_ref(), &proposed, &target, &config.target.retire)?;
        if let Some(active) = &active {
            warn_of_taken_back_rules(connection, based_on, active, &proposed).await?;
        }
    }
    if registered.is_accompanied {
        tracing::info!(
            "{}: other hosts run the pipeline, so it is staged, and takes over from revision \
             {based_on} when all of them can run it",
            proposal.reason
        );
        return Ok(Some(proposal));
    }
    proposal.stage(connection, owner).await?;
    Ok(None)
}

/// The active revision with the guard that the table has a column for, where it is another one: the
/// rules stay as they are, whatever the file says of them.
async fn change_over(
    connection: &Connection,
    proposed: &Pipeline,
    active: i32,
    file: Registration,
) -> Result<Option<FileProposal>> {
    let stored = revision(connection, &file.pipeline, active).await?;
    let Some(stored) = stored else {
        return Ok(None);
    };
    let mut spec = Spec::from_stored(&stored.spec)?;
    if spec.guard == proposed.guard() || proposed.guard() == Guard::Columns {
        return Ok(None);
    }
    spec.guard = proposed.guard();
    let (roles, forms) = (proposed.roles(), spec.forms());
    spec.version = version(
        spec.guard,
        roles,
        spec.delete,
        &spec.absent,
        forms,
        &spec.encoding,
    );
    Ok(Some(FileProposal {
        file: Registration {
            spec: serde_json::to_value(spec)?,
            components: Vec::new(),
            ..file
        },
        based_on: active,
        reason: CHANGED_OVER,
    }))
}

fn registration(proposed: &Pipeline, target: String) -> Result<Registration> {
    let declared = serde_json::to_value(proposed.declared_spec())?;
    Ok(Registration {
        pipeline: proposed.config.pipeline.name.clone(),
        topics: vec![proposed.config.source.topic.clone()],
        target,
        spec_hash: spec_hash(&declared),
        spec: serde_json::to_value(proposed.spec())?,
        components: proposed.blobs(),
    })
}

/// What every proposal must pass.
fn check_change(
    active: Option<&Pipeline>,
    proposed: &Pipeline,
    table: &TargetTable,
    retire: &[String],
) -> Result<()> {
    check::pure(active, proposed)?;
    let Some(active) = active else {
        return Ok(());
    };
    check::evolution(active, proposed)?;
    let retired = check::columns(active, proposed, table, Retire::Key(retire))?;
    if !retired.is_empty() {
        tracing::info!(
            "no longer written: {}; the table keeps the values that it has",
            retired.join(", ")
        );
    }
    Ok(())
}

/// Says which rules that somebody made active by a command are gone with what the file says.
async fn warn_of_taken_back_rules(
    connection: &Connection,
    based_on: i32,
    active: &Pipeline,
    proposed: &Pipeline,
) -> Result<()> {
    let (before, after) = (active.spec(), proposed.spec());
    let differ = |rule: &&TransformSpec| before.rule(&rule.name) != Some(rule);
    let rules = after.transforms.iter().filter(differ);
    let rules: Vec<_> = rules.map(|rule| rule.name.as_str()).collect();
    if rules.is_empty() {
        return Ok(());
    }
    let stored = revision(connection, &proposed.config.pipeline.name, based_on).await?;
    let change = stored.and_then(|r| Some((r.reason?, r.by)));
    if let Some((reason, by)) = change.filter(|(reason, _)| reason != CHANGED) {
        tracing::warn!(
            "the pipeline file changed and takes back what revision {based_on} has of {} \
             ({reason}, by {by}): write that into the file if it is to stay",
            rules.join(", ")
        );
    }
    Ok(())
}

impl FileProposal {
    async fn stage(&self, connection: &mut Connection, owner: &str) -> Result<()> {
        let (file, based_on) = (&self.file, self.based_on);
        let proposal = Proposal {
            pipeline: &file.pipeline,
            spec: &file.spec,
            components: &file.components,
            based_on,
            by: owner,
            reason: self.reason,
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
pub async fn propose(pipeline: Arc<HostedPipeline>, proposal: FileProposal) {
    let commits = &pipeline.commits;
    let staged = async {
        let _turn = commits.proposals.acquire().await;
        let _place = commits.preparations.acquire().await;
        let mut connection = commits.pool.database().connect().await?;
        proposal.stage(&mut connection, &commits.owner).await
    };
    if let Err(error) = staged.await {
        tracing::error!("what the pipeline file says is not active: {error:#}");
    }
}
