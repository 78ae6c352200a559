//! How much of a partition was not read yet.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rdkafka::Offset;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode as Code};

use super::admin_error::Reasons;
use super::offsets::{ask_each, each_offset_for};
use super::{Admin, AdminError, TIMEOUT};
use crate::TopicPartition;

/// How long one broker may take to say where its partitions end: whoever looks at a pipeline in
/// trouble has no time, and those of the other brokers are waited for as long.
const ENDS_WAIT: Duration = Duration::from_secs(2);

/// How exactly the time of a record that may not be read is looked for, and how often at most: a
/// year is halved into half a second by 26 questions.
const TIME_STEP_MS: i64 = 500;
const TIME_QUESTIONS_MAX: usize = 26;

/// How far a partition was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LagRequest {
    pub partition: TopicPartition,
    /// The offset behind the last record that was read.
    pub next_offset: i64,
    /// Whether the next record may be fetched, to find out whether there is one: not where the
    /// partition may stand still because of that record.
    pub may_read: bool,
    /// Kafka's time of the last record that was read, milliseconds: behind it the time of one that
    /// may not be read is looked for.
    pub after_ms: Option<i64>,
}

/// What Kafka has of a partition behind an offset. Offsets without a record between the first and
/// the last count (compaction, aborted and control records).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lag {
    /// What can be read now; 0 where nothing but the marks of transactions or what aborted ones
    /// left is there, as far as records may be read.
    pub readable: i64,
    /// What cannot be read before an open transaction ends.
    pub hidden: i64,
    /// The offset behind the last record that can be read.
    pub end: i64,
    /// Kafka's time of the first record that waits, milliseconds; nearly so where it may not be
    /// read. `None`: none waits, or its time is not known.
    pub first_at_ms: Option<i64>,
}

impl Lag {
    /// For how many milliseconds the first record has waited at `now_ms`; 0 where none waits that
    /// can be read. `None`: not known.
    pub fn behind_ms(&self, now_ms: i64) -> Option<i64> {
        match self.readable {
            0 => Some(0),
            _ => Some((now_ms - self.first_at_ms?).max(0)),
        }
    }
}

/// What is known of one partition; the error may be that of several.
pub type KnownLag = Result<Lag, Arc<AdminError>>;

impl Admin {
    /// What was not read yet of each partition, in their order. Each may be named once. An inner
    /// error is that of the partition, or of its broker: the others are answered all the same.
    pub fn lags(&self, positions: &[LagRequest]) -> Result<Vec<KnownLag>, AdminError> {
        let leaders = self.leaders(positions)?;
        let mut brokers: BTreeMap<i32, Vec<usize>> = BTreeMap::new();
        let mut lags: Vec<Option<KnownLag>> = vec![None; positions.len()];
        for (place, position) in positions.iter().enumerate() {
            match leaders.get(&position.partition) {
                Some(leader) => brokers.entry(*leader).or_default().push(place),
                None => lags[place] = Some(Err(leaderless(position))),
            }
        }
        std::thread::scope(|scope| {
            let mut asked = Vec::new();
            for places in brokers.into_values() {
                let of_broker: Vec<_> = places.iter().map(|&place| &positions[place]).collect();
                let answers = scope.spawn(move || self.lags_of_broker(&of_broker));
                asked.push((places, answers));
            }
            for (places, answers) in asked {
                for (place, lag) in places.into_iter().zip(answers.join().unwrap_or_default()) {
                    lags[place] = Some(lag);
                }
            }
        });
        let lags = lags.into_iter().zip(positions);
        let lags = lags.map(|(lag, position)| lag.unwrap_or_else(|| Err(leaderless(position))));
        Ok(lags.collect())
    }

    /// The brokers that lead the partitions. Those without one are left out.
    fn leaders(
        &self,
        positions: &[LagRequest],
    ) -> Result<HashMap<TopicPartition, i32>, AdminError> {
        let topics: BTreeSet<_> = positions.iter().map(|p| &p.partition.topic).collect();
        let mut leaders = HashMap::new();
        for topic in topics {
            let failed = |e| self.explain(&format!("describe topic `{topic}`"), Some(topic), e);
            let metadata = self.client.fetch_metadata(Some(topic), TIMEOUT);
            let metadata = metadata.map_err(failed)?;
            if let Some(code) = metadata.topics().iter().find_map(|t| t.error()) {
                return Err(failed(KafkaError::MetadataFetch(code.into())));
            }
            let partitions = metadata.topics().iter().flat_map(|t| t.partitions());
            for partition in partitions.filter(|p| p.leader() >= 0) {
                let name = TopicPartition::new(Arc::clone(topic), partition.id());
                leaders.insert(name, partition.leader());
            }
        }
        Ok(leaders)
    }

    /// The lags of partitions that one broker leads.
    fn lags_of_broker(&self, positions: &[&LagRequest]) -> Vec<KnownLag> {
        let partitions: Vec<_> = positions.iter().map(|p| p.partition.clone()).collect();
        let ends = |client: &BaseConsumer<Reasons>| {
            each_offset_for(client, &partitions, Offset::End, ENDS_WAIT)
        };
        // The high watermarks first: what is written meanwhile is not taken for hidden.
        let high = self.uncommitted().and_then(ends);
        let ends = high.and_then(|high| Ok((high, ends(&self.client)?)));
        let (high, stable) = match ends {
            Ok(ends) => ends,
            Err(error) => return self.all_unknown(positions, error),
        };
        let behind = positions.iter().zip(&stable).filter(|(position, stable)| {
            let is_behind = |stable: &i64| position.next_offset < *stable;
            position.may_read && stable.as_ref().is_ok_and(is_behind)
        });
        let behind = behind.map(|(p, _)| (p.partition.clone(), p.next_offset));
        let behind: Vec<_> = behind.collect();
        let mut first = match self.records_from(&behind) {
            Ok(first) => first.into_iter(),
            Err(error) => {
                let error = Arc::new(error);
                return positions.iter().map(|_| Err(Arc::clone(&error))).collect();
            }
        };
        let times = self.times_behind(positions, &stable);
        let ends = positions
            .iter()
            .zip(stable.into_iter().zip(high))
            .zip(times);
        type End = KafkaResult<i64>;
        type Known<'a> = ((&'a &'a LagRequest, (End, End)), Option<i64>);
        let lag = |((position, (stable, high)), time): Known<'_>| {
            let lag = stable.and_then(|stable| {
                let next = position.next_offset;
                let from = match position.may_read && next < stable {
                    true => first.next().transpose()?.flatten(),
                    false => None,
                };
                let from = from.and_then(|records| {
                    let first = records.first()?;
                    Some((first.offset, first.timestamp_ms))
                });
                let (from, at_ms) = match from {
                    Some((offset, at_ms)) => (Some(offset), at_ms),
                    None => ((!position.may_read).then_some(next), time),
                };
                Ok(Lag {
                    readable: from.map_or(0, |from| (stable - from).max(0)),
                    hidden: (high? - next.max(stable)).max(0),
                    end: stable,
                    first_at_ms: at_ms,
                })
            });
            lag.map_err(|error| self.unknown(position, error))
        };
        ends.map(lag).collect()
    }

    /// The time of the first record that waits of each partition whose records may not be read,
    /// as far as it is known: the broker says at which offset a time begins, so it is halved in
    /// between. Where times ascend, what is answered is no earlier than the record's, but for half
    /// a second, and later by a 64th of its age at most.
    fn times_behind(
        &self,
        positions: &[&LagRequest],
        stable: &[KafkaResult<i64>],
    ) -> Vec<Option<i64>> {
        let now_ms = now_ms();
        let between = positions.iter().zip(stable).map(|(position, stable)| {
            let waits = stable.as_ref().is_ok_and(|end| position.next_offset < *end);
            let after_ms = position.after_ms.filter(|_| waits && !position.may_read)?;
            Some((after_ms.min(now_ms), now_ms))
        });
        let mut between: Vec<Option<(i64, i64)>> = between.collect();
        let is_wide = |(from, to): &(i64, i64)| to - from > ((now_ms - to) / 64).max(TIME_STEP_MS);
        for _ in 0..TIME_QUESTIONS_MAX {
            let open = between.iter().enumerate();
            let open = open.filter_map(|(at, b)| Some((at, b.filter(is_wide)?)));
            let open: Vec<_> = open
                .map(|(at, (from, to))| (at, from + (to - from) / 2))
                .collect();
            if open.is_empty() {
                break;
            }
            let wanted = open
                .iter()
                .map(|&(at, ms)| (&positions[at].partition, Offset::Offset(ms)));
            let wanted: Vec<_> = wanted.collect();
            let Ok(answers) = ask_each(&self.client, &wanted, ENDS_WAIT) else {
                return vec![None; positions.len()];
            };
            for ((at, ms), answer) in open.into_iter().zip(answers) {
                let is_later = match answer {
                    Ok(Offset::Offset(offset)) => offset > positions[at].next_offset,
                    // No record is as young.
                    Ok(_) => true,
                    Err(_) => {
                        between[at] = None;
                        continue;
                    }
                };
                if let Some((from, to)) = &mut between[at] {
                    *if is_later { to } else { from } = ms;
                }
            }
        }
        // So close to now that the last record's own time says it.
        let time = |(from, to): (i64, i64)| if to == now_ms { from } else { to };
        between.into_iter().map(|b| b.map(time)).collect()
    }

    fn all_unknown(&self, positions: &[&LagRequest], error: KafkaError) -> Vec<KnownLag> {
        let Some(first) = positions.first() else {
            return Vec::new();
        };
        let error = self.unknown(first, error);
        positions.iter().map(|_| Err(Arc::clone(&error))).collect()
    }

    fn unknown(&self, position: &LagRequest, error: KafkaError) -> Arc<AdminError> {
        let partition = &position.partition;
        let what = format!("read {partition} from offset {}", position.next_offset);
        Arc::new(self.explain(&what, Some(&partition.topic), error))
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

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    })
}

fn leaderless(position: &LagRequest) -> Arc<AdminError> {
    let source = KafkaError::MetadataFetch(Code::LeaderNotAvailable);
    Arc::new(AdminError::Failed {
        what: format!("read {}", position.partition),
        reason: ": it has no leader, or is not there".to_owned(),
        source: Box::new(source),
    })
}
