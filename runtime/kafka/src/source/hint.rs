//! How far the checkpoints are, for Kafka's lag tools.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext};
use rdkafka::{Offset, TopicPartitionList};

use crate::TopicPartition;

/// The newest next offset of each partition that was not yet told to Kafka.
#[derive(Debug, Default)]
pub(crate) struct Hints(Mutex<BTreeMap<TopicPartition, i64>>);

impl Hints {
    pub(crate) fn put(&self, partition: TopicPartition, next_offset: i64) {
        let mut hints = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        hints.insert(partition, next_offset);
    }

    /// Sends what there is, without waiting for the answer. A partition that is no longer
    /// `assigned` belongs to another member.
    pub(crate) fn commit<C: ConsumerContext>(
        &self,
        consumer: &BaseConsumer<C>,
        assigned: &BTreeSet<TopicPartition>,
    ) {
        let hints = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let mut list = TopicPartitionList::new();
        for (p, next_offset) in hints {
            if assigned.contains(&p) {
                let offset = Offset::Offset(next_offset);
                // Fails only for an offset that is none, and a hint is not worth an error.
                let _ = list.add_partition_offset(&p.topic, p.partition, offset);
            }
        }
        if list.count() > 0
            && let Err(error) = consumer.commit(&list, CommitMode::Async)
        {
            tracing::debug!(%error, "kafka did not take the offset hint");
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        let hints = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        hints.is_empty()
    }
}
