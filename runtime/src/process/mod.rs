//! The process: one source, one worker per assigned partition, and what they share.

pub mod relay;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use gristmill_core::chain::Computed;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use crate::definition::file::Config;
use crate::definition::revision::{Revision, Revisions};
use crate::fleet::follow;
use crate::fleet::propose::{self, News};
use crate::partition::assignment::Assignment;
use gristmill_kafka::TopicPartition;
use gristmill_kafka::admin::Admin;
use gristmill_kafka::client::SourceConfig;
use gristmill_kafka::source::Source;
use gristmill_kafka::source::membership::Membership;
use gristmill_postgres::fleet::host;
use gristmill_postgres::fleet::rollout::{self, Rollout};
use gristmill_postgres::wire::connect::Database;
use gristmill_postgres::wire::pool::Pool;
use gristmill_sandbox::Sandbox;

/// How often a running pipeline says how it is doing.
const PROGRESS_EVERY: Duration = Duration::from_secs(10);
/// How long the end waits to take the heartbeat back.
const LEAVE_WAIT: Duration = Duration::from_secs(1);

/// What the workers of one process share. Nothing here is touched for a row.
pub struct Shared {
    /// This host's pipeline file: addresses and sizes. What decides about rows is in the
    /// revisions.
    pub config: Config,
    pub revisions: Revisions,
    /// Where the fleet stands, as far as this process knows.
    pub rollout: watch::Sender<Rollout>,
    /// A worker wants a revision that is not ready.
    pub look_again: Notify,
    pub pool: Pool,
    pub admin: Admin,
    pub run: i64,
    /// This process, as `checkpoint.owner` and `host.host` name it.
    pub owner: String,
    source: OnceLock<Source>,
    /// Dead letters wait for the relay.
    pub letters_wait: Notify,
    records: AtomicU64,
    rows: AtomicU64,
    dead_letters: AtomicU64,
}

impl Shared {
    /// The source, once it was started.
    pub async fn source(&self) -> &Source {
        loop {
            match self.source.get() {
                Some(source) => return source,
                None => tokio::time::sleep(Duration::from_millis(1)).await,
            }
        }
    }

    /// A flush has committed: Kafka gets its hint, the relay its wake-up.
    pub fn committed(&self, partition: &TopicPartition, computed: &Computed) {
        self.records
            .fetch_add(computed.counts.records, Ordering::Relaxed);
        self.rows.fetch_add(computed.counts.rows, Ordering::Relaxed);
        let before = self
            .dead_letters
            .fetch_add(computed.counts.dead_letters, Ordering::Relaxed);
        if let (0, Some(first)) = (before, computed.dead_letters.first()) {
            let offset = computed.records.get(first.record as usize).offset;
            tracing::warn!(%partition, offset, code = first.code, "{}; the first dead letter of this process: `gristmill dead-letters list` shows all", first.message);
        }
        if !computed.dead_letters.is_empty() {
            self.letters_wait.notify_one();
        }
        if let Some(source) = self.source.get() {
            source.hint(partition.clone(), computed.next_offset);
        }
    }

    /// The fleet's row was read: partitions that halted for a revision that is no longer theirs
    /// hear of it.
    pub fn learned(&self, rollout: Rollout) {
        self.rollout.send_if_modified(|known| {
            let told = |r: &Rollout| (r.active, r.staging, r.canary, r.is_shadowed);
            let news = told(known) != told(&rollout);
            *known = rollout;
            news
        });
    }

    /// The revision that `partition` is to run now, loaded.
    pub async fn wanted_revision(&self, partition: i32) -> Result<Arc<Revision>> {
        let name = &self.config.pipeline.name;
        let stands = rollout::read(&*self.pool.get().await?, name).await?;
        let stands = stands.with_context(|| format!("the pipeline {name} is gone"))?;
        let number = stands.wanted(partition);
        self.learned(stands);
        self.revisions.load(number).await
    }
}

/// Runs a pipeline until `stop`, its rules in `sandbox`. Errors before the first record are about
/// the set-up; later ones mean that the source ended for good.
pub async fn run(config: Config, sandbox: Sandbox, stop: CancellationToken) -> Result<()> {
    let (shared, news) = start(config, sandbox).await?;
    let shared = Arc::new(shared);
    let config = &shared.config;
    let instance = match Membership::acquire(&crate::folders::state_folders(), &config.group()) {
        Ok(instance) => Some(instance),
        Err(error) => {
            let error = anyhow::Error::new(error);
            tracing::warn!(
                "{error:#}: after a crash this process waits for its own dead member, up to \
                 source.session_timeout_ms"
            );
            None
        }
    };
    let source_config = SourceConfig {
        bootstrap: config.source.bootstrap.clone(),
        topics: vec![config.source.topic.clone()],
        group: config.group(),
        properties: config.source.properties.clone(),
        session_timeout_ms: config.source.session_timeout_ms,
        queued_max_bytes: config.source.queued_max_bytes,
        instance_id: instance.as_ref().map(|i| i.id().to_owned()),
    };
    let ended = CancellationToken::new();
    let assignment = Assignment::new(Arc::clone(&shared), ended.clone());
    let source = Source::start(&source_config, assignment)?;
    let _ = shared.source.set(source);
    let background = stop.child_token();
    let tasks = [
        tokio::spawn(progress(Arc::clone(&shared), background.clone())),
        tokio::spawn(follow(Arc::clone(&shared), background.clone())),
        tokio::spawn(until(
            background.clone(),
            propose::propose(Arc::clone(&shared), news),
        )),
        tokio::spawn(until(
            background.clone(),
            relay::run(Arc::clone(&shared), background.clone()),
        )),
    ];
    tracing::info!(
        pipeline = config.pipeline.name,
        topic = config.source.topic,
        table = config.target.table,
        revision = shared.rollout.borrow().active,
        run = shared.run,
        "running"
    );
    let failed = tokio::select! {
        () = stop.cancelled() => false,
        () = ended.cancelled() => true,
        () = source_finished(&shared) => true,
    };
    let stopping = Arc::clone(&shared);
    tokio::task::spawn_blocking(move || stopping.source.get().map(Source::stop)).await?;
    background.cancel();
    for task in tasks {
        task.await?;
    }
    // Nobody waits for a database that is away: the heartbeat gets old by itself.
    let _ = tokio::time::timeout(LEAVE_WAIT, leave(&shared)).await;
    if failed {
        bail!("the kafka consumer has ended for good: the log above says why");
    }
    tracing::info!(
        records = shared.records.load(Ordering::Relaxed),
        "stopped cleanly"
    );
    Ok(())
}

async fn leave(shared: &Shared) -> Result<()> {
    let connection = shared.pool.get().await?;
    let name = &shared.config.pipeline.name;
    Ok(host::leave(&connection, &shared.owner, name).await?)
}

/// Everything up to the first connection to the group, and what the pipeline file proposes, where
/// that is still to be staged.
async fn start(config: Config, sandbox: Sandbox) -> Result<(Shared, Option<News>)> {
    let database = Database::new(
        &config.target.url,
        &format!("gristmill/{}", config.pipeline.name),
    )?;
    let owner = owner();
    let admin = Admin::new(&config.source.bootstrap, &config.source.properties)?;
    let mut connection = database.connect().await?;
    let news = propose::read(&config, &sandbox, &database, &mut connection, &owner).await?;
    let name = &config.pipeline.name;
    let stands = rollout::read(&connection, name)
        .await?
        .with_context(|| format!("the pipeline {name} is not registered"))?;
    let revisions = Revisions::new(config.clone(), sandbox, database.clone());
    revisions.load(stands.active).await?;
    let shared = Shared {
        pool: Pool::new(database, config.target.connections),
        admin,
        run: stands.run,
        revisions,
        rollout: watch::channel(stands).0,
        look_again: Notify::new(),
        owner,
        source: OnceLock::new(),
        letters_wait: Notify::new(),
        records: AtomicU64::new(0),
        rows: AtomicU64::new(0),
        dead_letters: AtomicU64::new(0),
        config,
    };
    Ok((shared, news))
}

/// `host/pid`: two processes of one host are two owners.
fn owner() -> String {
    format!("{}/{}", host_name(), std::process::id())
}

/// This machine's name.
pub fn host_name() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    match host.trim() {
        "" => "unknown-host".to_owned(),
        host => host.to_owned(),
    }
}

async fn progress(shared: Arc<Shared>, stop: CancellationToken) {
    let (mut records_before, mut since) = (0, Instant::now());
    while !waited(PROGRESS_EVERY, &stop).await {
        let records = shared.records.load(Ordering::Relaxed);
        if records > records_before {
            let per_second = (records - records_before) as f64 / since.elapsed().as_secs_f64();
            tracing::info!(
                records,
                rows = shared.rows.load(Ordering::Relaxed),
                dead_letters = shared.dead_letters.load(Ordering::Relaxed),
                per_second = per_second.round() as u64,
                "progress"
            );
        }
        (records_before, since) = (records, Instant::now());
    }
}

/// Ends `work` at once when `stop` comes: relaying is at least once, and a heartbeat is nobody's
/// loss.
async fn until(stop: CancellationToken, work: impl Future<Output = ()>) {
    tokio::select! {
        () = stop.cancelled() => {}
        () = work => {}
    }
}

/// The consumer's thread has ended without a word, which only a panic can do.
async fn source_finished(shared: &Shared) {
    let source = shared.source().await;
    while !source.is_finished() {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// Whether `stop` came before `time` was over.
async fn waited(time: Duration, stop: &CancellationToken) -> bool {
    tokio::time::timeout(time, stop.cancelled()).await.is_ok()
}
