//! Records out of Kafka: one thread polls, and feeds each partition's worker.
//!
//! - [`consumer`]: the thread and its handle; `polling`: its loop; `request`: what it is asked;
//! - `reading`: what it has read of each partition since it last handed something over;
//! - `headers`: a message's, whatever their names are;
//! - [`feed`]: the queue between it and a partition's worker;
//! - [`rebalance`]: what it asks its owner when partitions come and go, inside librdkafka's
//!   callback;
//! - [`SourceFault`]: what it cannot decide itself;
//! - [`membership`]: the id by which the group knows this process again after a crash;
//! - `watch`: whether the brokers answer, and whether the topics are still the same ones;
//! - [`Outage`]: since when they do not answer;
//! - `hint`: what it tells Kafka's lag tools.

pub mod consumer;
pub mod feed;
mod headers;
mod hint;
pub mod membership;
mod outage;
mod polling;
pub(crate) mod reading;
pub mod rebalance;
mod request;
pub(crate) mod source_fault;
mod watch;

pub use consumer::Source;
pub use feed::{Chunk, Feed, Intake, QueuedBytes, feed, resumes_below};
pub use outage::Outage;
pub use rebalance::{Assignments, FetchStart, Position};
pub use source_fault::SourceFault;
