//! Events into a topic, as fast as the broker takes them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};
use rdkafka::util::Timeout;

use crate::client;
use crate::producer::dead_letters::{DELIVERY_TIMEOUT_MS, ProducerError};

/// Sends events as fast as the broker takes them; failures are counted and reported at the end.
pub struct EventProducer {
    topic: String,
    producer: BaseProducer<Deliveries>,
}

#[derive(Default)]
struct Deliveries {
    delivered: AtomicU64,
    failed: Mutex<Option<KafkaError>>,
}

impl ClientContext for Deliveries {
    fn log(&self, _level: RDKafkaLogLevel, facility: &str, message: &str) {
        tracing::debug!(target: "librdkafka", "{facility}: {message}");
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::warn!(%error, "{reason}");
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        match result {
            Ok(_) => {
                self.delivered.fetch_add(1, Ordering::Relaxed);
            }
            Err((error, _)) => {
                let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
                failed.get_or_insert_with(|| error.clone());
            }
        }
    }
}

impl EventProducer {
    /// A producer for one topic, which must exist. `message_max_bytes` bounds a single event.
    pub fn new(
        bootstrap: &str,
        properties: &BTreeMap<String, String>,
        topic: &str,
    ) -> Result<Self, ProducerError> {
        let producer = client::common(bootstrap, properties)?
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("delivery.timeout.ms", DELIVERY_TIMEOUT_MS)
            .set("partitioner", "murmur2_random")
            // Batches of some 1,000 events instead of 40: three times the rate.
            .set("linger.ms", "20")
            .set("message.max.bytes", "104857600")
            .set("batch.size", "900000")
            .create_with_context(Deliveries::default())
            .map_err(ProducerError::Client)?;
        Ok(Self {
            topic: topic.to_owned(),
            producer,
        })
    }

    /// Enqueues an event; blocks while the queue is full. Fails when an earlier one was not
    /// delivered.
    pub fn send(&self, key: Option<&[u8]>, value: Option<&[u8]>) -> Result<(), ProducerError> {
        let mut record: BaseRecord<'_, [u8], [u8]> = BaseRecord::to(&self.topic);
        record.key = key;
        record.payload = value;
        loop {
            match self.producer.send(record) {
                Ok(()) => break,
                Err((error, back)) => {
                    if error.rdkafka_error_code() != Some(Code::QueueFull) {
                        return Err(self.failed(error));
                    }
                    record = back;
                    self.producer.poll(Duration::from_millis(100));
                }
            }
        }
        self.producer.poll(Duration::ZERO);
        self.check()
    }

    /// Events that all replicas have.
    pub fn delivered(&self) -> u64 {
        self.producer.context().delivered.load(Ordering::Relaxed)
    }

    /// Waits until everything is delivered, and says how many events were.
    pub fn finish(self) -> Result<u64, ProducerError> {
        let flushed = self.producer.flush(Timeout::After(Duration::from_secs(60)));
        self.check()?;
        if flushed.is_err() {
            return Err(ProducerError::Undelivered {
                topic: self.topic.clone(),
                undelivered: self.producer.in_flight_count(),
            });
        }
        Ok(self.delivered())
    }

    fn check(&self) -> Result<(), ProducerError> {
        let failed = &self.producer.context().failed;
        let mut failed = failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed
            .take()
            .map_or(Ok(()), |error| Err(self.failed(error)))
    }

    fn failed(&self, source: KafkaError) -> ProducerError {
        let topic = self.topic.clone();
        ProducerError::Delivery { topic, source }
    }
}
