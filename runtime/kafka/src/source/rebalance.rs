//! Partitions come and go: what the owner is asked, and librdkafka's callback around it.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{Offset, TopicPartitionList};

use crate::source::feed::Feed;
use crate::source::hint::Hints;
use crate::source::source_fault::SourceFault;
use crate::{TopicId, TopicPartition};

/// The owner of a source. Everything here is called on the consumer's thread; the first three
/// inside a rebalance, which waits for them: together they must take less than `max.poll.interval.
/// ms` (5 minutes), and the group waits as long.
pub trait Assignments {
    /// These partitions now belong to this process. Answers where each is to start, in the same
    /// order; a partition without an answer is `Paused`.
    fn assigned(&mut self, partitions: &[TopicPartition]) -> Vec<Position>;

    /// These partitions go to another member as soon as this returns (or the source stops). Wait
    /// briefly for flushes in flight; nothing more is fed, and the feeds end after this.
    fn revoked(&mut self, partitions: &[TopicPartition]);

    /// These partitions went to another member already, or may have: nothing to wait for.
    fn lost(&mut self, partitions: &[TopicPartition]);

    /// See [`SourceFault`]. Outside of a rebalance; should return at once.
    fn fault(&mut self, fault: SourceFault);
}

/// The start of an assigned partition.
#[derive(Debug)]
pub enum Position {
    Start(FetchStart),
    /// Keep it without fetching it (halted, or its checkpoint cannot be had at the moment), until
    /// [`crate::source::Source::restart`].
    Paused,
}

/// How a partition is fetched.
#[derive(Debug)]
pub struct FetchStart {
    pub next_offset: i64,
    /// The topic whose offset that is. When another one of its name is seen, the partition is no
    /// longer fetched. `None`: not known, and not looked at.
    pub topic_id: Option<TopicId>,
    /// Where its records go.
    pub feed: Feed,
}

/// A change of what is fetched, for the consumer's loop to follow.
pub(crate) enum FetchChange {
    Start(TopicPartition, FetchStart),
    Stop(TopicPartition),
}

/// What the callbacks share with the consumer's loop. Both run on the same thread; the lock is
/// there because librdkafka's interface asks for it.
pub(crate) struct Context<A> {
    pub(crate) hints: Arc<Hints>,
    state: Mutex<AssignmentState<A>>,
}

pub(crate) struct AssignmentState<A> {
    pub(crate) owner: A,
    /// What the group gave this process.
    pub(crate) assigned: BTreeSet<TopicPartition>,
    /// The part of it that librdkafka was told to fetch.
    pub(crate) fetching: BTreeSet<TopicPartition>,
    pub(crate) changes: Vec<FetchChange>,
    /// librdkafka's text for the error that the poll in progress will return.
    pub(crate) reason: String,
}

impl<A: Assignments> Context<A> {
    pub(crate) fn new(owner: A, hints: Arc<Hints>) -> Self {
        Self {
            hints,
            state: Mutex::new(AssignmentState {
                owner,
                assigned: BTreeSet::new(),
                fetching: BTreeSet::new(),
                changes: Vec::new(),
                reason: String::new(),
            }),
        }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, AssignmentState<A>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<A: Assignments> AssignmentState<A> {
    /// Fetches `partition`; it must be assigned and not fetched.
    pub(crate) fn start<C: ConsumerContext>(
        &mut self,
        consumer: &BaseConsumer<C>,
        partition: TopicPartition,
        start: FetchStart,
    ) -> KafkaResult<()> {
        self.start_all(consumer, vec![(partition, start)])
    }

    fn start_all<C: ConsumerContext>(
        &mut self,
        consumer: &BaseConsumer<C>,
        starts: Vec<(TopicPartition, FetchStart)>,
    ) -> KafkaResult<()> {
        let mut list = TopicPartitionList::new();
        for (p, FetchStart { next_offset, .. }) in &starts {
            list.add_partition_offset(&p.topic, p.partition, Offset::Offset(*next_offset))?;
        }
        consumer.incremental_assign(&list)?;
        // librdkafka remembers a pause beyond the assignment that it was made in.
        consumer.resume(&list)?;
        for (partition, start) in starts {
            self.fetching.insert(partition.clone());
            self.changes.push(FetchChange::Start(partition, start));
        }
        Ok(())
    }

    /// Stops fetching those of `partitions` that are fetched. What librdkafka has read of them and
    /// not delivered is dropped.
    pub(crate) fn stop<C: ConsumerContext>(
        &mut self,
        consumer: &BaseConsumer<C>,
        partitions: &[TopicPartition],
    ) -> KafkaResult<()> {
        let mut list = TopicPartitionList::new();
        for p in partitions {
            if self.fetching.remove(p) {
                list.add_partition(&p.topic, p.partition);
                self.changes.push(FetchChange::Stop(p.clone()));
            }
        }
        // Also when it is empty: inside a rebalance this call is the answer that the group waits
        // for.
        consumer.incremental_unassign(&list)
    }

    fn assign<C: ConsumerContext>(
        &mut self,
        consumer: &BaseConsumer<C>,
        partitions: Vec<TopicPartition>,
    ) {
        tracing::info!(partitions = %names(&partitions), "partitions assigned");
        let positions = self.owner.assigned(&partitions);
        self.assigned.extend(partitions.iter().cloned());
        let mut starts = Vec::new();
        for (partition, position) in partitions.into_iter().zip(positions) {
            if let Position::Start(start) = position {
                starts.push((partition, start));
            }
        }
        if let Err(error) = self.start_all(consumer, starts) {
            tracing::error!(%error, "cannot fetch the assigned partitions");
        }
    }

    fn revoke<C: ConsumerContext>(
        &mut self,
        consumer: &BaseConsumer<C>,
        hints: &Hints,
        partitions: Vec<TopicPartition>,
    ) {
        if consumer.assignment_lost() {
            tracing::warn!(
                partitions = %names(&partitions),
                "partitions lost: the group went on without this process"
            );
            self.owner.lost(&partitions);
        } else {
            tracing::info!(partitions = %names(&partitions), "partitions revoked");
            self.owner.revoked(&partitions);
            // What the last flush reached; afterwards the group no longer takes it from this
            // process.
            hints.commit(consumer, &self.assigned);
        }
        for partition in &partitions {
            self.assigned.remove(partition);
        }
        if let Err(error) = self.stop(consumer, &partitions) {
            tracing::error!(%error, "cannot give up the revoked partitions");
        }
    }
}

impl<A: Assignments + Send + 'static> ClientContext for Context<A> {
    /// librdkafka logs every attempt to reconnect; what matters arrives as an error, once.
    fn log(&self, _level: RDKafkaLogLevel, facility: &str, message: &str) {
        tracing::debug!(target: "librdkafka", "{facility}: {message}");
    }

    fn error(&self, _error: KafkaError, reason: &str) {
        let mut state = self.state();
        state.reason.clear();
        state.reason.push_str(reason);
    }
}

impl<A: Assignments + Send + 'static> ConsumerContext for Context<A> {
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        kind: RDKafkaRespErr,
        list: &mut TopicPartitionList,
    ) {
        // Plain copies: a list of librdkafka's that outlives the callback keeps the consumer from
        // closing.
        let partitions = list
            .elements()
            .iter()
            .map(|e| TopicPartition::new(e.topic(), e.partition()))
            .collect();
        let mut state = self.state();
        if kind == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            state.assign(consumer, partitions);
        } else {
            state.revoke(consumer, &self.hints, partitions);
        }
    }

    fn commit_callback(&self, result: KafkaResult<()>, _offsets: &TopicPartitionList) {
        if let Err(error) = result {
            tracing::debug!(%error, "kafka did not take the offset hint");
        }
    }
}

fn names(partitions: &[TopicPartition]) -> String {
    let names: Vec<_> = partitions.iter().map(ToString::to_string).collect();
    names.join(", ")
}
