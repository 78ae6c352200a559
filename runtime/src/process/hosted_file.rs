//! One pipeline file in a process: its pipelines, and the consumer that they share.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Error, Result};
use gristmill_core::digest::sha256;
use gristmill_kafka::admin::Admin;
use gristmill_kafka::client::SourceConfig;
use gristmill_kafka::source::Source;
use gristmill_kafka::source::membership::Membership;
use gristmill_sandbox::Sandbox;
use tokio::task::{JoinSet, spawn_blocking};
use tokio_util::sync::CancellationToken;

use crate::definition::file::{Config, Start, Template};
use crate::fleet::propose::propose;
use crate::folders::state_folders;
use crate::handles::{HostedDatabase, HostedPipeline, Kafka, Metrics, Pipelines, Replay};
use crate::partition::assignment::Assignment;
use crate::process::discovery::{Discovered, NotBegun, clash, discover};
use crate::process::start::{FileHandles, Started, start};

/// How often it is looked for topics that have come or gone: a pipeline begins within 15 s.
const LOOK_EVERY: Duration = Duration::from_secs(5);
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
    /// Where the file stands for a pipeline of each of its topics.
    template: Option<Template>,
    handles: FileHandles,
    /// Those that have begun.
    pipelines: Arc<Pipelines>,
    /// The id by which the consumer group knows this process again after a crash.
    membership: Option<Membership>,
    /// The topics that a template met at its very first start, which `start = "latest"` is about:
    /// all of what comes later is to be read. `None`: Kafka has not been asked yet.
    first: Option<HashSet<String>>,
    /// What its consumer reads; empty: there is none yet.
    subscribed: Vec<String>,
    /// Cancelled when its consumer ends for good.
    ended: CancellationToken,
    /// Why a pipeline has not begun, as it was said last, and when it was tried.
    said: HashMap<String, (String, Instant)>,
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
            template: Template::of(&config).map_err(Error::msg)?,
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
            first: None,
            subscribed: Vec::new(),
            ended,
            said: HashMap::new(),
            proposing: JoinSet::new(),
        })
    }

    /// Where its records come from.
    pub(super) fn kafka(&self) -> Arc<Kafka> {
        Arc::clone(&self.handles.kafka)
    }

    /// Whether a pipeline of it has begun.
    pub(super) fn has_begun(&self) -> bool {
        !self.pipelines.all().is_empty()
    }

    /// Begins the pipelines that have not begun and were not tried just now. Returns those that
    /// cannot. An error where there can be no consumer.
    pub(super) async fn begin(&mut self) -> Result<Vec<NotBegun>> {
        let (wanted, mut failed) = self.wanted().await;
        let mut beginning = JoinSet::new();
        let reservations = &self.handles.database.reservations;
        for config in wanted {
            let (name, handles) = (config.pipeline.name.clone(), self.handles.clone());
            if let Err(why) = reservations.reserve(&config, clash) {
                let error = Error::msg(why);
                failed.push(NotBegun { name, error });
                continue;
            }
            beginning.spawn(async move { (name, start(config, handles).await) });
        }
        while let Some(begun) = beginning.join_next().await {
            match begun? {
                (name, Ok(started)) => {
                    self.said.remove(&name);
                    self.add(started);
                }
                (name, Err(error)) => {
                    self.handles.database.reservations.release(&name);
                    failed.push(NotBegun { name, error });
                }
            }
        }
        self.subscribe().await?;
        Ok(failed)
    }

    /// The pipelines that are to begin now, and those that cannot.
    async fn wanted(&mut self) -> (Vec<Config>, Vec<NotBegun>) {
        let Some(template) = &self.template else {
            let has_begun = !self.pipelines.all().is_empty();
            let wanted = (!has_begun).then(|| self.config.clone());
            return (wanted.into_iter().collect(), Vec::new());
        };
        let running = self.pipelines.all();
        let found = discover(template, &self.handles, &running).await;
        let (found, mut failed) = match found {
            Ok(Discovered {
                wanted,
                refused,
                is_first,
            }) => (self.with_their_start(wanted, is_first), refused),
            Err(error) => {
                let error = error.context("cannot look for topics");
                let name = self.config.pipeline.name.clone();
                (Vec::new(), vec![NotBegun { name, error }])
            }
        };
        let said = &self.said;
        let was_tried = |name: &str| {
            let tried = said.get(name).map(|(_, tried)| tried.elapsed());
            tried.is_some_and(|ago| ago < BEGIN_EVERY)
        };
        failed.retain(|f| !was_tried(&f.name));
        let wanted = found.into_iter().filter(|c| !was_tried(&c.pipeline.name));
        (wanted.collect(), failed)
    }

    /// `wanted` with the start that each is to have.
    fn with_their_start(&mut self, mut wanted: Vec<Config>, is_first: bool) -> Vec<Config> {
        let met = wanted.iter().filter(|_| is_first);
        let met = || met.map(|config| config.source.topic.clone()).collect();
        let first = self.first.get_or_insert_with(met);
        let later = wanted.iter_mut();
        for config in later.filter(|config| !first.contains(&config.source.topic)) {
            config.source.start = Start::Earliest;
        }
        wanted
    }

    /// Keeps on beginning what could not begin, and what comes, for ever. Ends where a task of it
    /// has panicked, or there can be no consumer.
    pub(super) async fn keep(mut self) {
        let every = match self.template {
            Some(_) => LOOK_EVERY,
            None => BEGIN_EVERY,
        };
        loop {
            tokio::select! {
                Some(ended) = self.proposing.join_next() => if let Err(panicked) = ended {
                    tracing::error!("proposing the file's revision ended: {panicked}");
                    return;
                },
                () = tokio::time::sleep(every) => match self.begin().await {
                    Ok(failed) => failed.iter().for_each(|failed| self.say(failed)),
                    Err(error) => {
                        tracing::error!(pipeline = self.config.pipeline.name, "{error:#}");
                        return;
                    }
                }
            }
        }
    }

    /// Logs why a pipeline does not begin, where that is new.
    pub(super) fn say(&mut self, failed: &NotBegun) {
        let (name, error) = (&failed.name, format!("{:#}", failed.error));
        let is_new = self.said.get(name).is_none_or(|(said, _)| *said != error);
        if is_new {
            tracing::error!(
                pipeline = name,
                "the pipeline does not begin, and is tried again every {} s: {error}",
                BEGIN_EVERY.as_secs()
            );
        }
        self.said.insert(name.clone(), (error, Instant::now()));
    }

    /// Takes a pipeline in that has begun.
    fn add(&mut self, started: Started) {
        let Started { pipeline, proposal } = started;
        log_running(&pipeline);
        self.pipelines.add(Arc::clone(&pipeline));
        let database = &self.handles.database;
        database.pipelines.add(Arc::clone(&pipeline));
        database.look_again.notify_one();
        if let Some(proposal) = proposal {
            self.proposing.spawn(propose(pipeline, proposal));
        }
    }

    /// Has the consumer read the topics of the pipelines that have begun, but those that are gone.
    async fn subscribe(&mut self) -> Result<()> {
        let all = self.pipelines.all();
        let there = all.iter().filter(|p| !p.standings.is_gone());
        let topics: Vec<String> = there.map(|p| p.config.source.topic.clone()).collect();
        if topics.is_empty() || topics == self.subscribed {
            return Ok(());
        }
        match self.subscribed.is_empty() {
            true => {
                let partitions = self.partitions(topics.clone()).await;
                self.join(&topics, &partitions)?;
            }
            false => self.handles.kafka.subscribe(topics.clone()),
        }
        self.subscribed = topics;
        Ok(())
    }

    /// How many partitions each of `topics` has; as far as Kafka says it.
    async fn partitions(&self, topics: Vec<String>) -> Vec<usize> {
        let admin = Arc::clone(&self.handles.kafka.admin);
        let ask = move || {
            let asked = topics.iter().map(|topic| admin.topic(topic));
            asked
                .map_while(|t| Some(t.ok()?.partitions.len()))
                .collect()
        };
        spawn_blocking(ask).await.unwrap_or_default()
    }

    /// Joins the consumer group, to read `topics` of so many `partitions`.
    fn join(&mut self, topics: &[String], partitions: &[usize]) -> Result<()> {
        self.membership = membership(&self.config, topics, partitions);
        let (config, kafka) = (&self.config, &self.handles.kafka);
        let source = &config.source;
        let config = SourceConfig {
            bootstrap: source.bootstrap.clone(),
            topics: topics.to_vec(),
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
/// lives. Each set of topics with so many partitions has its own: a member that the group knows is
/// given what it had, so that a topic, or a partition, that was added meanwhile would be nobody's
/// (KIP-814).
fn membership(config: &Config, topics: &[String], partitions: &[usize]) -> Option<Membership> {
    let partitions = partitions.iter().map(Some).chain(std::iter::repeat(None));
    let mut read: Vec<_> = topics.iter().zip(partitions).collect();
    read.sort_unstable();
    let of = match (&config.source.topics, read.as_slice()) {
        (None, [(topic, Some(partitions))]) => format!("{topic}-{partitions}"),
        (None, [(topic, None)]) => (*topic).clone(),
        _ => sha256(format!("{read:?}").as_bytes()),
    };
    match Membership::acquire(&state_folders(), &config.group(), &of) {
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
