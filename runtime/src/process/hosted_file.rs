//! One pipeline file in a process: its pipelines, and the consumer that they share.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use gristmill_kafka::admin::Admin;
use gristmill_kafka::client::SourceConfig;
use gristmill_kafka::source::Source;
use gristmill_kafka::source::membership::Membership;
use gristmill_sandbox::Sandbox;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::definition::file::Config;
use crate::fleet::propose::propose;
use crate::folders::state_folders;
use crate::handles::{HostedDatabase, HostedPipeline, Kafka, Metrics, Pipelines, Replay};
use crate::partition::assignment::Assignment;
use crate::process::start::{FileHandles, Started, start};

/// How soon a pipeline that cannot begin is tried again: a table that was missing may be there.
const BEGIN_EVERY: Duration = Duration::from_secs(10);

/// A pipeline file that a process is to run.
pub struct PipelineFile {
    pub config: Config,
    /// For dead letters that are to be tried again.
    pub replay: Option<Replay>,
}

/// A pipeline file that this process runs.
pub(super) struct HostedFile {
    config: Config,
    handles: FileHandles,
    /// Those that have begun.
    pipelines: Arc<Pipelines>,
    /// The id by which the consumer group knows this process again after a crash.
    membership: Option<Membership>,
    /// Cancelled when its consumer ends for good.
    ended: CancellationToken,
    /// Why a pipeline has not begun, as it was said last.
    said: HashMap<String, String>,
    proposing: JoinSet<()>,
}

impl HostedFile {
    /// Nothing is connected yet. `ended` is cancelled when the consumer ends for good.
    pub(super) fn new(
        file: PipelineFile,
        sandbox: Sandbox,
        database: Arc<HostedDatabase>,
        metrics: Arc<Metrics>,
        ended: CancellationToken,
    ) -> Result<Self> {
        let PipelineFile { config, replay } = file;
        let admin = Admin::new(&config.source.bootstrap, &config.source.properties)?;
        Ok(Self {
            handles: FileHandles {
                sandbox,
                database,
                kafka: Arc::new(Kafka::new(Arc::new(admin))),
                metrics,
                replay,
            },
            config,
            pipelines: Arc::default(),
            membership: None,
            ended,
            said: HashMap::new(),
            proposing: JoinSet::new(),
        })
    }

    /// Where its records come from.
    pub(super) fn kafka(&self) -> Arc<Kafka> {
        Arc::clone(&self.handles.kafka)
    }

    /// Begins the pipelines that have not begun. The error says why one of them cannot.
    pub(super) async fn begin(&mut self) -> Result<()> {
        if !self.pipelines.all().is_empty() {
            return Ok(());
        }
        let started = start(self.config.clone(), self.handles.clone()).await?;
        self.read(started)
    }

    /// Keeps on beginning what could not begin, for ever. Ends where a task of it has panicked.
    pub(super) async fn keep(mut self) {
        loop {
            tokio::select! {
                Some(ended) = self.proposing.join_next() => if let Err(panicked) = ended {
                    tracing::error!("proposing the file's revision ended: {panicked}");
                    return;
                },
                () = tokio::time::sleep(BEGIN_EVERY) => if let Err(error) = self.begin().await {
                    self.say(&error);
                }
            }
        }
    }

    /// Logs why the pipeline does not begin, where that is new.
    pub(super) fn say(&mut self, error: &anyhow::Error) {
        let (name, error) = (self.config.pipeline.name.clone(), format!("{error:#}"));
        if self.said.get(&name) != Some(&error) {
            tracing::error!(
                pipeline = name,
                "the pipeline does not begin, and is tried again every {} s: {error}",
                BEGIN_EVERY.as_secs()
            );
            self.said.insert(name, error);
        }
    }

    /// Reads the records of a pipeline that has begun.
    fn read(&mut self, started: Started) -> Result<()> {
        let Started { pipeline, proposal } = started;
        log_running(&pipeline);
        self.pipelines.add(Arc::clone(&pipeline));
        self.handles.database.pipelines.add(Arc::clone(&pipeline));
        self.handles.database.look_again.notify_one();
        self.join()?;
        if let Some(proposal) = proposal {
            self.proposing.spawn(propose(pipeline, proposal));
        }
        Ok(())
    }

    /// Joins the consumer group.
    fn join(&mut self) -> Result<()> {
        self.membership = membership(&self.config);
        let (config, kafka) = (&self.config, &self.handles.kafka);
        let source = &config.source;
        let topic = |p: &Arc<HostedPipeline>| p.config.source.topic.clone();
        let config = SourceConfig {
            bootstrap: source.bootstrap.clone(),
            topics: self.pipelines.all().iter().map(topic).collect(),
            group: config.group(),
            properties: source.properties.clone(),
            session_timeout_ms: source.session_timeout_ms,
            queued_max_bytes: source.queued_max_bytes,
            // One batch in flight and one computed ahead.
            queued_max_records: 2 * config.target.max_rows,
            record_max_bytes: config.limits.record_max_bytes,
            instance_id: self.membership.as_ref().map(|m| m.id().to_owned()),
        };
        let assignment = Assignment::new(Arc::clone(&self.pipelines), self.ended.clone());
        let admin = Arc::clone(&kafka.admin);
        kafka.set(Source::start(&config, admin, assignment)?);
        Ok(())
    }
}

/// The id by which the consumer group knows this process again after a crash, held as long as it
/// lives.
fn membership(config: &Config) -> Option<Membership> {
    match Membership::acquire(&state_folders(), &config.group(), &config.source.topic) {
        Ok(membership) => Some(membership),
        Err(error) => {
            let error = anyhow::Error::new(error);
            tracing::warn!(
                "{error:#}: after a crash this process waits for its own dead member, up to \
                 source.session_timeout_ms"
            );
            None
        }
    }
}

fn log_running(pipeline: &HostedPipeline) {
    tracing::info!(
        pipeline = pipeline.name(),
        topic = pipeline.config.source.topic,
        table = pipeline.config.target.table,
        revision = pipeline.fleet.rollout().active,
        run = pipeline.run,
        "running"
    );
}
