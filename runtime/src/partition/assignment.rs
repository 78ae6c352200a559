//! Partitions come and go: what this process answers its consumer.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use gristmill_kafka::TopicPartition;
use gristmill_kafka::source::{Assignments, Intake, Position, SourceFault, feed};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::handles::running::ByTopic;
use crate::partition::take::{Begin, PartitionWanted, Ready, take_partitions};
use crate::partition::task::keep_going;

/// How long the group waits, inside a rebalance, for checkpoints to be read. Partitions that took
/// longer are assigned without being fetched and start when they can.
const ASSIGN_WAIT: Duration = Duration::from_secs(5);
/// Above the worker's own wait for its flush in flight.
const REVOKE_WAIT: Duration = Duration::from_secs(4);

/// The owner of a consumer's partitions. Its methods run on the consumer's thread.
pub struct Assignment {
    pipelines: ByTopic,
    runtime: Handle,
    partitions: HashMap<TopicPartition, Going>,
    ended: CancellationToken,
}

/// The task that keeps one partition going.
struct Going {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Assignment {
    /// Must be called inside the runtime. `ended` is cancelled when the consumer ends for good.
    pub fn new(pipelines: ByTopic, ended: CancellationToken) -> Self {
        Self {
            pipelines,
            runtime: Handle::current(),
            partitions: HashMap::new(),
            ended,
        }
    }

    fn stop(&mut self, partitions: &[TopicPartition], wait: Duration) {
        let stopped: Vec<Going> = partitions
            .iter()
            .filter_map(|p| self.partitions.remove(p))
            .collect();
        for going in &stopped {
            going.stop.cancel();
        }
        self.runtime.block_on(async {
            let all = async {
                for going in stopped {
                    let _ = going.task.await;
                }
            };
            let _ = tokio::time::timeout(wait, all).await;
        });
    }

    fn keep(&mut self, wanted: &PartitionWanted, first: Option<(Ready, Intake)>) {
        let stop = CancellationToken::new();
        let task = keep_going(wanted.clone(), first, stop.clone());
        let task = self.runtime.spawn(task);
        self.partitions
            .insert(wanted.partition.clone(), Going { stop, task });
    }

    /// Begins a partition's task, and says where to fetch from. One that is not ready, or must
    /// halt, is found again by that task, which has the time to say why.
    fn begin(&mut self, wanted: &PartitionWanted, begin: Option<Begin>) -> Position {
        let Some(Begin::Go(ready)) = begin else {
            self.keep(wanted, None);
            return Position::Paused;
        };
        let (feed, intake) = feed();
        let next_offset = ready.next_offset;
        tracing::info!(partition = %wanted.partition, next_offset, "taken");
        self.keep(wanted, Some((ready, intake)));
        Position::Start { next_offset, feed }
    }
}

impl Assignments for Assignment {
    fn assigned(&mut self, partitions: &[TopicPartition]) -> Vec<Position> {
        let wanted: Option<Vec<PartitionWanted>> = partitions
            .iter()
            .map(|partition| {
                let pipeline = Arc::clone(self.pipelines.get(&partition.topic)?);
                let partition = partition.clone();
                Some(PartitionWanted {
                    pipeline,
                    partition,
                })
            })
            .collect();
        let Some(wanted) = wanted else {
            tracing::error!("kafka assigned a topic that no pipeline of this process reads");
            return Vec::new();
        };
        let begins = self.runtime.block_on(async {
            let begins = take_partitions(&wanted);
            tokio::time::timeout(ASSIGN_WAIT, begins).await
        });
        let begins = match begins {
            Ok(Ok(begins)) => begins,
            // Each partition's own task meets the trouble again, and says so.
            Ok(Err(_)) | Err(_) => Vec::new(),
        };
        let begins = begins.into_iter().map(Result::ok);
        let all = wanted
            .iter()
            .zip(begins.chain(std::iter::repeat_with(|| None)));
        all.map(|(wanted, begin)| self.begin(wanted, begin))
            .collect()
    }

    fn revoked(&mut self, partitions: &[TopicPartition]) {
        self.stop(partitions, REVOKE_WAIT);
    }

    fn lost(&mut self, partitions: &[TopicPartition]) {
        self.stop(partitions, Duration::ZERO);
    }

    fn fault(&mut self, fault: SourceFault) {
        match &fault {
            SourceFault::Reachable => tracing::info!("{fault}"),
            SourceFault::Fatal { .. } => {
                tracing::error!("{fault}");
                self.ended.cancel();
            }
            // Where an offset or a position is lost the feed has ended, so the partition's task
            // takes it again and learns what is wrong.
            SourceFault::OutOfRange { .. }
            | SourceFault::PositionLost { .. }
            | SourceFault::UnknownTopic { .. }
            | SourceFault::Refused { .. }
            | SourceFault::Unreachable { .. } => tracing::warn!("{fault}"),
        }
    }
}
