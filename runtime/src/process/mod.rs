//! The process: one consumer a pipeline file, one worker an assigned partition, and one heartbeat,
//! one follower, one relay and one keeper of tombstones for all pipelines of a database.

mod discovery;
mod hosted_file;
mod letter_retry;
mod progress;
pub mod relay;
mod start;
mod tombstone_keeper;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use gristmill_postgres::fleet::host;
use gristmill_postgres::wire::connection::Database;
use gristmill_sandbox::Sandbox;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::definition::file::Config;
use crate::fleet::follow::follow;
use crate::handles::{HostedDatabase, Kafka, Metrics};
use crate::host_name::process_name;
use crate::http::gauges;
use crate::http::listener::{self, Listen};
use crate::http::server::{self, Observed};
use crate::process::discovery::NotBegun;
use crate::process::hosted_file::HostedFile;
use crate::process::progress::{committed, log_progress};

pub use hosted_file::PipelineFile;

/// How long the end waits for Postgres to say who else is there, and to take the heartbeats back.
const LEAVE_WAIT: Duration = Duration::from_secs(1);

/// How long the end may take as a whole: whoever asks for it waits ten seconds (`docker stop`,
/// and Kubernetes' thirty include a hook's). The rest of a server that is frozen is left: what it
/// did is in the checkpoints.
const STOP_MAX: Duration = Duration::from_secs(8);

/// Runs the pipelines of `files` until `stop`, their rules in `sandbox`. One that cannot begin is
/// tried again while another one has begun. Errors before the first record are about the set-up;
/// later ones mean that a consumer, or a task of the process, ended for good.
pub async fn run(
    files: Vec<PipelineFile>,
    sandbox: Sandbox,
    listen: Listen,
    stop: CancellationToken,
) -> Result<()> {
    refuse_clashes(&files)?;
    let listener = listen.bind().await?;
    let (metrics, ended) = (Arc::<Metrics>::default(), CancellationToken::new());
    let databases = databases(&files)?;
    let mut hosted = Vec::new();
    for file in files {
        let database = Arc::clone(&databases[&file.config.target.url]);
        let (metrics, ended) = (Arc::clone(&metrics), ended.clone());
        hosted.push(HostedFile::new(
            file,
            sandbox.clone(),
            database,
            metrics,
            ended,
        )?);
    }
    let databases: Vec<_> = databases.into_values().collect();
    let kafkas: Vec<_> = hosted.iter().map(HostedFile::kafka).collect();
    let hosted = tokio::select! {
        () = stop.cancelled() => return Ok(()),
        begun = begin_all(hosted) => begun?,
    };
    let background = stop.child_token();
    let mut tasks = begin_background(&databases, &background);
    for file in hosted {
        let kept = until(background.clone(), file.keep());
        tasks.spawn(named("what begins pipelines", kept));
    }
    if let Some(listener) = listener {
        begin_http(&mut tasks, listener, metrics, &databases, &background);
    }
    let consumer = "the kafka consumer has ended for good: the log above says why";
    let failed = tokio::select! {
        // The tasks of the process end when it is told to stop, too.
        biased;
        () = stop.cancelled() => None,
        () = ended.cancelled() => Some(consumer.to_owned()),
        () = consumer_finished(&kafkas) => Some(consumer.to_owned()),
        failed = first_ended(&mut tasks) => Some(failed),
    };
    let end = async {
        let closed = close(kafkas, &databases).await;
        background.cancel();
        while tasks.join_next().await.is_some() {}
        // Nobody waits for a database that is away: the heartbeats get old by themselves.
        let _ = tokio::time::timeout(LEAVE_WAIT, leave(&databases)).await;
        closed
    };
    let is_clean = tokio::time::timeout(STOP_MAX, end).await.unwrap_or(false);
    if let Some(failed) = failed {
        bail!("{failed}");
    }
    let records = committed(&databases).records;
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

/// Each pipeline has one file.
fn refuse_clashes(files: &[PipelineFile]) -> Result<()> {
    for (at, PipelineFile { config, .. }) in files.iter().enumerate() {
        let (name, target) = (&config.pipeline.name, &config.target);
        for PipelineFile { config: other, .. } in &files[..at] {
            if other.pipeline.name == *name {
                bail!("two files hold the pipeline {name}: give each a name of its own");
            }
            // Where one stands for several, each is looked at as it comes.
            let are_single = config.source.topics.is_none() && other.source.topics.is_none();
            let is_same = other.target.url == target.url && other.target.table == target.table;
            let is_same = is_same && are_single;
            if is_same && (other.target.shared.is_none() || target.shared.is_none()) {
                bail!(
                    "the pipelines {} and {name} write the table {}, and each would undo what the \
                     other does: give each a table; or, where their keys never meet, say shared = \
                     \"disjoint-keys\" under [target] of both",
                    other.pipeline.name,
                    target.table
                );
            }
        }
    }
    Ok(())
}

/// The databases that `files` name, by their addresses.
fn databases(files: &[PipelineFile]) -> Result<BTreeMap<String, Arc<HostedDatabase>>> {
    let owner = process_name();
    let mut by_url: BTreeMap<&str, Vec<&Config>> = BTreeMap::new();
    for PipelineFile { config, .. } in files {
        by_url.entry(&config.target.url).or_default().push(config);
    }
    let database = |(url, of): (&str, Vec<&Config>)| {
        let name = of.first().map_or("", |first| &first.pipeline.name);
        let application = match of.len() {
            0 | 1 => format!("gristmill/{name}"),
            files => format!("gristmill/{name}+{}", files - 1),
        };
        let database = Database::new(url, &application);
        let database = database.with_context(|| format!("{name}: target.url"))?;
        let hosted = HostedDatabase::new(database, &of, &owner);
        Ok((url.to_owned(), Arc::new(hosted)))
    };
    by_url.into_iter().map(database).collect()
}

/// Begins the files' pipelines, beside each other. An error where none can begin.
async fn begin_all(files: Vec<HostedFile>) -> Result<Vec<HostedFile>> {
    let mut beginning = JoinSet::new();
    for mut file in files {
        beginning.spawn(async move {
            let failed = file.begin().await;
            (file, failed)
        });
    }
    let (mut all, mut has_one) = (Vec::new(), false);
    for (file, failed) in beginning.join_all().await {
        let failed = failed?;
        has_one |= failed.is_empty() || file.has_begun();
        all.push((file, failed));
    }
    if let [(_, failed)] = all.as_mut_slice()
        && failed.len() == 1
        && !has_one
        && let Some(NotBegun { error, .. }) = failed.pop()
    {
        return Err(error);
    }
    for (file, failed) in &mut all {
        failed.iter().for_each(|failed| file.say(failed));
    }
    if !has_one {
        bail!("no pipeline can begin: the log above says why");
    }
    Ok(all.into_iter().map(|(file, _)| file).collect())
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

/// Begins what goes on beside the workers: progress, the followers, tombstones and the relays.
fn begin_background(
    databases: &[Arc<HostedDatabase>],
    stop: &CancellationToken,
) -> JoinSet<&'static str> {
    let mut tasks = JoinSet::new();
    let progress = log_progress(databases.to_vec(), stop.clone());
    tasks.spawn(named("the log of the progress", progress));
    for database in databases {
        let database = || Arc::clone(database);
        let follower = follow(database(), stop.clone());
        tasks.spawn(named("the follower of the fleet", follower));
        let tombstones = until(stop.clone(), tombstone_keeper::keep(database()));
        tasks.spawn(named("the keeper of tombstones", tombstones));
        let relay = until(stop.clone(), relay::run(database()));
        tasks.spawn(named("the relay of dead letters", relay));
        let retry = until(stop.clone(), letter_retry::keep(database()));
        tasks.spawn(named("the retry of dead letters", retry));
    }
    tasks
}

/// Begins to answer collectors and probes.
fn begin_http(
    tasks: &mut JoinSet<&'static str>,
    listener: TcpListener,
    metrics: Arc<Metrics>,
    databases: &[Arc<HostedDatabase>],
    stop: &CancellationToken,
) {
    let address = listener::address(&listener);
    tracing::info!("answers /healthz, /readyz and /metrics at http://{address}");
    let gauges = gauges::keep(databases.to_vec());
    tasks.spawn(named("the keeper of gauges", until(stop.clone(), gauges)));
    let watched = Observed {
        metrics,
        databases: databases.to_vec(),
    };
    let server = server::serve(listener, watched);
    tasks.spawn(named("the http server", until(stop.clone(), server)));
}

/// Gives a task a name for when it ends.
async fn named(name: &'static str, task: impl Future<Output = ()>) -> &'static str {
    task.await;
    name
}

/// Ends `work` at once when `stop` comes: relaying is at least once, and a proposal that was not
/// made is made at the next start.
async fn until(stop: CancellationToken, work: impl Future<Output = ()>) {
    tokio::select! {
        () = stop.cancelled() => {}
        () = work => {}
    }
}

/// A consumer's thread has ended without a word, which only a panic can do.
async fn consumer_finished(kafkas: &[Arc<Kafka>]) {
    while !kafkas.iter().any(|kafka| kafka.has_ended()) {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// Ends the consumers, together. Whoever is alone finds its place again when it is started again.
/// Returns whether all of them have closed.
async fn close(kafkas: Vec<Arc<Kafka>>, databases: &[Arc<HostedDatabase>]) -> bool {
    let others = tokio::time::timeout(LEAVE_WAIT, have_others(databases)).await;
    let leaves = matches!(others, Ok(Ok(true)));
    let mut closing = JoinSet::new();
    for kafka in kafkas {
        closing.spawn_blocking(move || kafka.stop(leaves));
    }
    let mut is_clean = true;
    while let Some(closed) = closing.join_next().await {
        is_clean &= closed.is_ok();
    }
    is_clean
}

/// Whether other processes run one of the pipelines.
async fn have_others(databases: &[Arc<HostedDatabase>]) -> Result<bool> {
    for database in databases {
        let (commits, pipelines) = (&database.commits, database.pipelines.all());
        let connection = commits.pool.get().await?;
        let names: Vec<&str> = pipelines.iter().map(|p| p.name()).collect();
        if host::others_live(&connection, &commits.owner, &names).await? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Takes this process's heartbeats back.
async fn leave(databases: &[Arc<HostedDatabase>]) -> Result<()> {
    for database in databases {
        let (commits, pipelines) = (&database.commits, database.pipelines.all());
        let connection = commits.pool.get().await?;
        let names: Vec<&str> = pipelines.iter().map(|p| p.name()).collect();
        host::leave(&connection, &commits.owner, &names).await?;
    }
    Ok(())
}
