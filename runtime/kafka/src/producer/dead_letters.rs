//! Dead letters into their topic, in order and acknowledged by all replicas.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, ResourceSpecifier};
use rdkafka::client::{ClientContext, DefaultClientContext};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode as Code};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{DeliveryFuture, FutureProducer, FutureRecord};

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
/// The header of one that had to go without the record's own headers, too.
pub const HEADERS_OMITTED: &str = "gristmill-headers-omitted";
/// The header of one that had to go without its key, too.
pub const KEY_OMITTED: &str = "gristmill-key-omitted";

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
    /// The record's own headers.
    pub headers: Vec<(&'a str, Option<&'a [u8]>)>,
    /// What is said about it; goes out whatever else is left out.
    pub about: Vec<(&'a str, Option<&'a [u8]>)>,
    /// Milliseconds since the Unix epoch; `None`: now.
    pub timestamp_ms: Option<i64>,
}

/// Why a letter did not get into the topic.
#[derive(Debug, thiserror::Error)]
pub enum Undelivered {
    /// The topic takes no such letter, by itself: it is too large with nothing left to leave out,
    /// or has no key where the topic is compacted. Sending it again does not help.
    #[error("the topic takes no such record: {0}")]
    Refused(#[source] KafkaError),
    /// It may arrive when it is sent again.
    #[error(transparent)]
    Failed(KafkaError),
}

/// What of a letter goes out; each leaves out more than the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    All,
    WithoutValue,
    WithoutHeaders,
    WithoutKey,
}

impl Part {
    const EACH: [Self; 4] = [
        Self::All,
        Self::WithoutValue,
        Self::WithoutHeaders,
        Self::WithoutKey,
    ];

    /// The largest part of a letter that fits into `bytes`; the smallest where none does.
    fn that_fits(letter: &Letter<'_>, bytes: usize) -> Self {
        let fits = |part: &Self| part.bytes(letter) <= bytes;
        Self::EACH
            .into_iter()
            .find(fits)
            .unwrap_or(Self::WithoutKey)
    }

    fn smaller(self) -> Option<Self> {
        Self::EACH.into_iter().find(|part| *part > self)
    }

    fn has_value(self) -> bool {
        self < Self::WithoutValue
    }

    fn has_headers(self) -> bool {
        self < Self::WithoutHeaders
    }

    fn has_key(self) -> bool {
        self < Self::WithoutKey
    }

    fn bytes(self, letter: &Letter<'_>) -> usize {
        let len = |bytes: Option<&[u8]>| bytes.map_or(0, <[u8]>::len);
        let header = |(name, value): &(&str, Option<&[u8]>)| name.len() + len(*value) + 10;
        let mut bytes = RECORD_OVERHEAD_BYTES + letter.about.iter().map(header).sum::<usize>();
        if self.has_value() {
            bytes += len(letter.value);
        }
        if self.has_headers() {
            bytes += letter.headers.iter().map(header).sum::<usize>();
        }
        if self.has_key() {
            bytes += len(letter.key);
        }
        bytes
    }

    /// What is said about what was left out.
    fn omitted(self, letter: &Letter<'_>) -> Vec<(&'static str, String)> {
        let kept = "more than this topic takes; they are in the table gristmill.dead_letter";
        let bytes = |part: Option<&[u8]>| {
            let bytes = part.map_or(0, <[u8]>::len);
            format!("{bytes} bytes, {kept}")
        };
        let mut omitted = Vec::new();
        if !self.has_value() {
            omitted.push((VALUE_OMITTED, bytes(letter.value)));
        }
        if !self.has_headers() {
            let headers = letter.headers.len();
            omitted.push((HEADERS_OMITTED, format!("{headers} headers, {kept}")));
        }
        if !self.has_key() {
            omitted.push((KEY_OMITTED, bytes(letter.key)));
        }
        omitted
    }
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

    /// Sends `letters` in order and waits until all replicas have those that the topic takes, and
    /// says what became of each. After a failure send it and those after it again. A letter that is
    /// larger than the topic takes goes without its value, then without the record's headers, then
    /// without its key, and with headers that say so.
    pub async fn send(&self, letters: &[Letter<'_>]) -> Vec<Result<(), Undelivered>> {
        let mut sent = Vec::with_capacity(letters.len());
        for letter in letters {
            let part = Part::that_fits(letter, self.message_max_bytes);
            sent.push((letter, part, self.enqueue(letter, part).await));
        }
        let mut outcomes = Vec::with_capacity(letters.len());
        for (letter, part, enqueued) in sent {
            let (mut part, mut was_alone) = (part, false);
            let mut outcome = delivered(enqueued).await;
            // The limit was lowered since, or could not be read; or the letter shared a batch with
            // one that was refused.
            while let Err(error) = &outcome
                && let Some(next) = alone(error, part, was_alone)
            {
                (part, was_alone) = (next, true);
                outcome = delivered(self.enqueue(letter, part).await).await;
            }
            outcomes.push(outcome.map_err(|error| match is_refused(&error) {
                true => Undelivered::Refused(error),
                false => Undelivered::Failed(error),
            }));
        }
        outcomes
    }

    async fn enqueue(&self, letter: &Letter<'_>, part: Part) -> KafkaResult<DeliveryFuture> {
        let own = letter.headers.iter().filter(|_| part.has_headers());
        let omitted = part.omitted(letter);
        let mut headers = OwnedHeaders::new_with_capacity(letter.headers.len() + 16);
        for (key, value) in own.chain(&letter.about) {
            let value = *value;
            headers = headers.insert(Header { key, value });
        }
        for (key, text) in &omitted {
            let value = Some(text.as_bytes());
            headers = headers.insert(Header { key, value });
        }
        let mut record: FutureRecord<'_, [u8], [u8]> = FutureRecord::to(&self.topic);
        record.key = letter.key.filter(|_| part.has_key());
        record.payload = letter.value.filter(|_| part.has_value());
        record.timestamp = letter.timestamp_ms;
        record.headers = Some(headers);
        loop {
            match self.producer.send_result(record) {
                Ok(delivery) => return Ok(delivery),
                Err((error, back)) => {
                    if error.rdkafka_error_code() != Some(Code::QueueFull) {
                        return Err(error);
                    }
                    record = back;
                    // A full queue (100,000 messages) empties in tens of milliseconds.
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            }
        }
    }
}

async fn delivered(enqueued: KafkaResult<DeliveryFuture>) -> KafkaResult<()> {
    match enqueued?.await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err((error, _))) => Err(error),
        Err(_) => Err(KafkaError::Canceled),
    }
}

/// What of a letter to send by itself after `error`; `None`: that would not help.
fn alone(error: &KafkaError, part: Part, was_alone: bool) -> Option<Part> {
    match error.rdkafka_error_code()? {
        Code::MessageSizeTooLarge => part.smaller(),
        // A broker need not say which record of a batch it means.
        code if is_refusal(code) && !was_alone => Some(part),
        _ => None,
    }
}

/// Whether the topic takes no such record.
fn is_refused(error: &KafkaError) -> bool {
    error.rdkafka_error_code().is_some_and(is_refusal)
}

fn is_refusal(code: Code) -> bool {
    matches!(
        code,
        Code::MessageSizeTooLarge
            | Code::InvalidRecord
            | Code::InvalidDifferentRecord
            | Code::InvalidMessage
            | Code::InvalidTimestamp
    )
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
