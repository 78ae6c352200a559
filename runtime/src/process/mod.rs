//! The process: one consumer a pipeline file, one worker an assigned partition, and one heartbeat,
//! one follower, one relay and one keeper of tombstones for all pipelines.

pub mod letter_retry;
mod progress;
pub mod relay;
mod start;
mod tombstone_keeper;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail};
use gristmill_kafka::client::SourceConfig;
use gristmill_kafka::source::Source;
use gristmill_kafka::source::membership::Membership;
use gristmill_postgres::fleet::host;
use gristmill_sandbox::Sandbox;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::definition::file::Config;
use crate::fleet::follow::follow;
use crate::fleet::propose::propose;
use crate::folders::state_folders;
use crate::handles::{Commits, HostedPipeline, Kafka};
use crate::http::gauges;
use crate::http::listener::{self, Listen};
use crate::http::server::{self, Observed};
use crate::partition::assignment::Assignment;
use crate::process::letter_retry::Replay;
use crate::process::progress::log_progress;
use crate::process::start::{Started, start};

/// How long the end waits for Postgres to say who else is there, and to take the heartbeats back.
const LEAVE_WAIT: Duration = Duration::from_secs(1);

/// How long the end may take as a whole: whoever asks for it waits ten seconds (`docker stop`,
/// and Kubernetes' thirty include a hook's). The rest of a server that is frozen is left: what it
/// did is in the checkpoints.
const STOP_MAX: Duration = Duration::from_secs(8);

/// Runs a pipeline until `stop`, its rules in `sandbox`; `replay` is for dead letters that are
/// tried again. Errors before the first record are about the set-up; later ones mean that the
/// consumer, or a task of the process, ended for good.
pub async fn run(
    config: Config,
    sandbox: Sandbox,
    listen: Listen,
    replay: Option<Replay>,
    stop: CancellationToken,
) -> Result<()> {
    let listener = listen.bind().await?;
    let started = tokio::select! {
        () = stop.cancelled() => return Ok(()),
        started = start(config, sandbox) => started?,
    };
    let ended = CancellationToken::new();
    let membership = join(&started.pipelines);
    begin_reading(&started, membership.as_ref(), &ended)?;
    let background = stop.child_token();
    let mut tasks = begin_background(&started, &background);
    if let Some(replay) = replay {
        let (commits, pipelines) = (Arc::clone(&started.commits), started.pipelines.clone());
        let retry = until(
            background.clone(),
            letter_retry::keep(commits, pipelines, replay),
        );
        tasks.spawn(named("the retry of dead letters", retry));
    }
    let mut proposing = JoinSet::new();
    let Started {
        commits,
        kafka,
        pipelines,
        proposals,
        ..
    } = started;
    for (pipeline, proposal) in proposals {
        proposing.spawn(until(background.clone(), propose(pipeline, proposal)));
    }
    if let Some(listener) = listener {
        begin_http(&mut tasks, listener, &commits, &pipelines, &background);
    }
    log_running(&pipelines);
    let consumer = "the kafka consumer has ended for good: the log above says why";
    let failed = tokio::select! {
        // The tasks of the process end when it is told to stop, too.
        biased;
        () = stop.cancelled() => None,
        () = ended.cancelled() => Some(consumer.to_owned()),
        () = consumer_finished(&kafka) => Some(consumer.to_owned()),
        failed = first_ended(&mut tasks) => Some(failed),
        failed = first_panicked(&mut proposing) => Some(failed),
    };
    let end = async {
        // Whoever is alone finds its place again when it is started again.
        let others = tokio::time::timeout(LEAVE_WAIT, have_others(&commits, &pipelines)).await;
        let leaves = matches!(others, Ok(Ok(true)));
        let closed = tokio::task::spawn_blocking(move || kafka.stop(leaves)).await;
        background.cancel();
        while tasks.join_next().await.is_some() {}
        // Nobody waits for a database that is away: the heartbeats get old by themselves.
        let _ = tokio::time::timeout(LEAVE_WAIT, leave(&commits, &pipelines)).await;
        closed
    };
    let is_clean = match tokio::time::timeout(STOP_MAX, end).await {
        Ok(closed) => closed.is_ok(),
        Err(_) => false,
    };
    if let Some(failed) = failed {
        bail!("{failed}");
    }
    let records = commits.committed().records;
    match is_clean {
        true => tracing::info!(records, "stopped cleanly"),
        false => tracing::warn!(
            records,
            "stopped without waiting longer for a server that does not answer: the checkpoints \
             say what was written"
        ),
    }
    Ok(())
}

/// Waits for a task to end that has to go on until the process is told to stop: it panicked, or
/// has a fault. Without it the process would look alive and not be.
async fn first_ended(tasks: &mut JoinSet<&'static str>) -> String {
    match tasks.join_next().await {
        Some(Ok(name)) => format!("{name} ended by itself: please report this"),
        Some(Err(panicked)) => {
            format!("a task of the process ended, please report this: {panicked}")
        }
        None => std::future::pending().await,
    }
}

/// Waits for a task to panic that may also end.
async fn first_panicked(tasks: &mut JoinSet<()>) -> String {
    while let Some(ended) = tasks.join_next().await {
        if let Err(panicked) = ended {
            return format!("proposing the file's revision ended, please report this: {panicked}");
        }
    }
    std::future::pending().await
}

/// The id by which the consumer group knows this process again after a crash, held as long as it
/// lives.
fn join(pipelines: &[Arc<HostedPipeline>]) -> Option<Membership> {
    let config = &pipelines.first()?.config;
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

/// Starts the consumer of all pipelines, which share a file.
fn begin_reading(
    started: &Started,
    membership: Option<&Membership>,
    ended: &CancellationToken,
) -> Result<()> {
    let Some(first) = started.pipelines.first() else {
        return Ok(());
    };
    let source = &first.config.source;
    let topic = |p: &Arc<HostedPipeline>| p.config.source.topic.clone();
    let max_rows = started.pipelines.iter().map(|p| p.config.target.max_rows);
    let config = SourceConfig {
        bootstrap: source.bootstrap.clone(),
        topics: started.pipelines.iter().map(topic).collect(),
        group: first.config.group(),
        properties: source.properties.clone(),
        session_timeout_ms: source.session_timeout_ms,
        queued_max_bytes: source.queued_max_bytes,
        // One batch in flight and one computed ahead.
        queued_max_records: 2 * max_rows.max().unwrap_or_default(),
        record_max_bytes: first.config.limits.record_max_bytes,
        instance_id: membership.map(|m| m.id().to_owned()),
    };
    let by_topic = started.pipelines.iter();
    let by_topic = by_topic.map(|p| (topic(p).into(), Arc::clone(p))).collect();
    let assignment = Assignment::new(by_topic, ended.clone());
    let admin = Arc::clone(&started.kafka.admin);
    started
        .kafka
        .set(Source::start(&config, admin, assignment)?);
    Ok(())
}

/// Begins what goes on beside the workers: progress, the follower, tombstones and the relay.
fn begin_background(started: &Started, stop: &CancellationToken) -> JoinSet<&'static str> {
    let (commits, pipelines) = (&started.commits, &started.pipelines);
    let mut tasks = JoinSet::new();
    let progress = log_progress(Arc::clone(commits), pipelines.clone(), stop.clone());
    tasks.spawn(named("the log of the progress", progress));
    let follower = follow(
        Arc::clone(commits),
        pipelines.clone(),
        Arc::clone(&started.look_again),
        stop.clone(),
    );
    tasks.spawn(named("the follower of the fleet", follower));
    let tombstones = until(
        stop.clone(),
        tombstone_keeper::keep(Arc::clone(commits), pipelines.clone()),
    );
    tasks.spawn(named("the keeper of tombstones", tombstones));
    let relay = relay::run(Arc::clone(commits), pipelines.clone());
    if pipelines
        .iter()
        .any(|p| p.config.dead_letters.topic.is_some())
    {
        tasks.spawn(named(
            "the relay of dead letters",
            until(stop.clone(), relay),
        ));
    }
    tasks
}

/// Begins to answer collectors and probes.
fn begin_http(
    tasks: &mut JoinSet<&'static str>,
    listener: TcpListener,
    commits: &Arc<Commits>,
    pipelines: &[Arc<HostedPipeline>],
    stop: &CancellationToken,
) {
    let address = listener::address(&listener);
    tracing::info!("answers /healthz, /readyz and /metrics at http://{address}");
    let gauges = gauges::keep(Arc::clone(commits), pipelines.to_vec());
    tasks.spawn(named("the keeper of gauges", until(stop.clone(), gauges)));
    let watched = Observed {
        commits: Arc::clone(commits),
        pipelines: pipelines.to_vec(),
    };
    let server = server::serve(listener, watched);
    tasks.spawn(named("the http server", until(stop.clone(), server)));
}

/// Gives a task a name for when it ends.
async fn named(name: &'static str, task: impl Future<Output = ()>) -> &'static str {
    task.await;
    name
}

fn log_running(pipelines: &[Arc<HostedPipeline>]) {
    for pipeline in pipelines {
        tracing::info!(
            pipeline = pipeline.name(),
            topic = pipeline.config.source.topic,
            table = pipeline.config.target.table,
            revision = pipeline.fleet.rollout().active,
            run = pipeline.run,
            "running"
        );
    }
}

/// Ends `work` at once when `stop` comes: relaying is at least once, and a proposal that was not
/// made is made at the next start.
async fn until(stop: CancellationToken, work: impl Future<Output = ()>) {
    tokio::select! {
        () = stop.cancelled() => {}
        () = work => {}
    }
}

/// The consumer's thread has ended without a word, which only a panic can do.
async fn consumer_finished(kafka: &Kafka) {
    let source = kafka.source().await;
    while !source.is_finished() {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// Whether other processes run one of the pipelines.
async fn have_others(commits: &Commits, pipelines: &[Arc<HostedPipeline>]) -> Result<bool> {
    let connection = commits.pool.get().await?;
    let names: Vec<&str> = pipelines.iter().map(|p| p.name()).collect();
    Ok(host::others_live(&connection, &commits.owner, &names).await?)
}

async fn leave(commits: &Commits, pipelines: &[Arc<HostedPipeline>]) -> Result<()> {
    let connection = commits.pool.get().await?;
    let names: Vec<&str> = pipelines.iter().map(|p| p.name()).collect();
    Ok(host::leave(&connection, &commits.owner, &names).await?)
}
