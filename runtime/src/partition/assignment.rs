//! Partitions come and go: what the supervisor answers the consumer, and the task that keeps a
//! partition going.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use gristmill_core::policy::{Action, action};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::partition::take::{Begin, Ready, start};
use crate::partition::worker::{Ended, Worker};
use crate::process::Shared;
use gristmill_kafka::TopicPartition;
use gristmill_kafka::source::{Assignments, Intake, Position, SourceFault, feed};
use gristmill_postgres::commit::checkpoint::{self, Lease};
use gristmill_postgres::wire::error::DatabaseError;

/// How long the group waits, inside a rebalance, for checkpoints to be read. A partition that took
/// longer is assigned without being fetched and starts when it can.
const ASSIGN_WAIT: Duration = Duration::from_secs(5);
/// Above the worker's own wait for its flush in flight.
const REVOKE_WAIT: Duration = Duration::from_secs(4);
/// Waits before a partition is taken again: the first is hardly noticed, the last bounds how late a
/// recovered Postgres is noticed.
const RESTART_FIRST: Duration = Duration::from_millis(100);
const RESTART_MAX: Duration = Duration::from_secs(3);
/// A worker that went on this long has proved that the trouble before it is over.
const RESTART_FORGET: Duration = Duration::from_secs(30);

/// The owner of the source's partitions. Its methods run on the consumer's thread.
pub struct Assignment {
    shared: Arc<Shared>,
    runtime: Handle,
    partitions: HashMap<TopicPartition, Running>,
    ended: CancellationToken,
}

struct Running {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Assignment {
    /// Must be called inside the runtime. `ended` is cancelled when the source ends for good.
    pub fn new(shared: Arc<Shared>, ended: CancellationToken) -> Self {
        Self {
            shared,
            runtime: Handle::current(),
            partitions: HashMap::new(),
            ended,
        }
    }

    fn stop(&mut self, partitions: &[TopicPartition], wait: Duration) {
        let stopped: Vec<Running> = partitions
            .iter()
            .filter_map(|p| self.partitions.remove(p))
            .collect();
        for running in &stopped {
            running.stop.cancel();
        }
        self.runtime.block_on(async {
            let all = async {
                for running in stopped {
                    let _ = running.task.await;
                }
            };
            let _ = tokio::time::timeout(wait, all).await;
        });
    }

    fn keep(&mut self, partition: &TopicPartition, first: Option<(Ready, Intake)>) {
        let stop = CancellationToken::new();
        let shared = Arc::clone(&self.shared);
        let task = self
            .runtime
            .spawn(keep_going(shared, partition.clone(), first, stop.clone()));
        self.partitions
            .insert(partition.clone(), Running { stop, task });
    }
}

impl Assignments for Assignment {
    fn assigned(&mut self, partitions: &[TopicPartition]) -> Vec<Position> {
        let shared = &self.shared;
        let begins: Vec<_> = self.runtime.block_on(async {
            let tasks: Vec<_> = partitions
                .iter()
                .map(|p| {
                    let (shared, p) = (Arc::clone(shared), p.clone());
                    tokio::spawn(async move {
                        tokio::time::timeout(ASSIGN_WAIT, start(&shared, &p)).await
                    })
                })
                .collect();
            let mut begins = Vec::new();
            for task in tasks {
                begins.push(task.await.ok().and_then(Result::ok).and_then(Result::ok));
            }
            begins
        });
        let mut positions = Vec::new();
        for (partition, begin) in partitions.iter().zip(begins) {
            // What is not ready, or must halt, is found again by the partition's own task, which
            // has the time to say why.
            let Some(Begin::Go(ready)) = begin else {
                self.keep(partition, None);
                positions.push(Position::Paused);
                continue;
            };
            let (feed, intake) = feed();
            let next_offset = ready.next_offset;
            tracing::info!(%partition, next_offset, "taken");
            self.keep(partition, Some((ready, intake)));
            positions.push(Position::Start { next_offset, feed });
        }
        positions
    }

    fn revoked(&mut self, partitions: &[TopicPartition]) {
        self.stop(partitions, REVOKE_WAIT);
    }

    fn lost(&mut self, partitions: &[TopicPartition]) {
        self.stop(partitions, Duration::ZERO);
    }

    fn fault(&mut self, fault: SourceFault) {
        match &fault {
            // The feeds have ended, so each partition's task takes it again and learns what is
            // wrong.
            SourceFault::OutOfRange { .. } | SourceFault::PositionLost { .. } => {
                tracing::warn!("{fault}")
            }
            SourceFault::Reachable => tracing::info!("{fault}"),
            SourceFault::UnknownTopic { .. }
            | SourceFault::Refused { .. }
            | SourceFault::Unreachable { .. } => {
                tracing::warn!("{fault}");
            }
            SourceFault::Fatal { .. } => {
                tracing::error!("{fault}");
                self.ended.cancel();
            }
        }
    }
}

/// What a partition was taken with, and the revision that ran last.
struct Held {
    lease: Lease,
    revision: i32,
}

impl Held {
    fn new(lease: Lease) -> Self {
        Self {
            revision: lease.revision,
            lease,
        }
    }
}

/// Runs one worker after another for `partition`, each through the start path, until it is told to
/// stop or the partition halts.
async fn keep_going(
    shared: Arc<Shared>,
    partition: TopicPartition,
    mut first: Option<(Ready, Intake)>,
    stop: CancellationToken,
) {
    let mut wait = RESTART_FIRST;
    let mut held = None;
    loop {
        let begun = tokio::time::Instant::now();
        let ended = match first.take() {
            Some((ready, intake)) => {
                work(&shared, &partition, ready, intake, &stop, &mut held).await
            }
            None => start_and_work(&shared, &partition, &stop, &mut held).await,
        };
        match ended {
            Ended::Stopped => return,
            Ended::Halt(reason) => {
                if halt(&shared, &partition, held.take(), &reason, &stop).await {
                    return;
                }
                tracing::info!(%partition, "another revision is to run: taking the partition again");
            }
            Ended::Restart(error) => {
                if begun.elapsed() > RESTART_FORGET {
                    wait = RESTART_FIRST;
                }
                let retry_in_ms = wait.as_millis() as u64;
                tracing::warn!(%partition, retry_in_ms, "{error:#}; taking the partition again");
                if tokio::time::timeout(wait, stop.cancelled()).await.is_ok() {
                    return;
                }
                wait = (wait * 2).min(RESTART_MAX);
            }
        }
    }
}

async fn start_and_work(
    shared: &Arc<Shared>,
    partition: &TopicPartition,
    stop: &CancellationToken,
    held: &mut Option<Held>,
) -> Ended {
    let begin = tokio::select! {
        () = stop.cancelled() => return Ended::Stopped,
        begin = start(shared, partition) => begin,
    };
    let ready = match begin {
        Ok(Begin::Go(ready)) => ready,
        Ok(Begin::Halt { lease, reason }) => {
            *held = Some(Held::new(lease));
            return Ended::Halt(reason);
        }
        Err(error) if needs_a_person(&error) => return Ended::Halt(error),
        Err(transient) => return Ended::Restart(transient),
    };
    let (feed, intake) = feed();
    tracing::info!(%partition, next_offset = ready.next_offset, "taken again");
    shared
        .source()
        .await
        .restart(partition.clone(), ready.next_offset, feed);
    work(shared, partition, ready, intake, stop, held).await
}

/// Whether Postgres said something that waiting does not mend: no permission, no such table.
fn needs_a_person(error: &anyhow::Error) -> bool {
    let database = error.downcast_ref::<DatabaseError>();
    database.is_some_and(|e| action(&e.fault()) == Action::Halt)
}

async fn work(
    shared: &Arc<Shared>,
    partition: &TopicPartition,
    ready: Ready,
    mut intake: Intake,
    stop: &CancellationToken,
    held: &mut Option<Held>,
) -> Ended {
    let held = held.insert(Held::new(ready.lease.clone()));
    let mut worker = match Worker::new(Arc::clone(shared), partition.clone(), ready) {
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
            held.revision = revision;
            ended
        }
        Err(panicked) => {
            let error = anyhow::Error::new(panicked);
            Ended::Halt(error.context("the worker ended; please report this"))
        }
    }
}

/// Leaves the partition assigned and silent, says why, and waits to be stopped or to be given
/// another revision. The other partitions go on. Whether it was stopped.
async fn halt(
    shared: &Arc<Shared>,
    partition: &TopicPartition,
    held: Option<Held>,
    reason: &anyhow::Error,
    stop: &CancellationToken,
) -> bool {
    let mut rollout = shared.rollout.subscribe();
    let halted_by = match &held {
        Some(held) => held.revision,
        None => rollout.borrow().wanted(partition.partition),
    };
    tracing::error!(%partition, "halted: {reason:#}");
    shared.source().await.halt(partition.clone());
    if let Some(Held { lease, .. }) = held {
        let noted = async {
            let connection = shared.pool.get().await?;
            checkpoint::halt(&connection, &lease, &format!("{reason:#}")).await
        };
        if let Err(error) = noted.await {
            tracing::warn!(%partition, error = &error as &dyn std::error::Error, "cannot note the halt in the checkpoint");
        }
    }
    tokio::select! {
        () = stop.cancelled() => true,
        _ = rollout.wait_for(|r| r.wanted(partition.partition) != halted_by) => false,
    }
}
