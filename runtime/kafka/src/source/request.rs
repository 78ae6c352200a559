//! What the consumer's loop is asked and told.

use std::sync::Arc;

use crate::source::rebalance::FetchStart;
use crate::{TopicId, TopicPartition};

/// What the owner and the watch want of the loop, in order.
#[derive(Debug)]
pub(crate) enum Request {
    Restart(TopicPartition, FetchStart),
    Halt(TopicPartition),
    /// Read these topics from now on.
    Subscribe(Vec<String>),
    Seen(Seen),
    /// End, and keep the place in the group.
    Stop,
    /// End, and give the place up.
    Leave,
}

/// What a question found.
#[derive(Debug)]
pub(crate) enum Seen {
    /// The id of each topic that has one.
    Topics(Vec<(Arc<str>, TopicId)>),
    /// No answer came.
    Silence(String),
    /// The brokers refuse who we are.
    Refusal(String),
}
