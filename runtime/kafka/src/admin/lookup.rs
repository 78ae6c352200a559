//! Single records, at known offsets and behind them.

use std::collections::{BTreeMap, HashMap};
use std::time::Instant;

use gristmill_core::record::Records;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode as Code};
use rdkafka::message::Message;
use rdkafka::{Offset, TopicPartitionList};

use super::admin_error::Reasons;
use super::offsets::offsets_for;
use super::{Admin, AdminError, READER_GROUP, TIMEOUT, assign_at};
use crate::TopicPartition;
use crate::source::reading::push;
use crate::source::source_fault::{Kind, is_refusal, kind};

/// What is asked, and what is answered so far.
struct Question<'a> {
    wanted: &'a [(TopicPartition, i64)],
    which: Which,
    answers: Vec<KafkaResult<Option<Records>>>,
}

/// Which record of a partition is wanted.
#[derive(Clone, Copy, PartialEq)]
enum Which {
    /// The one at the offset.
    At,
    /// The first one from the offset on.
    From,
}

/// Of a larger record the beginning is copied: what is looked for is its offset and its hash.
const COPY_MAX_BYTES: usize = 1 << 20;

/// Partitions that are looked at for damage at a time, each by a client of its own.
const PROBES: usize = 8;

/// The partitions of one topic that have no answer yet, each with its place in the question.
type Waiting = HashMap<i32, usize>;

impl Admin {
    /// Reads one record a partition, at exactly the given offset. Answers in the order of `wanted`;
    /// `None` when Kafka does not have the record (retention, compaction, a shorter topic of the
    /// same name). One client reads them all. Each partition may be named once.
    pub fn records_at(
        &self,
        wanted: &[(TopicPartition, i64)],
    ) -> Result<Vec<Option<Records>>, AdminError> {
        let answers = self.look_up(wanted, Which::At)?.into_iter().zip(wanted);
        let answers = answers.map(|(answer, (partition, offset))| {
            let what = || format!("read {partition} at offset {offset}");
            answer.map_err(|e| self.explain(&what(), Some(&partition.topic), e))
        });
        answers.collect()
    }

    /// Reads one record a partition as [`Admin::records_at`] does: the first that may be read from
    /// the offset on. `None` when there is none: what lies behind it are the marks of transactions,
    /// or what aborted ones left. An inner error is that of the partition alone.
    pub(super) fn records_from(
        &self,
        wanted: &[(TopicPartition, i64)],
    ) -> Result<Vec<KafkaResult<Option<Records>>>, AdminError> {
        self.look_up(wanted, Which::From)
    }

    /// Those of `positions` whose next record cannot be read: it is damaged, or larger when it is
    /// inflated than librdkafka allows. One that is not answered for counts, too.
    pub(crate) fn damaged(&self, positions: &[(TopicPartition, i64)]) -> Vec<TopicPartition> {
        let is_damaged = |position| {
            let answers = self.records_from(std::slice::from_ref(position));
            answers.map_or(true, |answers| answers.iter().any(Result::is_err))
        };
        let mut damaged = Vec::new();
        for some in positions.chunks(PROBES) {
            std::thread::scope(|scope| {
                let probe = |position| (position, scope.spawn(move || is_damaged(position)));
                let probes: Vec<_> = some.iter().map(probe).collect();
                for ((partition, _), probe) in probes {
                    if probe.join().unwrap_or(true) {
                        damaged.push(partition.clone());
                    }
                }
            });
        }
        damaged
    }

    fn look_up(
        &self,
        wanted: &[(TopicPartition, i64)],
        which: Which,
    ) -> Result<Vec<KafkaResult<Option<Records>>>, AdminError> {
        let mut topics: BTreeMap<&str, Waiting> = BTreeMap::new();
        for (place, (TopicPartition { topic, partition }, offset)) in wanted.iter().enumerate() {
            // librdkafka takes a negative offset for a name, as of the end.
            if *offset >= 0 {
                topics.entry(topic).or_default().insert(*partition, place);
            }
        }
        let mut question = Question {
            wanted,
            which,
            answers: wanted.iter().map(|_| Ok(None)).collect(),
        };
        let Some((topic, _)) = topics.first_key_value() else {
            return Ok(question.answers);
        };
        let mut config = self.reader_config(READER_GROUP);
        // One record a partition: the 100,000 that librdkafka would fetch ahead are thrown away.
        config.set("queued.min.messages", "1");
        let reader = config
            .create_with_context(Reasons::default())
            .map_err(|e| self.explain(&format!("read {topic}"), Some(topic), e))?;
        // A partition's end comes with the partition's number alone: one topic at a time.
        for mut waiting in topics.into_values() {
            if let Err(error) = self.read_waiting(&reader, &mut question, &mut waiting) {
                for place in waiting.into_values() {
                    question.answers[place] = Err(error.clone());
                }
            }
        }
        Ok(question.answers)
    }

    /// An error concerns those that still wait.
    fn read_waiting(
        &self,
        reader: &BaseConsumer<Reasons>,
        question: &mut Question<'_>,
        waiting: &mut Waiting,
    ) -> KafkaResult<()> {
        let Question {
            wanted,
            which,
            answers,
        } = question;
        assign_at(reader, waiting.values().map(|&place| &wanted[place]))?;
        let mut deadline = Instant::now() + TIMEOUT;
        while !waiting.is_empty() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(KafkaError::MessageConsumption(Code::OperationTimedOut));
            }
            match reader.poll(left) {
                Some(Ok(message)) => {
                    let Some(&place) = waiting.get(&message.partition()) else {
                        continue;
                    };
                    let (partition, offset) = &wanted[place];
                    if message.offset() < *offset {
                        continue;
                    }
                    if message.offset() == *offset || *which == Which::From {
                        let mut records = Records::default();
                        push(&mut records, &message, COPY_MAX_BYTES, None);
                        answers[place] = Ok(Some(records));
                    }
                    waiting.remove(&message.partition());
                    // Else it is fetched again and again while others are waited for.
                    let mut answered = TopicPartitionList::new();
                    answered.add_partition(&partition.topic, partition.partition);
                    reader.pause(&answered)?;
                    deadline = Instant::now() + TIMEOUT;
                }
                Some(Err(KafkaError::PartitionEOF(number))) => {
                    waiting.remove(&number);
                }
                Some(Err(e)) if e.rdkafka_error_code() == Some(Code::AutoOffsetReset) => {
                    self.drop_gone(wanted, waiting)?;
                }
                Some(Err(e)) if is_refusal(e.rdkafka_error_code()) => return Err(e),
                // Of several it is not known whose it is; librdkafka goes on behind it.
                Some(Err(e)) if kind(&e) == Kind::Damaged && waiting.len() == 1 => return Err(e),
                Some(Err(_)) | None => {}
            }
        }
        Ok(())
    }

    /// Answers `None` for the offsets that retention took since the watermarks were asked for:
    /// librdkafka does not say which partition's offset is not to be had.
    fn drop_gone(
        &self,
        wanted: &[(TopicPartition, i64)],
        waiting: &mut Waiting,
    ) -> KafkaResult<()> {
        let asked: Vec<_> = waiting.iter().map(|(&n, &place)| (n, place)).collect();
        let partitions: Vec<_> = asked.iter().map(|&(_, at)| wanted[at].0.clone()).collect();
        let low = offsets_for(&self.client, &partitions, Offset::Beginning)?;
        let high = offsets_for(&self.client, &partitions, Offset::End)?;
        let watermarks = low.into_iter().zip(high);
        for ((number, place), (low, high)) in asked.into_iter().zip(watermarks) {
            if !(low..high).contains(&wanted[place].1) {
                waiting.remove(&number);
            }
        }
        Ok(())
    }
}
