//! Topics, offsets and single records, asked for by hand: at start-up, at a take, by `check` and
//! `status`. All but [`Admin::create_topic`] block.

pub(crate) mod error;
mod range;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use gristmill_core::record::Records;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode as Code};
use rdkafka::message::Message;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use crate::TopicPartition;
pub use crate::admin::error::AdminError;
use crate::admin::error::{Reasons, explain};
use crate::client;
use crate::source::fault::is_refusal;
use crate::source::reading::push;

/// For one answer. A broker that is up answers in milliseconds; one that is started at the same
/// moment needs a few seconds.
const TIMEOUT: Duration = Duration::from_secs(5);

/// librdkafka does not fetch without a group id. Nothing subscribes with this one or commits, so
/// the group never comes to be.
const READER_GROUP: &str = "gristmill-read-at";
/// How long librdkafka's own words are collected after a call failed.
const COMPLAINT_TIMEOUT: Duration = Duration::from_millis(100);

/// Questions to a cluster. Connects when the first is asked.
pub struct Admin {
    bootstrap: String,
    config: ClientConfig,
    client: BaseConsumer<Reasons>,
}

/// What Kafka says about a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    /// In ascending order, normally 0 to n - 1.
    pub partitions: Vec<i32>,
    /// Kafka's own id, different after the topic was deleted and created again. `None` as long as
    /// librdkafka's safe interface does not give it: compare the last record instead
    /// ([`Admin::record_at`]).
    pub topic_id: Option<String>,
}

impl Admin {
    /// Makes a client; nothing is connected yet.
    pub fn new(bootstrap: &str, properties: &BTreeMap<String, String>) -> Result<Self, AdminError> {
        let mut config = client::client(bootstrap, properties)?;
        config.set("allow.auto.create.topics", "false");
        let client = config
            .create_with_context(Reasons::default())
            .map_err(|source| AdminError::Failed {
                what: "make a kafka client".to_owned(),
                reason: String::new(),
                source: Box::new(source),
            })?;
        Ok(Self {
            bootstrap: bootstrap.to_owned(),
            config,
            client,
        })
    }

    /// The topic's partitions.
    pub fn topic(&self, name: &str) -> Result<Topic, AdminError> {
        let what = || format!("describe topic `{name}`");
        let metadata = self
            .client
            .fetch_metadata(Some(name), TIMEOUT)
            .map_err(|e| self.explain(&what(), Some(name), e))?;
        let found = metadata.topics().iter().find(|t| t.name() == name);
        if let Some(code) = found.and_then(|t| t.error()) {
            return Err(self.explain(&what(), Some(name), KafkaError::MetadataFetch(code.into())));
        }
        let mut partitions: Vec<i32> = found
            .iter()
            .flat_map(|t| t.partitions())
            .map(|p| p.id())
            .collect();
        if partitions.is_empty() {
            let topic = name.to_owned();
            return Err(AdminError::UnknownTopic { topic });
        }
        partitions.sort_unstable();
        Ok(Topic {
            partitions,
            topic_id: None,
        })
    }

    /// The first offset that Kafka has, and the one after its last (exclusive).
    pub fn watermarks(&self, partition: &TopicPartition) -> Result<(i64, i64), AdminError> {
        self.client
            .fetch_watermarks(&partition.topic, partition.partition, TIMEOUT)
            .map_err(|e| {
                // A topic that may not be seen has no partitions here: its description says which
                // of the two it is.
                self.topic(&partition.topic).err().unwrap_or_else(|| {
                    let what = format!("read the offsets of {partition}");
                    self.explain(&what, Some(&partition.topic), e)
                })
            })
    }

    /// The offset of the first record whose timestamp is `timestamp_ms` or later; the end when
    /// there is none.
    pub fn offset_at(
        &self,
        partition: &TopicPartition,
        timestamp_ms: i64,
    ) -> Result<i64, AdminError> {
        let what = || format!("look for a timestamp in {partition}");
        let explain = |e| self.explain(&what(), Some(&partition.topic), e);
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(
            &partition.topic,
            partition.partition,
            Offset::Offset(timestamp_ms),
        )
        .map_err(explain)?;
        let answer = self
            .client
            .offsets_for_times(list, TIMEOUT)
            .map_err(explain)?;
        let elements = answer.elements();
        let element = elements.first();
        if let Some(error) = element.and_then(|e| e.error().err()) {
            return Err(explain(error));
        }
        match element.map(|e| e.offset()) {
            Some(Offset::Offset(offset)) if offset >= 0 => Ok(offset),
            _ => Ok(self.watermarks(partition)?.1),
        }
    }

    /// The record at exactly `offset`; `None` when Kafka does not have it (retention, compaction, a
    /// shorter topic of the same name).
    pub fn record_at(
        &self,
        partition: &TopicPartition,
        offset: i64,
    ) -> Result<Option<Records>, AdminError> {
        let what = format!("read {partition} at offset {offset}");
        let explain = |e| self.explain(&what, Some(&partition.topic), e);
        let (low, high) = self.watermarks(partition)?;
        if offset < low || offset >= high {
            return Ok(None);
        }
        let reader = self.reader_at(partition, offset).map_err(explain)?;
        let deadline = Instant::now() + TIMEOUT;
        while Instant::now() < deadline {
            match reader.poll(deadline - Instant::now()) {
                Some(Ok(message)) if message.offset() < offset => {}
                Some(Ok(message)) if message.offset() > offset => return Ok(None),
                Some(Ok(message)) => {
                    let mut records = Records::default();
                    push(&mut records, &message, partition);
                    return Ok(Some(records));
                }
                Some(Err(KafkaError::PartitionEOF(_))) => return Ok(None),
                Some(Err(e)) if e.rdkafka_error_code() == Some(Code::AutoOffsetReset) => {
                    return Ok(None);
                }
                Some(Err(e)) if is_refusal(e.rdkafka_error_code()) => return Err(explain(e)),
                Some(Err(_)) | None => {}
            }
        }
        Err(explain(KafkaError::MessageConsumption(
            Code::OperationTimedOut,
        )))
    }

    /// Whether the pipeline's user may use consumer group `group` and read `topic` (as far as there
    /// is a record to read).
    pub fn check_access(&self, group: &str, topic: &str) -> Result<(), AdminError> {
        let what = format!("use consumer group `{group}`");
        let partitions = self.topic(topic)?.partitions;
        let mut list = TopicPartitionList::new();
        for partition in &partitions {
            list.add_partition(topic, *partition);
        }
        let answered = self
            .reader(group)
            .and_then(|reader| reader.committed_offsets(list, TIMEOUT))
            .and_then(|committed| committed.elements().iter().try_for_each(|e| e.error()));
        answered.map_err(|e| self.explain(&what, None, e))?;
        for partition in partitions {
            let partition = TopicPartition::new(topic, partition);
            let (low, high) = self.watermarks(&partition)?;
            if low < high {
                self.record_at(&partition, low)?;
                break;
            }
        }
        Ok(())
    }

    /// A consumer that subscribes to nothing and commits nothing, so that it never joins `group`.
    fn reader(&self, group: &str) -> KafkaResult<BaseConsumer<Reasons>> {
        let mut config = self.config.clone();
        config
            .set("group.id", group)
            .set("enable.auto.commit", "false")
            .set("auto.offset.reset", "error")
            .set("isolation.level", "read_committed")
            .set("enable.partition.eof", "true")
            .set("check.crcs", "true");
        config.create_with_context(Reasons::default())
    }

    /// One that reads `partition` from `offset` on.
    pub(crate) fn reader_at(
        &self,
        partition: &TopicPartition,
        offset: i64,
    ) -> KafkaResult<BaseConsumer<Reasons>> {
        let reader = self.reader(READER_GROUP)?;
        let mut list = TopicPartitionList::new();
        let (topic, number) = (&partition.topic, partition.partition);
        list.add_partition_offset(topic, number, Offset::Offset(offset))?;
        reader.assign(&list)?;
        Ok(reader)
    }

    pub(crate) fn explain(
        &self,
        what: &str,
        topic: Option<&str>,
        source: KafkaError,
    ) -> AdminError {
        // The complaint waits in the client's queue, between lines of its log.
        let deadline = Instant::now() + COMPLAINT_TIMEOUT;
        while Instant::now() < deadline {
            self.client.poll(COMPLAINT_TIMEOUT / 10);
        }
        let complaint = self.client.context().latest();
        explain(&self.bootstrap, what, topic, complaint, source)
    }

    /// Creates a topic with the cluster's default replication and settings. One that exists already
    /// is fine.
    pub async fn create_topic(&self, name: &str, partitions: i32) -> Result<(), AdminError> {
        let what = format!("create topic `{name}`");
        let explain = |e| self.explain(&what, None, e);
        let admin: AdminClient<DefaultClientContext> = self.config.create().map_err(explain)?;
        // -1 asks for the broker's own default.
        let topic = NewTopic::new(name, partitions, TopicReplication::Fixed(-1));
        let options = AdminOptions::new()
            .request_timeout(Some(TIMEOUT))
            .operation_timeout(Some(TIMEOUT));
        let results = match admin.create_topics([&topic], &options).await {
            Ok(results) => results,
            Err(e) => {
                // That call only says that it took too long.
                let connected = self.client.fetch_metadata(None, TIMEOUT);
                return Err(explain(connected.err().unwrap_or(e)));
            }
        };
        match results.into_iter().next() {
            Some(Err((_, code))) if code != Code::TopicAlreadyExists => {
                Err(explain(KafkaError::MetadataFetch(code)))
            }
            _ => Ok(()),
        }
    }
}
