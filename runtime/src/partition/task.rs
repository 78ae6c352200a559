//! One partition's task: it runs one worker after another, each through the start path.

use std::time::Duration;

use anyhow::Context;
use gristmill_core::policy::{Action, action};
use gristmill_kafka::source::Intake;
use gristmill_postgres::commit::lease::{self, Lease};
use gristmill_postgres::wire::database_error::DatabaseError;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use crate::partition::ended::Ended;
use crate::partition::take::{Begin, PartitionWanted, Ready, take_partitions};
use crate::partition::worker::Worker;

/// Waits before a partition is taken again: the first is hardly noticed, the last bounds how late a
/// recovered Postgres is noticed.
const RESTART_FIRST: Duration = Duration::from_millis(100);
const RESTART_MAX: Duration = Duration::from_secs(3);
/// A worker that went on this long has proved that the trouble before it is over.
const RESTART_FORGET: Duration = Duration::from_secs(30);

/// What a partition was taken with, and the revision that ran last.
struct LastRun {
    lease: Lease,
    revision: i32,
}

impl LastRun {
    fn new(lease: Lease) -> Self {
        Self {
            revision: lease.revision,
            lease,
        }
    }
}

/// Keeps a partition going until it is told to stop, or the partition halts and nothing changes.
/// `first` is what it begins with where it was taken already.
pub async fn keep_going(
    wanted: PartitionWanted,
    mut first: Option<(Ready, Intake)>,
    stop: CancellationToken,
) {
    let partition = &wanted.partition;
    let mut wait = RESTART_FIRST;
    let mut last = None;
    loop {
        let begun = Instant::now();
        let ended = match first.take() {
            Some((ready, intake)) => work(&wanted, ready, intake, &stop, &mut last).await,
            None => take_and_work(&wanted, &stop, &mut last).await,
        };
        match ended {
            Ended::Stopped => return,
            Ended::Halt(reason) => {
                if halt(&wanted, last.take(), &reason, &stop).await {
                    return;
                }
                tracing::info!(
                    %partition,
                    "another revision is to run: taking the partition again"
                );
            }
            Ended::Restart(error) => {
                if begun.elapsed() > RESTART_FORGET {
                    wait = RESTART_FIRST;
                }
                let retry_in_ms = wait.as_millis() as u64;
                tracing::warn!(%partition, retry_in_ms, "{error:#}; taking the partition again");
                if timeout(wait, stop.cancelled()).await.is_ok() {
                    return;
                }
                wait = (wait * 2).min(RESTART_MAX);
            }
        }
    }
}

async fn take_and_work(
    wanted: &PartitionWanted,
    stop: &CancellationToken,
    last: &mut Option<LastRun>,
) -> Ended {
    let begin = tokio::select! {
        () = stop.cancelled() => return Ended::Stopped,
        begin = take_one(wanted) => begin,
    };
    let ready = match begin {
        Ok(Begin::Go(ready)) => ready,
        Ok(Begin::Halt { lease, reason }) => {
            *last = Some(LastRun::new(lease));
            return Ended::Halt(reason);
        }
        Err(error) if needs_a_person(&error) => return Ended::Halt(error),
        Err(transient) => return Ended::Restart(transient),
    };
    let (start, intake) = ready.start();
    let (partition, next_offset) = (&wanted.partition, start.next_offset);
    tracing::info!(%partition, next_offset, "taken again");
    wanted.pipeline.kafka.restart(partition, start).await;
    work(wanted, ready, intake, stop, last).await
}

async fn take_one(wanted: &PartitionWanted) -> anyhow::Result<Begin> {
    let begins = take_partitions(std::slice::from_ref(wanted)).await?;
    let begin = begins.into_iter().next();
    begin.context("the partition was neither taken nor refused")?
}

/// Whether Postgres said something that waiting does not mend: no permission, no such table.
fn needs_a_person(error: &anyhow::Error) -> bool {
    let database = error.downcast_ref::<DatabaseError>();
    database.is_some_and(|e| action(&e.fault()) == Action::Halt)
}

async fn work(
    wanted: &PartitionWanted,
    ready: Ready,
    mut intake: Intake,
    stop: &CancellationToken,
    last: &mut Option<LastRun>,
) -> Ended {
    let last = last.insert(LastRun::new(ready.lease.clone()));
    let mut worker = match Worker::new(wanted, ready) {
        Ok(worker) => worker,
        Err(error) => return Ended::Halt(error),
    };
    // A task of its own, so that a panic ends the worker and not, in silence, the partition.
    let stop = stop.clone();
    let task = tokio::spawn(async move {
        let ended = worker.run(&mut intake, &stop).await;
        (ended, worker.revision())
    });
    match task.await {
        Ok((ended, revision)) => {
            last.revision = revision;
            ended
        }
        Err(panicked) => {
            let error = anyhow::Error::new(panicked);
            Ended::Halt(error.context("the worker ended; please report this"))
        }
    }
}

/// Leaves the partition assigned and silent, says why, and waits to be stopped or to be given
/// another revision. The other partitions go on. Returns whether it was stopped.
async fn halt(
    wanted: &PartitionWanted,
    last: Option<LastRun>,
    reason: &anyhow::Error,
    stop: &CancellationToken,
) -> bool {
    let PartitionWanted {
        pipeline,
        partition,
    } = wanted;
    let mut rollout = pipeline.fleet.subscribe();
    let halted_by = match &last {
        Some(last) => last.revision,
        None => rollout.borrow().wanted(partition.partition),
    };
    tracing::error!(%partition, "halted: {reason:#}");
    pipeline.kafka.halt(partition).await;
    if let Some(LastRun { lease, .. }) = last {
        let noted = async {
            let connection = pipeline.commits.pool.get().await?;
            lease::halt(&connection, &lease, &format!("{reason:#}")).await
        };
        if let Err(error) = noted.await {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(%partition, error, "cannot note the halt in the checkpoint");
        }
    }
    tokio::select! {
        () = stop.cancelled() => true,
        _ = rollout.wait_for(|r| r.wanted(partition.partition) != halted_by) => false,
    }
}
