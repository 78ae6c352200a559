//! The consumer's loop: poll, hand over, hold back, follow what the owner and the group want.

use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;

use crate::admin::Admin;
use crate::client::SourceConfig;
use crate::source::outage::Outages;
use crate::source::reading::{Full, OfAnother, Pushed, QueueBound, Reading, Readings};
use crate::source::rebalance::{Assignments, Context, FetchChange, FetchStart};
use crate::source::request::{Request, Seen};
use crate::source::source_fault::{Kind, SourceFault, kind};
use crate::{TopicId, TopicPartition};

/// How long an idle consumer sleeps before it looks at its requests: what a restart or a resume
/// costs at most.
const IDLE_POLL: Duration = Duration::from_millis(20);
/// After records came: when for so long no more do, waiting would not fill the batch. Kafka itself
/// says that a partition's end is reached only when a fetch has waited for `fetch.wait.max.ms`
/// (500) in vain, or a record of another partition ends it. A broker in the same data centre
/// answers within a millisecond.
const MORE_POLL: Duration = Duration::from_millis(2);
/// Between two offset hints, as Kafka's own clients commit. A broker answers a connection's
/// requests one by one, so a commit that it is slow with (4.1.0 forgets one in thousands until
/// another group writes) holds the heartbeats back until the group gives this member up.
const HINT_EVERY: Duration = Duration::from_secs(5);
/// How long a full partition is waited for before it is paused: a worker that keeps up with a busy
/// Postgres makes room within milliseconds.
const HOLD_MAX: Duration = Duration::from_millis(200);
const HOLD_STEP: Duration = Duration::from_millis(1);
/// Records taken before requests and back-pressure are looked at again: 2-3 ms at the consumer's
/// full speed.
const PASS_RECORDS: usize = 4_096;
/// How long the group is waited for to take the partitions back, and then for librdkafka to say
/// that this member leaves, which takes milliseconds.
const LEAVE_MAX: Duration = Duration::from_secs(4);
const LEFT_WITHIN: Duration = Duration::from_millis(200);

/// The consumer and what it is reading.
pub(crate) struct Polling<A: Assignments + Send + 'static> {
    consumer: BaseConsumer<Context<A>>,
    admin: Arc<Admin>,
    requests: mpsc::Receiver<Request>,
    readings: Readings,
    trouble: Trouble,
    outages: Arc<Outages>,
    /// What was last wrong with a connection: says more than that all of them are down.
    connection: String,
    hinted: Instant,
    /// Whether the place in the group goes at the end.
    leaves: bool,
}

/// What was reported and still holds, so that it is reported once.
#[derive(Clone, Copy, Default, PartialEq)]
enum Trouble {
    #[default]
    None,
    /// What is subscribed to is not there.
    Missing,
    Unreachable,
    /// Outranks the others: a broker that refuses also closes the connection.
    Refused,
}

/// Whether the loop goes on.
#[derive(PartialEq)]
enum Flow {
    Continue,
    /// Records may wait still.
    More,
    Stop,
}

impl<A: Assignments + Send + 'static> Polling<A> {
    pub(crate) fn new(
        consumer: BaseConsumer<Context<A>>,
        admin: Arc<Admin>,
        requests: mpsc::Receiver<Request>,
        outages: Arc<Outages>,
        config: &SourceConfig,
    ) -> Self {
        Self {
            consumer,
            admin,
            outages,
            requests,
            readings: Readings::new(
                QueueBound {
                    bytes: config.queued_max_bytes,
                    records: config.queued_max_records,
                },
                config.record_max_bytes,
            ),
            trouble: Trouble::None,
            connection: String::new(),
            hinted: Instant::now(),
            leaves: false,
        }
    }

    pub(crate) fn run(mut self) {
        while self.follow_requests() == Flow::Continue {
            let flow = self.pass();
            if flow == Flow::Stop {
                break;
            }
            self.readings.deliver_all(flow == Flow::More);
            self.apply_back_pressure();
            self.hint();
        }
        if self.leaves && self.trouble == Trouble::None {
            self.leave();
        }
        // Dropping the consumer first closes it, which calls the owner's `revoked`; only then the
        // feeds end.
    }

    /// Gives the place in the group up. A member with an id of its own keeps it when it closes, but
    /// not when it wants no topic any more.
    fn leave(&self) {
        self.consumer.unsubscribe();
        let poll_until = |end: Instant, is_done: &dyn Fn() -> bool| {
            while Instant::now() < end && !is_done() {
                // Calls the owner's `revoked`. Records that still come are nobody's.
                let _ = self.consumer.poll(IDLE_POLL);
            }
        };
        let are_revoked = || self.consumer.context().state().assigned.is_empty();
        poll_until(Instant::now() + LEAVE_MAX, &are_revoked);
        poll_until(Instant::now() + LEFT_WITHIN, &|| false);
    }

    fn hint(&mut self) {
        let context = self.consumer.context();
        if self.hinted.elapsed() > HINT_EVERY && !context.hints.is_empty() {
            let state = context.state();
            context.hints.commit(&self.consumer, &state.assigned);
            self.hinted = Instant::now();
        }
    }

    /// Polls until nothing waits, or enough is taken: [`PASS_RECORDS`], or what fills a queue.
    fn pass(&mut self) -> Flow {
        let may_be_more = self.readings.may_be_more();
        let mut timeout = if may_be_more { MORE_POLL } else { IDLE_POLL };
        let (mut answered, mut flow) = (false, Flow::More);
        for taken in 0..PASS_RECORDS {
            let polled = self.consumer.poll(timeout);
            timeout = Duration::ZERO;
            let error = match polled {
                Some(Ok(message)) => {
                    answered = true;
                    match self.readings.push(&message) {
                        // Nobody reads what waits: no batch waits for it either.
                        Pushed::ChunkLeft if self.readings.is_full() => {
                            flow = Flow::Continue;
                            break;
                        }
                        _ => continue,
                    }
                }
                Some(Err(error)) => error,
                None => {
                    if taken == 0 && may_be_more {
                        self.readings.set_all_caught_up();
                    }
                    self.follow_changes();
                    flow = Flow::Continue;
                    break;
                }
            };
            if self.follow_error(&error) == Flow::Stop {
                return Flow::Stop;
            }
        }
        if answered {
            self.set_reachable();
        }
        flow
    }

    /// Takes over what a rebalance or a restart changed.
    fn follow_changes(&mut self) {
        let mut state = self.consumer.context().state();
        for change in state.changes.drain(..) {
            match change {
                FetchChange::Start(partition, start) => {
                    self.readings.add(Reading::new(partition, start));
                }
                FetchChange::Stop(partition) => self.readings.remove(&partition),
            }
        }
    }

    fn follow_requests(&mut self) -> Flow {
        loop {
            match self.requests.try_recv() {
                Ok(Request::Restart(partition, start)) => self.restart(partition, start),
                Ok(Request::Halt(partition)) => self.stop_fetching(&[partition]),
                Ok(Request::Subscribe(topics)) => self.subscribe(&topics),
                Ok(Request::Seen(seen)) => self.follow_watch(seen),
                Ok(Request::Leave) => {
                    self.leaves = true;
                    return Flow::Stop;
                }
                Ok(Request::Stop) | Err(mpsc::TryRecvError::Disconnected) => return Flow::Stop,
                Err(mpsc::TryRecvError::Empty) => return Flow::Continue,
            }
        }
    }

    /// Partitions of topics that stay are left alone: the group's protocol is cooperative.
    fn subscribe(&mut self, topics: &[String]) {
        let topics: Vec<&str> = topics.iter().map(String::as_str).collect();
        if let Err(error) = self.consumer.subscribe(&topics) {
            tracing::error!(%error, "cannot subscribe to {}", topics.join(", "));
        }
    }

    fn restart(&mut self, partition: TopicPartition, start: FetchStart) {
        self.stop_fetching(std::slice::from_ref(&partition));
        let mut state = self.consumer.context().state();
        if !state.assigned.contains(&partition) {
            return;
        }
        let name = partition.to_string();
        let started = state.start(&self.consumer, partition, start);
        drop(state);
        if let Err(error) = started {
            tracing::error!(partition = name, %error, "cannot fetch the partition again");
        }
        self.follow_changes();
    }

    fn follow_watch(&mut self, seen: Seen) {
        match seen {
            Seen::Silence(reason) => self.set_unreachable(&reason),
            Seen::Refusal(reason) => self.set_refused(reason),
            Seen::Topics(topics) => {
                // Whom the brokers refuse the group, they may still tell of topics.
                if self.trouble == Trouble::Unreachable {
                    self.set_reachable();
                }
                for (topic, seen) in topics {
                    self.stop_another(topic, seen);
                }
            }
        }
    }

    /// What was read of a topic that was created again may be of either topic: each partition is
    /// to be taken again.
    fn stop_another(&mut self, topic: Arc<str>, seen: TopicId) {
        let another = self.readings.of_another(&topic, &seen);
        let Some(OfAnother { began_with, .. }) = another.first() else {
            return;
        };
        let expected = began_with.clone();
        let sure_below = another.into_iter().map(|a| (a.partition, a.sure_below));
        let sure_below: Vec<_> = sure_below.collect();
        let partitions: Vec<_> = sure_below.iter().map(|(p, _)| p.clone()).collect();
        // Before the feeds end: whoever takes a partition again asks where it is sure.
        self.report(SourceFault::Recreated {
            topic,
            expected,
            seen,
            sure_below,
        });
        self.stop_fetching(&partitions);
    }

    fn stop_fetching(&mut self, partitions: &[TopicPartition]) {
        for partition in partitions {
            // A partition paused for back-pressure would stay paused when it is fetched again.
            if self.readings.is_paused(partition) {
                self.set_paused(partition, false);
            }
        }
        let mut state = self.consumer.context().state();
        if partitions.iter().any(|p| state.fetching.contains(p))
            && let Err(error) = state.stop(&self.consumer, partitions)
        {
            tracing::error!(%error, "cannot stop fetching");
        }
        drop(state);
        self.follow_changes();
    }

    fn follow_error(&mut self, error: &KafkaError) -> Flow {
        let kind = kind(error);
        let reason = std::mem::take(&mut self.consumer.context().state().reason);
        match kind {
            Kind::End(partition) => {
                self.set_reachable();
                self.readings.set_caught_up(partition);
            }
            Kind::OffsetReset => self.find_out_of_range(reason),
            Kind::Damaged => self.find_damaged(reason),
            Kind::UnknownTopic => {
                if self.trouble == Trouble::None {
                    self.trouble = Trouble::Missing;
                }
                self.report(SourceFault::UnknownTopic { reason });
            }
            Kind::Refused => self.set_refused(reason),
            Kind::Unreachable => {
                let reason = match self.connection.is_empty() {
                    true => reason,
                    false => std::mem::take(&mut self.connection),
                };
                self.set_unreachable(&format!("kafka cannot be reached: {reason}"));
            }
            Kind::Fatal => {
                self.end(reason);
                return Flow::Stop;
            }
            Kind::Connection => {
                tracing::debug!(%error, reason, "kafka");
                self.connection = reason;
            }
            Kind::Transient => tracing::warn!(%error, reason, "kafka"),
        }
        Flow::Continue
    }

    /// librdkafka does not say which partition's offset is not to be had, so the broker is asked
    /// about each.
    fn find_out_of_range(&mut self, reason: String) {
        self.readings.deliver_all(false);
        let positions = self.readings.positions();
        let partitions: Vec<_> = positions.iter().map(|(p, _)| p.clone()).collect();
        let bounds = self.admin.watermarks(&partitions).unwrap_or_default();
        let known = positions.into_iter().zip(bounds);
        let is_gone = |((_, next_offset), (low, high)): &((_, i64), (i64, i64))| {
            !(low..=high).contains(&next_offset)
        };
        let gone: Vec<_> = known.filter(is_gone).collect();
        if gone.is_empty() {
            return self.lose_positions(reason);
        }
        for ((partition, next_offset), (low, high)) in gone {
            self.stop_fetching(std::slice::from_ref(&partition));
            self.report(SourceFault::OutOfRange {
                partition,
                next_offset,
                low,
                high,
            });
        }
    }

    /// librdkafka does not say which partition's record cannot be read, and would go on behind it,
    /// so each is looked at. The others go on.
    fn find_damaged(&mut self, reason: String) {
        let damaged = self.admin.damaged(&self.readings.positions());
        let reason = format!(
            "{reason}: the record there is damaged, or too large once it is inflated; it is tried \
             again until the topic has it no longer"
        );
        match damaged.is_empty() {
            true => self.lose_positions(reason),
            false => self.lose(damaged, reason),
        }
    }

    fn lose_positions(&mut self, reason: String) {
        let positions = self.readings.positions().into_iter();
        self.lose(positions.map(|(p, _)| p).collect(), reason);
    }

    fn lose(&mut self, partitions: Vec<TopicPartition>, reason: String) {
        self.stop_fetching(&partitions);
        self.report(SourceFault::PositionLost { partitions, reason });
    }

    fn end(&mut self, reason: String) {
        let mut state = self.consumer.context().state();
        let assigned: Vec<_> = std::mem::take(&mut state.assigned).into_iter().collect();
        state.owner.lost(&assigned);
        state.owner.fault(SourceFault::Fatal { reason });
    }

    /// Records or a partition's end arrived.
    fn set_reachable(&mut self) {
        if std::mem::take(&mut self.trouble) != Trouble::None {
            self.outages.end();
            self.report(SourceFault::Reachable);
        }
    }

    fn set_unreachable(&mut self, reason: &str) {
        if matches!(self.trouble, Trouble::None | Trouble::Missing) {
            self.trouble = Trouble::Unreachable;
            self.outages.begin(reason);
            let reason = reason.to_owned();
            self.report(SourceFault::Unreachable { reason });
        }
    }

    fn set_refused(&mut self, reason: String) {
        if std::mem::replace(&mut self.trouble, Trouble::Refused) != Trouble::Refused {
            self.outages.begin(&reason);
            self.report(SourceFault::Refused { reason });
        }
    }

    fn report(&self, fault: SourceFault) {
        self.consumer.context().state().owner.fault(fault);
    }

    /// A worker that is merely slower than Kafka is waited for; what waits with librdkafka then is
    /// kept. Pausing a partition throws that away and fetches it again: it is for a worker that
    /// is stuck, whom the other partitions must not wait for.
    fn apply_back_pressure(&mut self) {
        let begun = Instant::now();
        while self.readings.is_full() && begun.elapsed() < HOLD_MAX {
            std::thread::sleep(HOLD_STEP);
        }
        for (partition, full) in self.readings.back_pressure() {
            self.set_paused(&partition, full == Full::Pause);
        }
    }

    fn set_paused(&mut self, partition: &TopicPartition, pause: bool) {
        let mut list = TopicPartitionList::new();
        list.add_partition(&partition.topic, partition.partition);
        let changed = if pause {
            self.consumer.pause(&list)
        } else {
            self.consumer.resume(&list)
        };
        match changed {
            Ok(()) => self.readings.set_paused(partition, pause),
            Err(error) => tracing::warn!(%partition, pause, %error, "cannot pause or resume"),
        }
    }
}
