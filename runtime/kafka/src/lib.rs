//! Everything that speaks to Kafka; rdkafka is used nowhere else.
//!
//! - [`TopicPartition`]: what everything here is about;
//! - [`TopicId`]: which of several topics of one name it is;
//! - [`client`]: the properties that each client gets;
//! - [`source`]: one thread that belongs to the consumer group and hands over records, a partition
//!   at a time;
//! - [`producer`]: dead letters on their way into a topic, and events for `produce`;
//! - [`admin`]: topics, offsets and records, asked for by hand;
//! - [`embedded`]: a broker inside the process, for the demo.

pub mod admin;
pub mod client;
pub mod embedded;
pub mod producer;
pub mod source;
mod topic_id;
mod topic_partition;

pub use topic_id::TopicId;
pub use topic_partition::TopicPartition;
