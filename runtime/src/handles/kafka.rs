//! Where records come from.

use std::sync::Arc;

use gristmill_kafka::TopicPartition;
use gristmill_kafka::admin::Admin;
use gristmill_kafka::source::{FetchStart, Outage, Source};
use tokio::sync::SetOnce;

/// The consumer of one pipeline file, and questions to the cluster that it reads from.
pub struct Kafka {
    pub admin: Arc<Admin>,
    /// Set once the consumer runs: its first partitions are assigned before the call that starts
    /// it has returned.
    source: SetOnce<Source>,
}

impl Kafka {
    pub fn new(admin: Arc<Admin>) -> Self {
        Self {
            admin,
            source: SetOnce::new(),
        }
    }

    /// Hands over the consumer that runs. It can be set once.
    pub fn set(&self, source: Source) {
        let _ = self.source.set(source);
    }

    /// The consumer, as soon as it runs.
    pub async fn source(&self) -> &Source {
        self.source.wait().await
    }

    /// Reads these topics from now on, where the consumer runs.
    pub fn subscribe(&self, topics: Vec<String>) {
        if let Some(source) = self.source.get() {
            source.subscribe(topics);
        }
    }

    /// Tells Kafka's lag tools how far a partition has committed.
    pub fn hint(&self, partition: &TopicPartition, next_offset: i64) {
        if let Some(source) = self.source.get() {
            source.hint(partition.clone(), next_offset);
        }
    }

    /// Fetches `partition` again, as `start` says.
    pub async fn restart(&self, partition: &TopicPartition, start: FetchStart) {
        self.source().await.restart(partition.clone(), start);
    }

    /// Whether the consumer has ended for good.
    pub fn has_ended(&self) -> bool {
        self.source.get().is_some_and(Source::is_finished)
    }

    /// Since when Kafka does not answer, and why; `None` while it does.
    pub fn outage(&self) -> Option<Outage> {
        self.source.get()?.outage()
    }

    /// Leaves `partition` assigned and no longer fetches it.
    pub async fn halt(&self, partition: &TopicPartition) {
        self.source().await.halt(partition.clone());
    }

    /// Ends the consumer. Blocks until it has closed, for some seconds at most. `leaves`: others
    /// are to have its partitions at once; else its place in the group is kept for a while.
    pub fn stop(&self, leaves: bool) {
        match self.source.get() {
            Some(source) if leaves => source.leave(),
            Some(source) => source.stop(),
            None => {}
        }
    }
}
