//! The process: one source, one worker per assigned partition, and what they share.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use gristmill_core::chain::Computed;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::assignment::Assignment;
use crate::config::Config;
use crate::kafka::admin::Admin;
use crate::kafka::instance::Instance;
use crate::kafka::{Source, SourceConfig, TopicPartition};
use crate::pipeline::Pipeline;
use crate::postgres::connect::Database;
use crate::postgres::host;
use crate::postgres::pipeline::{Component, Registration, register};
use crate::postgres::pool::Pool;
use crate::postgres::schema;
use crate::postgres::sink::Sink;
use crate::postgres::target::Target;
use crate::relay;
use crate::sandbox::Sandbox;

/// How often a running pipeline says how it is doing.
const PROGRESS_EVERY: Duration = Duration::from_secs(10);
/// How often the process tells the `host` table that it lives.
const HEARTBEAT_EVERY: Duration = Duration::from_secs(5);

/// How long the end waits to take the heartbeat back.
const LEAVE_WAIT: Duration = Duration::from_secs(1);

/// What the workers of one process share. Nothing here is touched for a row.
pub struct Shared {
    pub pipeline: Pipeline,
    pub pool: Pool,
    pub sink: Sink,
    pub admin: Admin,
    pub run: i64,
    pub revision: i32,
    /// This process, as `checkpoint.owner` and `host.host` name it.
    pub owner: String,
    source: OnceLock<Source>,
    /// Dead letters wait for the relay.
    pub letters_wait: Notify,
    records: AtomicU64,
    rows: AtomicU64,
    dead_letters: AtomicU64,
    newer_revision: AtomicU64,
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

    /// Another process registered another revision: this one goes on with its own, and says so once.
    pub fn saw_active_revision(&self, active: i32) {
        let before = self.newer_revision.swap(active as u64, Ordering::Relaxed);
        if active != self.revision && before != active as u64 {
            tracing::warn!(
                active,
                ours = self.revision,
                "another revision became active: restart this process to run it"
            );
        }
    }
}

/// Runs a pipeline until `stop`. Errors before the first record are about the set-up; later ones mean that the source ended for good.
pub async fn run(config: Config, stop: CancellationToken) -> Result<()> {
    let shared = Arc::new(start(config).await?);
    let config = &shared.pipeline.config;
    let instance = match Instance::acquire(&config.group()) {
        Ok(instance) => Some(instance),
        Err(error) => {
            let error = anyhow::Error::new(error);
            tracing::warn!(
                "{error:#}: after a crash this process waits for its own dead member, up to source.session_timeout_ms"
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
        tokio::spawn(until(
            background.clone(),
            beat(Arc::clone(&shared), background.clone()),
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
        revision = shared.revision,
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
    let name = &shared.pipeline.config.pipeline.name;
    Ok(host::leave(&connection, &shared.owner, name).await?)
}

/// Everything up to the first connection to the group.
async fn start(config: Config) -> Result<Shared> {
    let database = Database::new(
        &config.target.url,
        &format!("gristmill/{}", config.pipeline.name),
    )?;
    let sandbox = Sandbox::new(crate::cache_folder().as_deref())?;
    let pipeline = Pipeline::load(config, &sandbox, &database).await?;
    let config = &pipeline.config;
    let mut connection = database.connect().await?;
    let problems = schema::problems(&connection, &pipeline.wanted()).await?;
    if !problems.is_empty() {
        bail!("{}", problems.join("\n"));
    }
    let target = Target::load(&connection, &config.target.table)
        .await?
        .ok_or_else(|| anyhow!("there is no table {}", config.target.table))?;
    let sink = Sink::new(&target, pipeline.fields(), pipeline.roles())?;
    let admin = Admin::new(&config.source.bootstrap, &config.source.properties)?;
    let components: Vec<_> = pipeline
        .components()
        .map(|(_, c)| Component {
            digest: c.digest().to_owned(),
            bytes: c.bytes().to_vec(),
            description: describe(c),
        })
        .collect();
    let registration = Registration {
        pipeline: config.pipeline.name.clone(),
        topics: vec![config.source.topic.clone()],
        target: config.target.table.clone(),
        spec: pipeline.spec(),
        spec_hash: pipeline.spec_hash(),
        components,
    };
    let owner = owner();
    let registered = register(&mut connection, &registration, &owner)
        .await
        .context("cannot register the pipeline")?;
    if let Some(note) = &registered.note {
        tracing::info!("{note}");
    }
    let pool = Pool::new(database, config.target.connections);
    Ok(Shared {
        pool,
        sink,
        admin,
        run: registered.run,
        revision: registered.revision,
        owner,
        source: OnceLock::new(),
        letters_wait: Notify::new(),
        records: AtomicU64::new(0),
        rows: AtomicU64::new(0),
        dead_letters: AtomicU64::new(0),
        newer_revision: AtomicU64::new(registered.revision as u64),
        pipeline,
    })
}

fn describe(component: &crate::sandbox::Component) -> serde_json::Value {
    let d = component.description();
    serde_json::json!({"name": d.name, "version": d.version, "summary": d.summary})
}

/// `host/pid`: two processes of one host are two owners.
fn owner() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = if host.trim().is_empty() {
        "unknown-host"
    } else {
        host.trim()
    };
    format!("{host}/{}", std::process::id())
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

async fn beat(shared: Arc<Shared>, stop: CancellationToken) {
    let name = &shared.pipeline.config.pipeline.name;
    loop {
        // A place in the pool is for flushes; a beat that fails is made up by the next.
        if let Ok(connection) = shared.pool.database().connect().await {
            loop {
                if host::heartbeat(
                    &connection,
                    &shared.owner,
                    name,
                    Some(shared.revision),
                    None,
                )
                .await
                .is_err()
                {
                    break;
                }
                if waited(HEARTBEAT_EVERY, &stop).await {
                    return;
                }
            }
        }
        if waited(HEARTBEAT_EVERY, &stop).await {
            return;
        }
    }
}

/// Ends `work` at once when `stop` comes: relaying is at least once, and a heartbeat is nobody's loss.
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
