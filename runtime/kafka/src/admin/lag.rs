//! How much of a partition was not read yet.

use rdkafka::Offset;
use rdkafka::consumer::BaseConsumer;
use rdkafka::error::KafkaResult;

use super::admin_error::Reasons;
use super::offsets::offsets_for;
use super::{Admin, AdminError};
use crate::TopicPartition;

/// What Kafka has of a partition behind an offset. Offsets without a record between the first and
/// the last count (compaction, aborted and control records).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lag {
    /// What can be read now; 0 where nothing but the marks of transactions or what aborted ones
    /// left is there.
    pub readable: i64,
    /// What cannot be read before an open transaction ends.
    pub hidden: i64,
}

impl Admin {
    /// What was not read yet of each partition that was read up to its offset (exclusive); in their
    /// order. Each partition may be named once.
    pub fn lags(&self, positions: &[(TopicPartition, i64)]) -> Result<Vec<Lag>, AdminError> {
        if positions.is_empty() {
            return Ok(Vec::new());
        }
        let partitions: Vec<_> = positions.iter().map(|(p, _)| p.clone()).collect();
        let ends = offsets_for(&self.client, &partitions, Offset::End)
            .and_then(|stable| Ok((stable, self.high_watermarks(&partitions)?)));
        let (stable, high) = ends.map_err(|e| self.explain_offsets(&partitions, e))?;
        let is_behind = |((_, next), stable): &(&(_, i64), &i64)| next < *stable;
        let behind = positions.iter().zip(&stable).filter(is_behind);
        let behind: Vec<_> = behind.map(|(position, _)| position.clone()).collect();
        let mut first = self.records_from(&behind)?.into_iter();
        let lags = positions.iter().zip(stable.iter().zip(&high));
        let lag = |(position, (stable, high)): (&(_, i64), (&i64, &i64))| {
            let next = position.1;
            let found = (next < *stable).then(|| first.next().flatten()).flatten();
            let from = found.and_then(|records| Some(records.first()?.offset));
            Lag {
                readable: from.map_or(0, |from| (stable - from).max(0)),
                hidden: (high - next.max(*stable)).max(0),
            }
        };
        Ok(lags.map(lag).collect())
    }

    /// Where each partition ends for those who read what is not committed, too.
    fn high_watermarks(&self, partitions: &[TopicPartition]) -> KafkaResult<Vec<i64>> {
        offsets_for(self.uncommitted()?, partitions, Offset::End)
    }

    fn uncommitted(&self) -> KafkaResult<&BaseConsumer<Reasons>> {
        if let Some(client) = self.uncommitted.get() {
            return Ok(client);
        }
        let mut config = self.config.clone();
        config.set("isolation.level", "read_uncommitted");
        let client = config.create_with_context(Reasons::default())?;
        Ok(self.uncommitted.get_or_init(|| client))
    }
}
