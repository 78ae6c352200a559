//! What a case does to its topic.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::{Offset, TopicPartitionList};

use super::step::{Record, Step, Transaction};

/// For the broker's answer, on a machine whose cores are all busy.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Writes the step's records; `name` is the transactional id.
pub(super) fn write(bootstrap: &str, topic: &str, name: &str, step: &Step) -> Result<()> {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", bootstrap)
        .set("message.max.bytes", "20000000")
        // A partition that was added a moment ago is written to.
        .set("topic.metadata.refresh.interval.ms", "500");
    if step.transaction.is_some() {
        config.set("transactional.id", name);
    }
    let producer: BaseProducer = config.create()?;
    if step.transaction.is_some() {
        producer.init_transactions(TIMEOUT)?;
        producer.begin_transaction()?;
    }
    for record in &step.records {
        for count in 0..record.times.unwrap_or(1) {
            send(&producer, topic, record, &count.to_string())?;
        }
    }
    producer.flush(TIMEOUT)?;
    match step.transaction {
        Some(Transaction::Commit) => producer.commit_transaction(TIMEOUT)?,
        Some(Transaction::Abort) => producer.abort_transaction(TIMEOUT)?,
        Some(Transaction::Open) | None => {}
    }
    Ok(())
}

fn send(producer: &BaseProducer, topic: &str, record: &Record, count: &str) -> Result<()> {
    let counted = |text: &String| match record.times {
        Some(_) => text.replace("@I@", count).into_bytes(),
        None => text.clone().into_bytes(),
    };
    let value = match &record.hex {
        Some(hex) => Some(bytes(hex)?),
        None => record.value.as_ref().map(counted),
    };
    let key = record.key.as_ref().map(counted);
    let mut message = BaseRecord::<[u8], [u8]>::to(topic);
    message.key = key.as_deref();
    message.payload = value.as_deref();
    message.partition = record.partition;
    message.timestamp = record.timestamp;
    if !record.headers.is_empty() {
        let mut headers = OwnedHeaders::new();
        for (key, value) in &record.headers {
            let value = Some(value.as_str());
            headers = headers.insert(Header { key, value });
        }
        message.headers = Some(headers);
    }
    while let Err((error, again)) = producer.send(message) {
        if error.rdkafka_error_code() != Some(RDKafkaErrorCode::QueueFull) {
            return Err(error.into());
        }
        producer.poll(Duration::from_millis(10));
        message = again;
    }
    producer.poll(Duration::ZERO);
    Ok(())
}

fn bytes(hex: &str) -> Result<Vec<u8>> {
    ensure!(hex.len().is_multiple_of(2), "{hex} is no hex");
    let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16);
    let bytes: Result<_, _> = (0..hex.len()).step_by(2).map(byte).collect();
    bytes.with_context(|| format!("{hex} is no hex"))
}

/// Looks from outside at what of a topic is left to be read: records of transactions that are open
/// or were aborted do not count.
pub(super) struct Reader {
    consumer: BaseConsumer,
    topic: String,
}

impl Reader {
    pub(super) fn new(bootstrap: &str, topic: &str) -> Result<Self> {
        let consumer = ClientConfig::new()
            .set("bootstrap.servers", bootstrap)
            .set("group.id", "end")
            .set("isolation.level", "read_committed")
            .set("enable.auto.commit", "false")
            .set("enable.partition.eof", "true")
            .create()?;
        Ok(Self {
            consumer,
            topic: topic.to_owned(),
        })
    }

    pub(super) fn partitions(&self) -> Result<usize> {
        let metadata = self.consumer.fetch_metadata(Some(&self.topic), TIMEOUT)?;
        Ok(metadata.topics().iter().map(|t| t.partitions().len()).sum())
    }

    /// Whether a record that counts is at or after `next_offset`.
    pub(super) fn is_behind(&self, partition: i32, next_offset: i64) -> Result<bool> {
        let (low, end) = self
            .consumer
            .fetch_watermarks(&self.topic, partition, TIMEOUT)?;
        if next_offset >= end {
            return Ok(false);
        }
        let from = Offset::Offset(next_offset.max(low));
        let mut assignment = TopicPartitionList::new();
        assignment.add_partition_offset(&self.topic, partition, from)?;
        self.consumer.assign(&assignment)?;
        let found = self.consumer.poll(Duration::from_secs(5));
        Ok(matches!(found, Some(Ok(_))))
    }
}
