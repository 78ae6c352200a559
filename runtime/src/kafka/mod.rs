//! Everything that speaks to Kafka; rdkafka is used nowhere else.
//!
//! - [`consumer`]: one thread that belongs to the consumer group and hands over records, a partition at a time, through a [`feed`];
//! - `polling`: its loop; `reading`: what it has read of each partition since it last handed something over; `hint`: what it tells Kafka's lag tools;
//! - [`rebalance`]: what it asks its owner when partitions come and go, inside librdkafka's callback;
//! - [`fault`]: what it cannot decide itself;
//! - [`instance`]: the id by which the group knows this process again after a crash;
//! - [`admin`]: topics, offsets and single records, asked for by hand; `range`: all records between two offsets;
//! - [`producer`]: dead letters on their way into a topic; [`events`]: events, for `produce`.

pub mod admin;
mod admin_error;
pub mod config;
pub mod consumer;
pub mod embedded;
pub mod events;
pub mod fault;
pub mod feed;
mod hint;
pub mod instance;
mod polling;
pub mod producer;
mod range;
mod reading;
pub mod rebalance;

use std::fmt;
use std::sync::Arc;

pub use config::SourceConfig;
pub use consumer::Source;
pub use fault::SourceFault;
pub(crate) use feed::resumes_below;
pub use feed::{Chunk, Feed, Held, Intake, feed};
pub use rebalance::{Assignments, Position};

/// One partition of one topic. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicPartition {
    pub topic: Arc<str>,
    pub partition: i32,
}

impl TopicPartition {
    pub fn new(topic: impl Into<Arc<str>>, partition: i32) -> Self {
        Self {
            topic: topic.into(),
            partition,
        }
    }
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}]", self.topic, self.partition)
    }
}
