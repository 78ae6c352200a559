//! Everything up to the first connection to the consumer group.

use std::sync::Arc;

use anyhow::{Context, Result};
use gristmill_kafka::admin::Admin;
use gristmill_postgres::fleet::{host, rollout};
use gristmill_postgres::wire::connection::Database;
use gristmill_postgres::wire::pool::Pool;
use gristmill_sandbox::Sandbox;
use tokio::sync::Notify;

use crate::definition::file::Config;
use crate::definition::revision::Revisions;
use crate::fleet::propose::{self, FileProposal};
use crate::handles::{Commits, FleetView, HostedPipeline, Kafka, LetterLog, Standings};
use crate::host_name::process_name;

/// A process that is about to read its first record.
pub(super) struct Started {
    pub(super) commits: Arc<Commits>,
    pub(super) kafka: Arc<Kafka>,
    /// Those of one pipeline file: they share a consumer.
    pub(super) pipelines: Vec<Arc<HostedPipeline>>,
    /// What the file proposes where other hosts run the pipeline: it is staged while they do.
    pub(super) proposals: Vec<(Arc<HostedPipeline>, FileProposal)>,
    /// Wakes the follower.
    pub(super) look_again: Arc<Notify>,
}

/// Reads the file, registers what is new, and loads the active revision of each pipeline.
pub(super) async fn start(config: Config, sandbox: Sandbox) -> Result<Started> {
    let name = &config.pipeline.name;
    let database = Database::new(&config.target.url, &format!("gristmill/{name}"))?;
    let owner = process_name();
    let admin = Admin::new(&config.source.bootstrap, &config.source.properties)?;
    let mut connection = database.connect().await?;
    let proposal = propose::read(&config, &sandbox, &database, &mut connection, &owner).await?;
    let rollout = rollout::read(&connection, name)
        .await?
        .with_context(|| format!("the pipeline {name} is not registered"))?;
    let revisions = Revisions::new(config.clone(), sandbox, database.clone());
    revisions.load(rollout.active).await?;
    if let Err(error) = host::prune(&connection, &[name]).await {
        tracing::debug!("{error:#}");
    }
    let pool = Pool::new(database, config.target.connections);
    let commits = Arc::new(Commits::new(pool, owner));
    let kafka = Arc::new(Kafka::new(Arc::new(admin)));
    let look_again = Arc::new(Notify::new());
    let pipeline = Arc::new(HostedPipeline {
        run: rollout.run,
        fleet: FleetView::new(revisions, rollout, Arc::clone(&look_again)),
        commits: Arc::clone(&commits),
        kafka: Arc::clone(&kafka),
        metrics: Arc::default(),
        letter_log: LetterLog::default(),
        standings: Standings::new(Arc::clone(&look_again)),
        config,
    });
    let proposals = proposal.map(|proposal| (Arc::clone(&pipeline), proposal));
    Ok(Started {
        commits,
        kafka,
        proposals: proposals.into_iter().collect(),
        pipelines: vec![pipeline],
        look_again,
    })
}
