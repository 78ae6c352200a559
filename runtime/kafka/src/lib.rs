//! Everything that speaks to Kafka; rdkafka is used nowhere else.
//!
//! - [`source`]: one thread that belongs to the consumer group and hands over records, a partition
//!   at a time;
//! - [`admin`]: topics, offsets and single records, asked for by hand;
//! - [`producer`]: dead letters on their way into a topic, and events for `produce`;
//! - [`client`]: the properties that each client gets;
//! - [`embedded`]: a broker inside the process, for the demo.

pub mod admin;
pub mod client;
pub mod embedded;
pub mod producer;
pub mod source;
mod topic_partition;

pub use topic_partition::TopicPartition;
