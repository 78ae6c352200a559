//! Topics, offsets and records, asked for by hand: at start-up, at a take, by `check` and `status`.
//! All but [`Admin::create_topic`] block.

pub(crate) mod admin_error;
pub mod lag;
mod lookup;
mod offsets;
mod range;
#[cfg(test)]
mod tests;
mod topic_settings;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode as Code};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use crate::TopicPartition;
pub use crate::admin::admin_error::AdminError;
use crate::admin::admin_error::{Reasons, explain};
use crate::client;
use crate::topic_id::{self, TopicId};

/// How long one answer is waited for. A broker that is up answers in milliseconds; one that is
/// started at the same moment needs a few seconds.
const TIMEOUT: Duration = Duration::from_secs(5);

/// How long a group's coordinator may take to load the group, and how often it is asked.
const COORDINATOR_TIMEOUT: Duration = Duration::from_secs(15);
const COORDINATOR_STEP: Duration = Duration::from_millis(200);

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
    /// Also sees what open transactions hide; made when it is first needed.
    uncommitted: OnceLock<BaseConsumer<Reasons>>,
}

/// What Kafka says about a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    /// The partitions' numbers in ascending order, normally 0 to n - 1.
    pub partitions: Vec<i32>,
}

impl Admin {
    /// Makes a client; nothing is connected yet.
    pub fn new(bootstrap: &str, properties: &BTreeMap<String, String>) -> Result<Self, AdminError> {
        let mut config = client::common(bootstrap, properties)?;
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
            uncommitted: OnceLock::new(),
        })
    }

    /// The names of all topics that may be seen, in one request.
    pub fn topics(&self) -> Result<BTreeSet<String>, AdminError> {
        let metadata = self
            .client
            .fetch_metadata(None, TIMEOUT)
            .map_err(|e| self.explain("list the topics", None, e))?;
        let there = metadata.topics().iter().filter(|t| t.error().is_none());
        Ok(there.map(|t| t.name().to_owned()).collect())
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
        Ok(Topic { partitions })
    }

    /// Kafka's ids of `topics`, each named once, in one request; in their order. `None`: there is
    /// no such topic, it may not be seen, or the broker is older than 2.8 and gives no ids.
    pub fn topic_ids(&self, topics: &[&str]) -> Result<Vec<Option<TopicId>>, AdminError> {
        topic_id::topic_ids(self.client.client(), topics, TIMEOUT).map_err(|e| {
            let what = format!("describe {}", topics.join(", "));
            self.explain(&what, None, e)
        })
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
        let reader = self.reader(group);
        let answered = reader.and_then(|reader| wait_for_group(&reader, &list));
        answered.map_err(|e| self.explain(&what, None, e))?;
        let topic: Arc<str> = topic.into();
        let partitions: Vec<_> = partitions
            .into_iter()
            .map(|number| TopicPartition::new(Arc::clone(&topic), number))
            .collect();
        let watermarks = self.watermarks(&partitions)?;
        let readable = partitions
            .into_iter()
            .zip(watermarks)
            .find(|(_, (low, high))| low < high);
        if let Some((partition, (low, _))) = readable {
            self.records_at(&[(partition, low)])?;
        }
        Ok(())
    }

    /// A consumer that subscribes to nothing and commits nothing, so that it never joins `group`.
    fn reader(&self, group: &str) -> KafkaResult<BaseConsumer<Reasons>> {
        self.reader_config(group)
            .create_with_context(Reasons::default())
    }

    fn reader_config(&self, group: &str) -> ClientConfig {
        let mut config = self.config.clone();
        config
            .set("group.id", group)
            .set("enable.auto.commit", "false")
            .set("auto.offset.reset", "error")
            .set("isolation.level", "read_committed")
            .set("enable.partition.eof", "true")
            .set("check.crcs", "true");
        config
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

/// Asks for the group's offsets in `list` until its coordinator answers. A broker that was just
/// started has yet to make the topic of all groups, and to load it.
fn wait_for_group(reader: &BaseConsumer<Reasons>, list: &TopicPartitionList) -> KafkaResult<()> {
    let deadline = Instant::now() + COORDINATOR_TIMEOUT;
    loop {
        let committed = reader.committed_offsets(list.clone(), TIMEOUT);
        let answered = committed.and_then(|c| c.elements().iter().try_for_each(|e| e.error()));
        match answered.as_ref().map_err(KafkaError::rdkafka_error_code) {
            Err(Some(
                Code::NotCoordinator
                | Code::CoordinatorNotAvailable
                | Code::CoordinatorLoadInProgress,
            )) if Instant::now() < deadline => std::thread::sleep(COORDINATOR_STEP),
            _ => return answered,
        }
    }
}

/// Lets `reader` read each partition from its offset on, and nothing else.
fn assign_at<'a>(
    reader: &BaseConsumer<Reasons>,
    from: impl IntoIterator<Item = &'a (TopicPartition, i64)>,
) -> KafkaResult<()> {
    let mut list = TopicPartitionList::new();
    for (TopicPartition { topic, partition }, offset) in from {
        list.add_partition_offset(topic, *partition, Offset::Offset(*offset))?;
    }
    reader.assign(&list)
}
