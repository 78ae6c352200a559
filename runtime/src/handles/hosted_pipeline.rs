//! One pipeline that this process runs.

use std::sync::Arc;

use gristmill_kafka::TopicPartition;
use gristmill_postgres::commit::checkpoint::PartitionKey;

use crate::definition::file::Config;
use crate::handles::commits::Commits;
use crate::handles::fleet_view::FleetView;
use crate::handles::kafka::Kafka;
use crate::handles::letter_log::LetterLog;
use crate::handles::metrics::Metrics;
use crate::handles::replay::Replay;
use crate::handles::standing::Standings;

/// One pipeline that this process runs, with what its partitions work with.
pub struct HostedPipeline {
    /// The pipeline file of this host: addresses and sizes. What decides about rows is in the
    /// revisions.
    pub config: Config,
    /// The number of the pass over the topic, as `gristmill.pipeline.active_run` says.
    pub run: i64,
    pub commits: Arc<Commits>,
    pub fleet: FleetView,
    pub kafka: Arc<Kafka>,
    /// What each of its partitions is doing here.
    pub standings: Standings,
    /// Numbers for Prometheus.
    pub metrics: Arc<Metrics>,
    /// Its dead letters, as the log tells them.
    pub letter_log: LetterLog,
    /// What tries its dead letters again, where that is to be done.
    pub replay: Option<Replay>,
}

impl HostedPipeline {
    /// The pipeline's name, under which Postgres keeps all about it.
    pub fn name(&self) -> &str {
        &self.config.pipeline.name
    }

    /// How Postgres names a partition of this pipeline.
    pub fn key(&self, partition: &TopicPartition) -> PartitionKey {
        PartitionKey {
            pipeline: self.name().to_owned(),
            run: self.run,
            topic: partition.topic.to_string(),
            partition: partition.partition,
        }
    }
}
