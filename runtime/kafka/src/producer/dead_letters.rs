//! Dead letters into their topic, in order and acknowledged by all replicas.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, ResourceSpecifier};
use rdkafka::client::{ClientContext, DefaultClientContext};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};

use crate::client::{self, ReservedProperty};

/// A batch that no broker takes for this long is given back to the caller, who tries again later.
pub(crate) const DELIVERY_TIMEOUT_MS: &str = "30000";
/// The broker's default for `max.message.bytes`, when the topic's own cannot be read.
const MESSAGE_MAX_BYTES: usize = 1_048_588;
/// A record batch's header (61 bytes), the record's own (under 40) and each of its headers'
/// lengths, rounded up.
const RECORD_OVERHEAD_BYTES: usize = 256;
/// How long the answer about the topic's settings is waited for.
const DESCRIBE_TIMEOUT: Duration = Duration::from_secs(5);
/// The header of a dead letter that had to go without its value.
pub const VALUE_OMITTED: &str = "gristmill-value-omitted";

/// Why messages did not get into a topic.
#[derive(Debug, thiserror::Error)]
pub enum ProducerError {
    #[error(transparent)]
    Property(#[from] ReservedProperty),
    #[error("cannot make a kafka producer")]
    Client(#[source] KafkaError),
    #[error("cannot deliver to topic `{topic}`")]
    Delivery { topic: String, source: KafkaError },
    #[error("{undelivered} messages to topic `{topic}` were not acknowledged in time")]
    Undelivered { topic: String, undelivered: i32 },
}

/// One dead letter as it goes out.
#[derive(Clone, Debug, Default)]
pub struct Letter<'a> {
    pub key: Option<&'a [u8]>,
    pub value: Option<&'a [u8]>,
    pub headers: Vec<(&'a str, Option<&'a [u8]>)>,
    /// Milliseconds since the Unix epoch; `None`: now.
    pub timestamp_ms: Option<i64>,
}

/// Sends dead letters to one topic: idempotent, all replicas, in order per key.
pub struct DeadLetterProducer {
    topic: String,
    message_max_bytes: usize,
    producer: FutureProducer<Quiet>,
}

#[derive(Clone)]
struct Quiet;

impl ClientContext for Quiet {
    fn log(&self, _level: RDKafkaLogLevel, facility: &str, message: &str) {
        tracing::debug!(target: "librdkafka", "{facility}: {message}");
    }

    /// What matters comes back with the delivery.
    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(target: "librdkafka", %error, "{reason}");
    }
}

impl DeadLetterProducer {
    /// Connects and asks the topic how large a message may be (where that is refused, the broker's
    /// default is assumed).
    pub async fn connect(
        bootstrap: &str,
        properties: &BTreeMap<String, String>,
        topic: &str,
    ) -> Result<Self, ProducerError> {
        let mut client = client::common(bootstrap, properties)?;
        let message_max_bytes = message_max_bytes(&client, topic).await;
        let producer = client
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("delivery.timeout.ms", DELIVERY_TIMEOUT_MS)
            // The same partition for a key as Java's producers choose.
            .set("partitioner", "murmur2_random")
            // Also bounds a batch of several, which the broker measures against the same limit.
            // librdkafka takes no less than 1,000.
            .set(
                "message.max.bytes",
                message_max_bytes.max(1_000).to_string(),
            )
            .create_with_context(Quiet)
            .map_err(ProducerError::Client)?;
        Ok(Self {
            topic: topic.to_owned(),
            message_max_bytes,
            producer,
        })
    }

    /// Sends `letters` in order and waits until all replicas have all of them. After an error some
    /// may have arrived: send the batch again. A letter that is larger than the topic takes
    /// goes without its value and with the header [`VALUE_OMITTED`].
    pub async fn send(&self, letters: &[Letter<'_>]) -> Result<(), ProducerError> {
        let mut deliveries = Vec::with_capacity(letters.len());
        for letter in letters {
            let fits = size(letter) <= self.message_max_bytes;
            deliveries.push((letter, fits, self.enqueue(letter, fits).await?));
        }
        for (letter, fits, delivery) in deliveries {
            let refused = match delivery.await {
                Ok(Ok(_)) => continue,
                Ok(Err((error, _))) => error,
                Err(_) => KafkaError::Canceled,
            };
            let too_large = refused.rdkafka_error_code() == Some(Code::MessageSizeTooLarge);
            if !(fits && too_large) {
                return Err(self.failed(refused));
            }
            // The limit was lowered since, or could not be read.
            match self.enqueue(letter, false).await?.await {
                Ok(Ok(_)) => {}
                Ok(Err((error, _))) => return Err(self.failed(error)),
                Err(_) => return Err(self.failed(KafkaError::Canceled)),
            }
        }
        Ok(())
    }

    async fn enqueue(
        &self,
        letter: &Letter<'_>,
        with_value: bool,
    ) -> Result<rdkafka::producer::DeliveryFuture, ProducerError> {
        let mut headers = OwnedHeaders::new_with_capacity(letter.headers.len() + 1);
        for (key, value) in &letter.headers {
            let value = *value;
            headers = headers.insert(Header { key, value });
        }
        let omitted;
        if !with_value {
            omitted = format!(
                "{} bytes, more than this topic takes; they are in the table gristmill.dead_letter",
                letter.value.map_or(0, <[u8]>::len)
            );
            let value = Some(omitted.as_bytes());
            let key = VALUE_OMITTED;
            headers = headers.insert(Header { key, value });
        }
        let mut record: FutureRecord<'_, [u8], [u8]> = FutureRecord::to(&self.topic);
        record.key = letter.key;
        record.payload = letter.value.filter(|_| with_value);
        record.timestamp = letter.timestamp_ms;
        record.headers = Some(headers);
        loop {
            match self.producer.send_result(record) {
                Ok(delivery) => return Ok(delivery),
                Err((error, back)) => {
                    if error.rdkafka_error_code() != Some(Code::QueueFull) {
                        return Err(self.failed(error));
                    }
                    record = back;
                    // A full queue (100,000 messages) empties in tens of milliseconds.
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            }
        }
    }

    fn failed(&self, source: KafkaError) -> ProducerError {
        let topic = self.topic.clone();
        ProducerError::Delivery { topic, source }
    }
}

fn size(letter: &Letter<'_>) -> usize {
    let headers: usize = letter
        .headers
        .iter()
        .map(|(name, value)| name.len() + value.map_or(0, <[u8]>::len) + 10)
        .sum();
    let key = letter.key.map_or(0, <[u8]>::len);
    key + letter.value.map_or(0, <[u8]>::len) + headers + RECORD_OVERHEAD_BYTES
}

/// The topic's `max.message.bytes`.
async fn message_max_bytes(client: &ClientConfig, topic: &str) -> usize {
    let described = async {
        let admin: AdminClient<DefaultClientContext> = client.create().ok()?;
        let options = AdminOptions::new().request_timeout(Some(DESCRIBE_TIMEOUT));
        let topics = [ResourceSpecifier::Topic(topic)];
        let results = admin.describe_configs(&topics, &options).await.ok()?;
        let described = results.into_iter().next()?.ok()?;
        described
            .get("max.message.bytes")?
            .value
            .as_ref()?
            .parse()
            .ok()
    };
    described.await.unwrap_or(MESSAGE_MAX_BYTES)
}
