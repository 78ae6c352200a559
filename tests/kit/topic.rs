//! What is really in a topic, read and written without the product.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Header, Headers, Message as _, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

/// For all of a topic to arrive: 100,000 small records take a second on a quiet machine.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A record of a topic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    pub partition: i32,
    pub offset: i64,
    /// Kafka's timestamp, milliseconds since the Unix epoch.
    pub timestamp_ms: Option<i64>,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

impl Message {
    /// A record with this value and neither key nor headers.
    pub fn new(partition: i32, value: impl Into<Vec<u8>>) -> Self {
        Self {
            partition,
            value: Some(value.into()),
            ..Self::default()
        }
    }

    /// The last header called `name`, as text.
    pub fn header(&self, name: &str) -> Option<String> {
        let (_, value) = self.headers.iter().rev().find(|(n, _)| n == name)?;
        Some(String::from_utf8_lossy(value.as_deref()?).into_owned())
    }
}

/// The offset behind the last record of each partition.
pub fn ends(bootstrap: &str, topic: &str) -> Result<Vec<i64>> {
    let consumer = reader(bootstrap)?;
    let partitions = partitions(&consumer, topic)?.into_iter();
    partitions
        .map(|p| Ok(consumer.fetch_watermarks(topic, p, TIMEOUT)?.1))
        .collect()
}

/// Everything that is in `topic` now, by partition and offset.
pub fn read(bootstrap: &str, topic: &str) -> Result<Vec<Message>> {
    let consumer = reader(bootstrap)?;
    let mut assignment = TopicPartitionList::new();
    let mut left = 0;
    for partition in partitions(&consumer, topic)? {
        let (low, high) = consumer.fetch_watermarks(topic, partition, TIMEOUT)?;
        if low < high {
            assignment.add_partition_offset(topic, partition, Offset::Offset(low))?;
            left += high - low;
        }
    }
    consumer.assign(&assignment)?;
    let mut messages = Vec::new();
    let deadline = Instant::now() + TIMEOUT;
    // Every offset below the high watermark is a record: nothing in the tests uses transactions or
    // compaction.
    while (messages.len() as i64) < left {
        if Instant::now() > deadline {
            bail!(
                "{} of {left} records of {topic} after {TIMEOUT:?}",
                messages.len()
            );
        }
        if let Some(message) = consumer.poll(Duration::from_millis(100)) {
            let message = message.with_context(|| format!("cannot read {topic}"))?;
            let headers = message.headers().map(|h| {
                h.iter()
                    .map(|h| (h.key.to_owned(), h.value.map(<[u8]>::to_vec)))
                    .collect()
            });
            messages.push(Message {
                partition: message.partition(),
                offset: message.offset(),
                timestamp_ms: message.timestamp().to_millis(),
                key: message.key().map(<[u8]>::to_vec),
                value: message.payload().map(<[u8]>::to_vec),
                headers: headers.unwrap_or_default(),
            });
        }
    }
    messages.sort_by_key(|m| (m.partition, m.offset));
    Ok(messages)
}

fn reader(bootstrap: &str) -> Result<BaseConsumer> {
    Ok(ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .set("group.id", "reader")
        .set("enable.auto.commit", "false")
        .create()?)
}

fn partitions(consumer: &BaseConsumer, topic: &str) -> Result<Vec<i32>> {
    let metadata = consumer.fetch_metadata(Some(topic), TIMEOUT)?;
    Ok(metadata
        .topics()
        .iter()
        .flat_map(|t| t.partitions())
        .map(|p| p.id())
        .collect())
}

/// Appends `messages` to `topic`, each to its partition, in order; the broker gives them their
/// offsets.
pub fn write(bootstrap: &str, topic: &str, messages: &[Message]) -> Result<()> {
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .set("enable.idempotence", "true")
        .set("queue.buffering.max.messages", "1000000")
        .create()?;
    for message in messages {
        let mut record = BaseRecord::<[u8], [u8]>::to(topic).partition(message.partition);
        record.key = message.key.as_deref();
        record.payload = message.value.as_deref();
        record.timestamp = message.timestamp_ms;
        if !message.headers.is_empty() {
            let add = |headers: OwnedHeaders, (key, value): &(String, Option<Vec<u8>>)| {
                headers.insert(Header {
                    key,
                    value: value.as_deref(),
                })
            };
            record.headers = Some(message.headers.iter().fold(OwnedHeaders::new(), add));
        }
        while let Err((error, again)) = producer.send(record) {
            if error.rdkafka_error_code() != Some(RDKafkaErrorCode::QueueFull) {
                return Err(error.into());
            }
            producer.poll(Duration::from_millis(10));
            record = again;
        }
    }
    producer
        .flush(TIMEOUT)
        .with_context(|| format!("cannot write to {topic}"))
}
