//! Partitions come and go: what this process answers its consumer.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use gristmill_kafka::TopicPartition;
use gristmill_kafka::source::{Assignments, Intake, Position, SourceFault};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::handles::partition_log::log_partition;
use crate::handles::{HostedPipeline, Pipelines};
use crate::partition::first_meeting::meet_topic;
use crate::partition::take::{Begin, PartitionWanted, Ready, take_partitions};
use crate::partition::task::keep_going;

/// How long the group waits, inside a rebalance, for checkpoints to be read. A partition that took
/// longer is assigned without being fetched and starts when it can.
const ASSIGN_WAIT: Duration = Duration::from_secs(5);
/// How much of that may go into taking all partitions together: more than the 2 s that a take waits
/// for a lock, and it leaves time to take those alone that have no trouble.
const TOGETHER_WAIT: Duration = Duration::from_secs(3);
/// Above the worker's own wait for its flush in flight.
const REVOKE_WAIT: Duration = Duration::from_secs(4);

/// The owner of a consumer's partitions. Its methods run on the consumer's thread.
pub struct Assignment {
    pipelines: Arc<Pipelines>,
    runtime: Handle,
    partitions: HashMap<TopicPartition, PartitionTask>,
    ended: CancellationToken,
}

/// The task that keeps one partition going.
struct PartitionTask {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Assignment {
    /// Must be called inside the runtime. `ended` is cancelled when the consumer ends for good.
    pub fn new(pipelines: Arc<Pipelines>, ended: CancellationToken) -> Self {
        Self {
            pipelines,
            runtime: Handle::current(),
            partitions: HashMap::new(),
            ended,
        }
    }

    /// The pipelines that lack what `reason` says is missing: those of the topic that it names, or
    /// all where it names none.
    fn concerned(&self, reason: &str) -> Vec<Arc<HostedPipeline>> {
        let all = self.pipelines.all();
        // As librdkafka says it: `Subscribed topic not available: TOPIC: ...`.
        let is_named = |p: &Arc<HostedPipeline>| {
            let named = format!(" {}:", p.config.source.topic);
            reason.contains(&named)
        };
        let named: Vec<_> = all.iter().filter(|p| is_named(p)).cloned().collect();
        match named.is_empty() {
            true => all,
            false => named,
        }
    }

    fn stop(&mut self, partitions: &[TopicPartition], wait: Duration) {
        let stopped: Vec<PartitionTask> = partitions
            .iter()
            .filter_map(|p| self.partitions.remove(p))
            .collect();
        for task in &stopped {
            task.stop.cancel();
        }
        self.runtime.block_on(async {
            let all = async {
                for stopped in stopped {
                    let _ = stopped.task.await;
                }
            };
            let _ = timeout(wait, all).await;
        });
    }

    fn keep(&mut self, wanted: &PartitionWanted, first: Option<(Ready, Intake)>) {
        let stop = CancellationToken::new();
        let task = keep_going(wanted.clone(), first, stop.clone());
        let task = self.runtime.spawn(task);
        self.partitions
            .insert(wanted.partition.clone(), PartitionTask { stop, task });
    }

    /// Begins a partition's task, and says where to fetch from. One that is not ready, or must
    /// halt, is found again by that task, which has the time to say why.
    fn begin(&mut self, wanted: &PartitionWanted, begin: Option<Begin>) -> Position {
        let Some(Begin::Go(ready)) = begin else {
            self.keep(wanted, None);
            return Position::Paused;
        };
        let (start, intake) = ready.start();
        let next_offset = start.next_offset;
        log_partition!(
            info,
            wanted.pipeline,
            wanted.partition,
            offset = next_offset,
            "taken"
        );
        self.keep(wanted, Some((ready, intake)));
        Position::Start(start)
    }
}

impl Assignments for Assignment {
    fn assigned(&mut self, partitions: &[TopicPartition]) -> Vec<Position> {
        for pipeline in self.pipelines.all() {
            pipeline.standings.joined();
        }
        let wanted = |partition: &TopicPartition| {
            let pipeline = self.pipelines.reading(&partition.topic);
            if pipeline.is_none() {
                tracing::error!(%partition, "no pipeline of this process reads this topic");
            }
            Some(PartitionWanted {
                pipeline: pipeline?,
                partition: partition.clone(),
            })
        };
        let wanted: Vec<Option<PartitionWanted>> = partitions.iter().map(wanted).collect();
        let known: Vec<PartitionWanted> = wanted.iter().flatten().cloned().collect();
        let mut begins = self.runtime.block_on(take_in_time(&known)).into_iter();
        wanted
            .iter()
            .map(|wanted| match wanted {
                Some(wanted) => self.begin(wanted, begins.next().flatten()),
                None => Position::Paused,
            })
            .collect()
    }

    fn revoked(&mut self, partitions: &[TopicPartition]) {
        self.stop(partitions, REVOKE_WAIT);
    }

    fn lost(&mut self, partitions: &[TopicPartition]) {
        self.stop(partitions, Duration::ZERO);
    }

    fn fault(&mut self, fault: SourceFault) {
        if let SourceFault::UnknownTopic { reason } = &fault {
            for pipeline in self.concerned(reason) {
                pipeline.standings.set_missing(Some(reason.clone()));
                self.runtime.spawn(meet_missing(pipeline));
            }
        }
        if let SourceFault::PositionLost { partitions, reason } = &fault {
            for partition in partitions {
                if let Some(pipeline) = self.pipelines.reading(&partition.topic) {
                    pipeline.standings.loses_position(partition, reason);
                }
            }
        }
        if let SourceFault::Recreated { sure_below, .. } = &fault {
            for (partition, offset) in sure_below {
                if let Some(pipeline) = self.pipelines.reading(&partition.topic) {
                    pipeline.standings.reads_another_topic(partition, *offset);
                }
            }
        }
        match &fault {
            SourceFault::Reachable => {
                for pipeline in self.pipelines.all() {
                    pipeline.standings.set_missing(None);
                }
                tracing::info!("{fault}");
            }
            SourceFault::Fatal { .. } => {
                tracing::error!("{fault}");
                self.ended.cancel();
            }
            // Where an offset or a position is lost the feed has ended, so the partition's task
            // takes it again and learns what is wrong.
            SourceFault::OutOfRange { .. }
            | SourceFault::Recreated { .. }
            | SourceFault::PositionLost { .. }
            | SourceFault::UnknownTopic { .. }
            | SourceFault::Refused { .. }
            | SourceFault::Unreachable { .. } => tracing::warn!("{fault}"),
        }
    }
}

/// Notes that a pipeline's topic is not there yet, where that counts: its records are all new then.
async fn meet_missing(pipeline: Arc<HostedPipeline>) {
    if let Err(error) = meet_topic(&pipeline).await {
        tracing::debug!(
            pipeline = pipeline.name(),
            "cannot ask for its topic: {error:#}"
        );
    }
}

/// Takes partitions within [`ASSIGN_WAIT`]: together, and where that fails for several each alone,
/// so that the trouble of one does not hold up the others. `None` for those that were not taken in
/// time.
async fn take_in_time(wanted: &[PartitionWanted]) -> Vec<Option<Begin>> {
    let deadline = Instant::now() + ASSIGN_WAIT;
    let partitions = wanted.len();
    let together = match partitions {
        0 | 1 => ASSIGN_WAIT,
        _ => TOGETHER_WAIT,
    };
    let error = match timeout(together, take_partitions(wanted)).await {
        Ok(Ok(begins)) => return begins.into_iter().map(Result::ok).collect(),
        Ok(Err(error)) => format!("{error:#}"),
        Err(_) => format!("no answer within {} s", together.as_secs()),
    };
    if let [PartitionWanted { partition, .. }] = wanted {
        tracing::warn!(%partition, "cannot take the partition: {error}");
        return vec![None];
    }
    tracing::warn!(
        partitions,
        "cannot take partitions together, so each alone: {error}"
    );
    let alone = wanted.iter().map(|wanted| {
        let wanted = wanted.clone();
        tokio::spawn(timeout_at(deadline, async move {
            let begins = take_partitions(std::slice::from_ref(&wanted)).await.ok()?;
            begins.into_iter().next()?.ok()
        }))
    });
    let alone: Vec<_> = alone.collect();
    let mut begins = Vec::new();
    for task in alone {
        begins.push(task.await.ok().and_then(Result::ok).flatten());
    }
    begins
}
