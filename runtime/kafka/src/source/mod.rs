//! Records out of Kafka: one thread polls, and feeds each partition's worker.
//!
//! - [`consumer`]: the thread and its handle; `polling`: its loop;
//! - `reading`: what it has read of each partition since it last handed something over;
//! - [`feed`]: the queue between it and a partition's worker;
//! - [`rebalance`]: what it asks its owner when partitions come and go, inside librdkafka's
//!   callback;
//! - [`fault`]: what it cannot decide itself;
//! - [`membership`]: the id by which the group knows this process again after a crash;
//! - `hint`: what it tells Kafka's lag tools.

pub mod consumer;
pub mod fault;
pub mod feed;
mod hint;
pub mod membership;
mod polling;
pub(crate) mod reading;
pub mod rebalance;

pub use consumer::Source;
pub use fault::SourceFault;
pub use feed::{Chunk, Feed, Held, Intake, feed, resumes_below};
pub use rebalance::{Assignments, Position};
