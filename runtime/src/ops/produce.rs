//! Events into a topic.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::Result;
use gristmill_kafka::admin::Admin;
use gristmill_kafka::producer::event_producer::EventProducer;
use serde::Serialize;

/// An event's key, which not every event has, and its value.
pub type Message = (Option<Vec<u8>>, Vec<u8>);

/// Where events go, and how fast.
#[derive(Clone, Debug)]
pub struct Destination {
    pub bootstrap: String,
    /// Further properties of librdkafka.
    pub properties: BTreeMap<String, String>,
    /// It must exist.
    pub topic: String,
    /// Waits this long after each event.
    pub delay: Duration,
}

/// What was sent.
#[derive(Clone, Debug, Serialize)]
pub struct Sent {
    pub topic: String,
    pub events: u64,
    /// Bytes of all values together.
    pub bytes: usize,
    pub seconds: f64,
}

/// Sends the events and waits until Kafka has them. `sent_one` is called after each. Blocks:
/// librdkafka's producer does when its queue is full.
pub fn send(
    destination: &Destination,
    events: impl Iterator<Item = Message>,
    mut sent_one: impl FnMut(),
) -> Result<Sent> {
    let Destination {
        bootstrap,
        properties,
        topic,
        delay,
    } = destination;
    Admin::new(bootstrap, properties)?.topic(topic)?;
    let producer = EventProducer::new(bootstrap, properties, topic)?;
    let started = Instant::now();
    let mut bytes = 0;
    for (key, value) in events {
        producer.send(key.as_deref(), Some(&value))?;
        bytes += value.len();
        sent_one();
        if !delay.is_zero() {
            std::thread::sleep(*delay);
        }
    }
    Ok(Sent {
        topic: topic.clone(),
        events: producer.finish()?,
        bytes,
        seconds: started.elapsed().as_secs_f64(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_reach_the_client() {
        let destination = Destination {
            bootstrap: "127.0.0.1:1".to_owned(),
            properties: [("acks".to_owned(), "1".to_owned())].into(),
            topic: "t".to_owned(),
            delay: Duration::ZERO,
        };
        let error = send(&destination, std::iter::empty(), || {}).unwrap_err();
        assert!(error.to_string().contains("`acks`"), "{error}");
    }
}
