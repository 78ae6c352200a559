//! Offsets that Kafka knows: the ends of partitions, and the offset of a moment.

use std::collections::BTreeSet;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode as Code};
use rdkafka::{Offset, TopicPartitionList};

use super::admin_error::Reasons;
use super::{Admin, AdminError, TIMEOUT};
use crate::TopicPartition;

impl Admin {
    /// The first offset that Kafka has of each partition, and the one after its last (exclusive;
    /// records of open transactions lie behind it). Answers in the order of `partitions`, in two
    /// requests a broker. Each partition may be named once.
    pub fn watermarks(&self, partitions: &[TopicPartition]) -> Result<Vec<(i64, i64)>, AdminError> {
        if partitions.is_empty() {
            return Ok(Vec::new());
        }
        // ListOffsets takes -2 and -1 for a timestamp, the numbers of these two offsets. It is
        // asked with the client's isolation level, as by `fetch_watermarks`, which asks about one
        // partition at a time.
        let low = offsets_for(&self.client, partitions, Offset::Beginning);
        low.and_then(|low| Ok((low, offsets_for(&self.client, partitions, Offset::End)?)))
            .map(|(low, high)| low.into_iter().zip(high).collect())
            .map_err(|e| self.explain_offsets(partitions, e))
    }

    /// The offset of the first record whose timestamp is `timestamp_ms` or later; the end when
    /// there is none.
    pub fn offset_at(
        &self,
        partition: &TopicPartition,
        timestamp_ms: i64,
    ) -> Result<i64, AdminError> {
        let partitions = std::slice::from_ref(partition);
        let at = Offset::Offset(timestamp_ms);
        let found = ask(&self.client, partitions, at, TIMEOUT);
        let found = found.and_then(|found| found.into_iter().collect::<KafkaResult<Vec<_>>>());
        let found = found.map_err(|e| {
            let what = format!("look for a timestamp in {partition}");
            self.explain(&what, Some(&partition.topic), e)
        })?;
        match found[..] {
            [Offset::Offset(offset)] if offset >= 0 => Ok(offset),
            _ => Ok(self.watermarks(partitions)?[0].1),
        }
    }

    pub(super) fn explain_offsets(
        &self,
        partitions: &[TopicPartition],
        error: KafkaError,
    ) -> AdminError {
        // A topic that may not be seen has no partitions here: its description says which of the
        // two it is.
        let topics: BTreeSet<_> = partitions.iter().map(|p| &p.topic).collect();
        let unseen = topics.iter().find_map(|topic| self.topic(topic).err());
        unseen.unwrap_or_else(|| {
            let topic = partitions.first().map(|p| &*p.topic);
            let what = match partitions {
                [partition] => format!("read the offsets of {partition}"),
                _ => {
                    let names: Vec<_> = topics.iter().map(|topic| &***topic).collect();
                    format!("read the offsets of {}", names.join(", "))
                }
            };
            self.explain(&what, topic, error)
        })
    }
}

pub(super) fn offsets_for(
    client: &BaseConsumer<Reasons>,
    partitions: &[TopicPartition],
    end: Offset,
) -> KafkaResult<Vec<i64>> {
    let offsets = each_offset_for(client, partitions, end, TIMEOUT)?;
    offsets.into_iter().collect()
}

/// As [`offsets_for`]; an inner error is that of the partition alone.
pub(super) fn each_offset_for(
    client: &BaseConsumer<Reasons>,
    partitions: &[TopicPartition],
    end: Offset,
    wait: Duration,
) -> KafkaResult<Vec<KafkaResult<i64>>> {
    let offset = |found: KafkaResult<Offset>| match found? {
        Offset::Offset(offset) => Ok(offset),
        _ => Err(KafkaError::OffsetFetch(Code::NoOffset)),
    };
    let found = ask(client, partitions, end, wait)?;
    Ok(found.into_iter().map(offset).collect())
}

/// One ListOffsets request a broker, with the same timestamp for all partitions.
fn ask(
    client: &BaseConsumer<Reasons>,
    partitions: &[TopicPartition],
    timestamp: Offset,
    wait: Duration,
) -> KafkaResult<Vec<KafkaResult<Offset>>> {
    let wanted: Vec<_> = partitions.iter().map(|p| (p, timestamp)).collect();
    ask_each(client, &wanted, wait)
}

/// One ListOffsets request a broker, with a timestamp for each partition.
pub(super) fn ask_each(
    client: &BaseConsumer<Reasons>,
    wanted: &[(&TopicPartition, Offset)],
    wait: Duration,
) -> KafkaResult<Vec<KafkaResult<Offset>>> {
    let mut list = TopicPartitionList::with_capacity(wanted.len());
    for (TopicPartition { topic, partition }, timestamp) in wanted {
        list.add_partition_offset(topic, *partition, *timestamp)?;
    }
    let answer = client.offsets_for_times(list, wait)?;
    let elements = answer.elements();
    let found = elements.iter();
    let found = found.map(|element| element.error().map(|()| element.offset()));
    Ok(found.collect())
}
