//! Everything up to a pipeline's first record.

use std::sync::Arc;

use anyhow::{Context, Result};
use gristmill_postgres::fleet::{host, rollout};
use gristmill_sandbox::Sandbox;

use crate::definition::file::Config;
use crate::definition::revision::Revisions;
use crate::fleet::propose::{self, FileProposal};
use crate::handles::{
    FleetView, HostedDatabase, HostedPipeline, Kafka, LetterLog, Metrics, Replay, Standings,
};
use crate::partition::first_meeting::meet_topic;

/// What the pipelines of one file share in a process.
#[derive(Clone)]
pub(super) struct FileHandles {
    pub(super) sandbox: Sandbox,
    pub(super) database: Arc<HostedDatabase>,
    pub(super) kafka: Arc<Kafka>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) replay: Option<Replay>,
}

/// A pipeline that is about to read its first record.
pub(super) struct Started {
    pub(super) pipeline: Arc<HostedPipeline>,
    /// What the file proposes where other hosts run the pipeline: it is staged while they do.
    pub(super) proposal: Option<FileProposal>,
}

/// Registers the pipeline of `config` where it is new, and loads its active revision.
pub(super) async fn start(config: Config, with: FileHandles) -> Result<Started> {
    let FileHandles {
        sandbox,
        database,
        kafka,
        metrics,
        replay,
    } = with;
    let (name, commits) = (&config.pipeline.name, &database.commits);
    let to = commits.pool.database();
    let registered = async {
        let _place = commits.preparations.acquire().await;
        let mut connection = to.connect().await?;
        let owner = &commits.owner;
        let proposal = propose::read(&config, &sandbox, to, &mut connection, owner).await?;
        let rollout = rollout::read(&connection, name).await?;
        if let Err(error) = host::prune(&connection, &[name]).await {
            tracing::debug!("{error:#}");
        }
        anyhow::Ok((proposal, rollout))
    };
    let (proposal, rollout) = registered.await?;
    let rollout = rollout.with_context(|| format!("the pipeline {name} is not registered"))?;
    let places = Arc::clone(&commits.preparations);
    let revisions = Revisions::new(config.clone(), sandbox, to.clone(), places);
    revisions.load(rollout.active).await?;
    let look_again = &database.look_again;
    let pipeline = Arc::new(HostedPipeline {
        run: rollout.run,
        fleet: FleetView::new(revisions, rollout, Arc::clone(look_again)),
        commits: Arc::clone(commits),
        kafka,
        metrics,
        letter_log: LetterLog::default(),
        standings: Standings::new(Arc::clone(look_again)),
        replay,
        config,
    });
    // Where Kafka is away the first answer counts.
    if let Err(error) = meet_topic(&pipeline).await {
        tracing::debug!(
            pipeline = pipeline.name(),
            "cannot ask for its topic: {error:#}"
        );
    }
    Ok(Started { pipeline, proposal })
}
