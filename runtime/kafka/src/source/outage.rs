//! Since when Kafka does not answer.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// Kafka does not answer, or refuses who we are.
#[derive(Clone, Debug)]
pub struct Outage {
    pub since: Instant,
    /// A sentence for a person.
    pub reason: String,
}

/// The outage that goes on, if any.
#[derive(Debug, Default)]
pub(crate) struct Outages(Mutex<Option<Outage>>);

impl Outages {
    /// An outage has begun, or goes on: then it keeps its beginning and has a newer reason.
    pub(crate) fn begin(&self, reason: &str) {
        let mut outage = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let begun = Instant::now();
        let since = outage.as_ref().map_or(begun, |outage| outage.since);
        let reason = reason.to_owned();
        *outage = Some(Outage { since, reason });
    }

    pub(crate) fn end(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    pub(crate) fn current(&self) -> Option<Outage> {
        let outage = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        outage.clone()
    }
}
