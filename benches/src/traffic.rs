//! The topic that all contenders read, and what the table must hold when they are done.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Result;
use gristmill::demo::generate::{Events, Recipe};
use gristmill_tests::job::RECORD_MAX_BYTES;
use gristmill_tests::kafka::Kafka;
use gristmill_tests::oracle::{self, Expected};
use gristmill_tests::process::wait_until;
use gristmill_tests::topic::{self, Message};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{ClientConfig, TopicPartitionList};
use serde_json::json;

pub(crate) const TOPIC: &str = "users_cdc";
pub(crate) const PARTITIONS: i32 = 2;
/// Above every made-up user: the last event of each partition is about one of these.
const LAST_USER: i64 = 2_000_000_000;

pub(crate) struct Traffic {
    /// Records in the topic.
    pub(crate) records: u64,
    /// The users whose rows say that a partition is done.
    pub(crate) last_users: Vec<i64>,
    pub(crate) expected: Expected,
}

impl Traffic {
    /// Made-up events, spread over the partitions by their user; the same every time.
    pub(crate) fn fill(kafka: &Kafka, events: u64, keys: u32) -> Result<Self> {
        kafka.create_topic(TOPIC, PARTITIONS, &[])?;
        let spec = Recipe {
            events,
            keys,
            seed: 7,
            late_percent: 10.0,
            bad_percent: 0.0,
        };
        let mut messages: Vec<Message> = Vec::with_capacity(events as usize);
        let mut next_offset = [0; PARTITIONS as usize];
        let mut add = |partition: i32, key: Vec<u8>, value: Vec<u8>| {
            let offset = &mut next_offset[partition as usize];
            messages.push(Message {
                partition,
                offset: *offset,
                key: Some(key),
                value: Some(value),
                ..Message::default()
            });
            *offset += 1;
        };
        for event in Events::new(spec) {
            let user: i64 = std::str::from_utf8(&event.key)?.parse()?;
            add(
                (user % i64::from(PARTITIONS)) as i32,
                event.key,
                event.value,
            );
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis() as i64;
        let last_users: Vec<i64> = (0..PARTITIONS).map(|p| LAST_USER + i64::from(p)).collect();
        for (partition, user) in last_users.iter().enumerate() {
            let after = json!({
                "user_id": user,
                "name": "Last",
                "email": "last@contoso.com",
                "country_code": "US",
            });
            let event = json!({"op": "c", "timestamp_ms": now, "after": after});
            add(
                partition as i32,
                user.to_string().into_bytes(),
                event.to_string().into_bytes(),
            );
        }
        topic::write(&kafka.bootstrap(), TOPIC, &messages)?;
        warm_up(kafka)?;
        Ok(Self {
            records: messages.len() as u64,
            last_users,
            expected: oracle::expected(&messages, now, RECORD_MAX_BYTES),
        })
    }
}

/// A broker takes seconds to make the topic of the groups' offsets, for the first group alone.
fn warm_up(kafka: &Kafka) -> Result<()> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", kafka.bootstrap())
        .set("group.id", "warm-up")
        .create()?;
    let mut asked = TopicPartitionList::new();
    asked.add_partition(TOPIC, 0);
    // Until the topic is there a broker may say that it coordinates nothing.
    wait_until(
        "the broker to know the groups' offsets",
        Duration::from_secs(60),
        || {
            let asked = consumer.committed_offsets(asked.clone(), Duration::from_secs(60));
            Ok(asked.is_ok())
        },
    )
}
