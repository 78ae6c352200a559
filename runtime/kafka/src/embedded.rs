//! A broker inside this process, for the demo: librdkafka's mock cluster. It keeps 5 MiB a
//! partition in memory, speaks no admin protocol, and holds a new group back for 3 s.

use rdkafka::error::KafkaError;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;

use crate::topic_id;

/// A broker that ends when it is dropped.
pub struct EmbeddedBroker(MockCluster<'static, DefaultProducerContext>);

impl EmbeddedBroker {
    /// Starts one broker on a free port of 127.0.0.1 with these topics, each with its number of
    /// partitions.
    pub fn start(topics: &[(&str, i32)]) -> Result<Self, KafkaError> {
        topic_id::broker_is_embedded();
        let cluster = MockCluster::new(1)?;
        for (name, partitions) in topics {
            cluster.create_topic(name, *partitions, 1)?;
        }
        Ok(Self(cluster))
    }

    /// The broker's address for clients.
    pub fn bootstrap(&self) -> String {
        self.0.bootstrap_servers()
    }
}
