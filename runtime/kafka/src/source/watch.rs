//! A question a second: whether the brokers answer, and which topics they mean.
//!
//! It is asked from a thread and by a client of its own. On the consumer's connections it would
//! wait behind fetches, which a broker holds back until there is something to read.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::admin::{Admin, AdminError};
use crate::source::request::{Request, Seen};

/// Between an answer and the next question: a topic that was created again is found within two
/// seconds, and a broker answers the question from memory.
const ASK_EVERY: Duration = Duration::from_secs(1);

/// The topics that are read.
#[derive(Debug)]
pub(crate) struct WatchedTopics(Mutex<Vec<Arc<str>>>);

impl WatchedTopics {
    pub(crate) fn new(topics: Vec<String>) -> Self {
        Self(Mutex::new(topics.into_iter().map(Arc::from).collect()))
    }

    pub(crate) fn set(&self, topics: Vec<String>) {
        let mut current = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *current = topics.into_iter().map(Arc::from).collect();
    }

    fn current(&self) -> Vec<Arc<str>> {
        let current = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        current.clone()
    }
}

/// Asks until the other end of `stopped` is dropped.
pub(crate) fn watch(
    admin: &Admin,
    topics: &WatchedTopics,
    stopped: &Receiver<()>,
    requests: &Sender<Request>,
) {
    while stopped.recv_timeout(ASK_EVERY) == Err(RecvTimeoutError::Timeout) {
        let known = topics.current();
        let names: Vec<&str> = known.iter().map(|topic| &**topic).collect();
        let seen = match admin.topic_ids(&names) {
            Ok(ids) => {
                let topics = known.iter().cloned().zip(ids);
                Seen::Topics(topics.filter_map(|(t, id)| Some((t, id?))).collect())
            }
            Err(error @ AdminError::Unauthorized { .. }) => Seen::Refusal(error.to_string()),
            Err(error) => Seen::Silence(error.to_string()),
        };
        if requests.send(Request::Seen(seen)).is_err() {
            return;
        }
    }
}
