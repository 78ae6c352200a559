//! One thread, one librdkafka consumer, all partitions that the group gives this process.

use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;

use crate::TopicPartition;
use crate::admin::Admin;
use crate::client::{self, ReservedProperty, SourceConfig};
use crate::source::hint::Hints;
use crate::source::outage::{Outage, Outages};
use crate::source::polling::Polling;
use crate::source::rebalance::{Assignments, Context, FetchStart};
use crate::source::request::Request;
use crate::source::watch::{WatchedTopics, watch};

/// How long a stop waits for the thread. Closing takes some 100 ms when the brokers answer, after
/// the owner's own wait for flushes in flight (4 s at most); when they do not, nobody is helped by
/// waiting.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// A running consumer. Dropping it closes it without waiting.
#[derive(Debug)]
pub struct Source {
    requests: mpsc::Sender<Request>,
    hints: Arc<Hints>,
    outages: Arc<Outages>,
    topics: Arc<WatchedTopics>,
    thread: Mutex<Option<JoinHandle<()>>>,
    /// Dropped at the end, which ends the watch.
    _watched: mpsc::Sender<()>,
}

/// Why a source does not start.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    #[error(transparent)]
    Property(#[from] ReservedProperty),
    #[error("cannot make a kafka consumer")]
    Client(#[from] KafkaError),
    #[error("cannot start the consumer's thread")]
    Thread(#[from] std::io::Error),
}

impl Source {
    /// Joins the group. Asks `admin`, a client of the same cluster, every second whether the topics
    /// are still the same. Brokers that cannot be reached are no error here: see
    /// [`crate::source::SourceFault::Unreachable`].
    pub fn start<A>(config: &SourceConfig, admin: Arc<Admin>, owner: A) -> Result<Self, SourceError>
    where
        A: Assignments + Send + 'static,
    {
        let hints = Arc::new(Hints::default());
        let context = Context::new(owner, Arc::clone(&hints));
        let consumer: BaseConsumer<Context<A>> =
            client::for_source(config)?.create_with_context(context)?;
        let topics: Vec<&str> = config.topics.iter().map(String::as_str).collect();
        consumer.subscribe(&topics)?;
        let (requests, receiver) = mpsc::channel();
        let outages = Arc::new(Outages::default());
        let polling = Polling::new(
            consumer,
            Arc::clone(&admin),
            receiver,
            Arc::clone(&outages),
            config,
        );
        let thread = std::thread::Builder::new()
            .name("kafka-consumer".to_owned())
            .spawn(move || polling.run())?;
        let (watched, stopped) = mpsc::channel();
        let topics = Arc::new(WatchedTopics::new(config.topics.clone()));
        let (watched_topics, seen) = (Arc::clone(&topics), requests.clone());
        // Nobody waits for its end: it may wait for an answer.
        std::thread::Builder::new()
            .name("kafka-watch".to_owned())
            .spawn(move || watch(&admin, &watched_topics, &stopped, &seen))?;
        Ok(Self {
            requests,
            hints,
            outages,
            topics,
            _watched: watched,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Reads these topics from now on. The partitions of topics that it has read before, and that
    /// stay, are left alone.
    pub fn subscribe(&self, topics: Vec<String>) {
        self.topics.set(topics.clone());
        self.send(Request::Subscribe(topics));
    }

    /// Fetches `partition` again, into a new feed; the old feed ends. Ignored when the partition is
    /// no longer assigned (then the new feed ends at once).
    pub fn restart(&self, partition: TopicPartition, start: FetchStart) {
        self.send(Request::Restart(partition, start));
    }

    /// Stops fetching `partition`, which stays assigned. Its feed ends.
    pub fn halt(&self, partition: TopicPartition) {
        self.send(Request::Halt(partition));
    }

    /// Tells Kafka how far the checkpoint is, for lag tools; also from inside
    /// [`Assignments::revoked`]. Never read as truth; a failure is only logged.
    pub fn hint(&self, partition: TopicPartition, next_offset: i64) {
        self.hints.put(partition, next_offset);
    }

    /// Since when Kafka does not answer or refuses us, and why; `None` while it answers. Known
    /// within some 7 s also where a broker is frozen or its packets are dropped.
    pub fn outage(&self) -> Option<Outage> {
        self.outages.current()
    }

    /// Whether the thread has ended: after [`Source::stop`] or
    /// [`crate::source::SourceFault::Fatal`], or because its owner panicked.
    pub fn is_finished(&self) -> bool {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Gives the partitions up ([`Assignments::revoked`] is called) and closes within about 2 s,
    /// blocking. With an instance id the group keeps the place until the session times out;
    /// without one it is left at once. A second call does nothing.
    pub fn stop(&self) {
        self.end(Request::Stop);
    }

    /// As [`Source::stop`], but the place goes, so that the other members have the partitions at
    /// once. Where the brokers are in trouble the session times out instead.
    pub fn leave(&self) {
        self.end(Request::Leave);
    }

    fn end(&self, how: Request) {
        self.send(how);
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(thread) = thread.take() else {
            return;
        };
        let deadline = Instant::now() + STOP_TIMEOUT;
        while !thread.is_finished() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
        if thread.is_finished() {
            // A panic of the owner was reported where it happened.
            let _ = thread.join();
        } else {
            tracing::warn!(
                "the consumer did not close in time; the group will notice by its session timeout"
            );
        }
    }

    fn send(&self, request: Request) {
        // The thread ends only after a fatal fault, which the owner was told.
        let _ = self.requests.send(request);
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        self.send(Request::Stop);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use rdkafka::mocking::MockCluster;

    use super::*;
    use crate::producer::event_producer::EventProducer;
    use crate::source::{Intake, Position, SourceFault, feed};

    struct Owner(mpsc::Sender<Result<Intake, String>>);

    impl Assignments for Owner {
        fn assigned(&mut self, partitions: &[TopicPartition]) -> Vec<Position> {
            let start = |_: &TopicPartition| {
                let (feed, intake) = feed();
                let _ = self.0.send(Ok(intake));
                Position::Start(FetchStart {
                    next_offset: 1,
                    topic_id: None,
                    feed,
                })
            };
            partitions.iter().map(start).collect()
        }

        fn revoked(&mut self, partitions: &[TopicPartition]) {
            let _ = self.0.send(Err(format!("revoked {partitions:?}")));
        }

        fn lost(&mut self, partitions: &[TopicPartition]) {
            let _ = self.0.send(Err(format!("lost {partitions:?}")));
        }

        fn fault(&mut self, fault: SourceFault) {
            let _ = self.0.send(Err(fault.to_string()));
        }
    }

    /// The embedded broker of the demo: the same code as with a real one.
    #[test]
    fn a_static_member_reads_from_the_embedded_broker() {
        let broker = MockCluster::new(1).unwrap();
        broker.create_topic("t", 1, 1).unwrap();
        let bootstrap = broker.bootstrap_servers();
        let events = EventProducer::new(&bootstrap, &BTreeMap::new(), "t").unwrap();
        for value in [b"a", b"b", b"c"] {
            events.send(Some(b"k"), Some(value)).unwrap();
        }
        assert_eq!(events.finish().unwrap(), 3);
        let mut config = SourceConfig::new(&bootstrap, &["t"], "g");
        config.instance_id = Some("i".to_owned());
        let (sender, told) = mpsc::channel();
        let admin = Arc::new(Admin::new(&bootstrap, &BTreeMap::new()).unwrap());
        let source = Source::start(&config, admin, Owner(sender)).unwrap();
        let mut intake = told.recv_timeout(Duration::from_secs(30)).unwrap().unwrap();
        let mut offsets = Vec::new();
        while offsets.len() < 2 {
            let chunk = intake.blocking_recv().unwrap();
            offsets.extend(chunk.records.iter().map(|r| r.offset));
        }
        assert_eq!(offsets, [1, 2]);
        assert!(!source.is_finished());
        source.stop();
        assert!(source.is_finished());
        let revoked = told.recv().unwrap().unwrap_err();
        assert!(revoked.starts_with("revoked"), "{revoked}");
    }

    #[test]
    fn a_property_that_librdkafka_does_not_know_is_an_error_that_names_it() {
        let mut config = SourceConfig::new("127.0.0.1:1", &["t"], "g");
        config.properties = [("no.such.thing".to_owned(), "1".to_owned())].into();
        let admin = Arc::new(Admin::new("127.0.0.1:1", &BTreeMap::new()).unwrap());
        let error = Source::start(&config, admin, Owner(mpsc::channel().0)).unwrap_err();
        let said = error.to_string();
        assert!(said.contains("no.such.thing"), "{said}");
    }
}
