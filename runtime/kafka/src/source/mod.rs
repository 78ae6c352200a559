//! Records out of Kafka: one thread polls, and feeds each partition's worker.
//!
//! - [`consumer`]: the thread and its handle; `polling`: its loop;
//! - `reading`: what it has read of each partition since it last handed something over;
//! - [`feed`]: the queue between it and a partition's worker;
//! - [`rebalance`]: what it asks its owner when partitions come and go, inside librdkafka's
//!   callback;
//! - [`SourceFault`]: what it cannot decide itself;
//! - [`membership`]: the id by which the group knows this process again after a crash;
//! - `hint`: what it tells Kafka's lag tools.

pub mod consumer;
pub mod feed;
mod hint;
pub mod membership;
mod polling;
pub(crate) mod reading;
pub mod rebalance;
pub(crate) mod source_fault;

pub use consumer::Source;
pub use feed::{Chunk, Feed, Intake, QueuedBytes, feed, resumes_below};
pub use rebalance::{Assignments, Position};
pub use source_fault::SourceFault;
