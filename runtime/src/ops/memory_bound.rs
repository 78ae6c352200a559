//! What a process may hold in memory where everything is as large as its limit allows.

use std::fmt;

use gristmill_kafka::client::{FETCH_MAX_BYTES, FETCHED_AHEAD_BYTES, QUEUES_MAX_BYTES};
use serde::Serialize;

use crate::definition::file::Config;
use crate::partition::open_batch::whole_max_bytes;

/// Bytes, for a process that has all partitions of the topic and one broker to fetch from. Most
/// pipelines stay far below.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MemoryBound {
    pub partitions: usize,
    /// Records that are read and not committed.
    pub queues: usize,
    /// Linear memory of all components, one instance a partition.
    pub instances: usize,
    /// Keys that were seen.
    pub dedup: usize,
    /// What librdkafka fetches, as the broker sends it: compressed records are inflated by it.
    pub librdkafka: usize,
    /// Columns and parameters of the batches that are computed or written.
    pub in_flight: usize,
}

impl MemoryBound {
    /// Of a pipeline whose topic has so many partitions.
    pub fn of(config: &Config, partitions: usize) -> Self {
        let property = |name: &str, unit: usize, default: usize| {
            let set = config.source.properties.get(name);
            let set = set.and_then(|value| value.parse::<usize>().ok());
            set.map_or(default, |value| value.saturating_mul(unit))
        };
        let each = |bytes: usize| bytes.saturating_mul(partitions);
        let memories = config.transform.iter().map(|t| t.limits.memory_max_bytes);
        // A queue may hold twice its bound while the others have room.
        let queue = config.source.queued_max_bytes.saturating_mul(2);
        let batch = whole_max_bytes(config.source.queued_max_bytes);
        let ahead = property("queued.max.messages.kbytes", 1 << 10, FETCHED_AHEAD_BYTES);
        let fetched = property("fetch.max.bytes", 1, FETCH_MAX_BYTES);
        Self {
            partitions,
            queues: each(queue).min(QUEUES_MAX_BYTES),
            instances: each(memories.fold(0, usize::saturating_add)),
            dedup: each(config.limits.state_max_bytes),
            librdkafka: ahead.saturating_add(fetched),
            // One in flight and one computed ahead, each as large again as its records, once as
            // columns and once as parameters.
            in_flight: each(batch).saturating_mul(4),
        }
    }

    /// All parts together.
    pub fn sum(&self) -> usize {
        let parts = [
            self.queues,
            self.instances,
            self.dedup,
            self.librdkafka,
            self.in_flight,
        ];
        parts.into_iter().fold(0, usize::saturating_add)
    }
}

/// One line with the sum and its parts.
impl fmt::Display for MemoryBound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = |bytes: usize| bytes.div_ceil(1 << 20);
        write!(
            f,
            "memory: the limits allow {} MiB with all {} partitions in one process: queues {}, \
             instances {}, dedup state {}, librdkafka {}, in flight {}",
            mib(self.sum()),
            self.partitions,
            mib(self.queues),
            mib(self.instances),
            mib(self.dedup),
            mib(self.librdkafka),
            mib(self.in_flight),
        )
    }
}
