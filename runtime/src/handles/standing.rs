//! What each partition of a pipeline is doing in this process: the follower tells Postgres.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gristmill_kafka::TopicPartition;
use gristmill_postgres::commit::checkpoint::PartitionState;
use gristmill_postgres::commit::lease::Lease;
use gristmill_postgres::fleet::host::{Held, Wait};
use jiff::Timestamp;
use tokio::sync::Notify;

/// What the partitions of one pipeline are doing, and what all of them wait for.
pub struct Standings {
    partitions: Mutex<HashMap<TopicPartition, Standing>>,
    /// Tasks that have begun, each with a number.
    tasks: AtomicU64,
    /// Since when no broker answers, and what is missing: concern all partitions.
    outage: Mutex<Option<Reason>>,
    missing: Mutex<Option<Reason>>,
    /// That the topic is not there any more, where it was one of several.
    gone: Mutex<Option<Reason>>,
    is_joined: AtomicBool,
    /// Why feeds have ended, until their workers have heard of it.
    lost: Mutex<HashMap<TopicPartition, String>>,
    /// Below which offset what was read is surely of the topic that a partition began with, where
    /// the topic was created again; until it is taken again.
    sure_below: Mutex<HashMap<TopicPartition, i64>>,
    /// Wakes the follower.
    changed: Arc<Notify>,
}

/// What one partition is doing.
#[derive(Clone, Debug)]
pub struct Standing {
    /// The number of the task that keeps it going.
    task: u64,
    /// What it was taken with last; `None` until it was.
    pub lease: Option<Lease>,
    pub state: PartitionState,
    /// Why it is not running.
    pub reason: Option<Reason>,
    /// The newest request that was known when it halted.
    request: Option<i64>,
    /// When it became this, microseconds since the Unix epoch.
    since_us: i64,
    /// Since when nothing has succeeded; kept while it tries again.
    failing_since_us: Option<i64>,
    /// What a person should know of it while it runs.
    notice: Option<Reason>,
}

/// A partition that has run this long without failing has nothing to do with what failed before.
const TRIES_AGAIN_US: i64 = 10_000_000;

impl Standing {
    /// Since when nothing has succeeded, as of `now_us`.
    fn failing_since(&self, now_us: i64) -> Option<i64> {
        let is_over = match self.state {
            PartitionState::Waiting => false,
            PartitionState::Running => now_us - self.since_us > TRIES_AGAIN_US,
            PartitionState::Paused | PartitionState::Halted => true,
        };
        self.failing_since_us.filter(|_| !is_over)
    }
}

/// Why something stands still, and since when.
#[derive(Clone, Debug)]
pub struct Reason {
    pub text: String,
    /// Microseconds since the Unix epoch.
    pub since_us: i64,
}

impl Reason {
    /// A reason from now on.
    pub fn now(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            since_us: Timestamp::now().as_microsecond(),
        }
    }
}

impl Standings {
    /// No partition yet. `changed` wakes the follower.
    pub fn new(changed: Arc<Notify>) -> Self {
        Self {
            partitions: Mutex::default(),
            tasks: AtomicU64::new(0),
            outage: Mutex::default(),
            missing: Mutex::default(),
            gone: Mutex::default(),
            is_joined: AtomicBool::new(false),
            lost: Mutex::default(),
            sure_below: Mutex::default(),
            changed,
        }
    }

    /// The partition cannot be read on from where it is, so its feed ends.
    pub fn loses_position(&self, partition: &TopicPartition, reason: &str) {
        lock(&self.lost).insert(partition.clone(), reason.to_owned());
    }

    /// Why the partition's feed has ended, said once.
    pub fn lost_position(&self, partition: &TopicPartition) -> Option<String> {
        lock(&self.lost).remove(partition)
    }

    /// The partition's topic was created again: what was read from `offset` on may be of the new
    /// one.
    pub fn reads_another_topic(&self, partition: &TopicPartition, offset: i64) {
        lock(&self.sure_below).insert(partition.clone(), offset);
    }

    /// Below which offset what was read is of the topic before, where that is known; said once.
    pub fn sure_below(&self, partition: &TopicPartition) -> Option<i64> {
        lock(&self.sure_below).remove(partition)
    }

    /// The partition runs, under `lease`. What a person should know of it is found out anew.
    pub fn runs(&self, partition: &TopicPartition, lease: &Lease) {
        self.notes(partition, None);
        self.set(partition, Some(lease), PartitionState::Running, None);
    }

    /// The partition goes on: what it waited for is there.
    pub fn goes_on(&self, partition: &TopicPartition) {
        self.set(partition, None, PartitionState::Running, None);
    }

    /// What the partition does has succeeded: whatever it waits for next is another matter.
    pub fn succeeds(&self, partition: &TopicPartition) {
        if let Some(standing) = lock(&self.partitions).get_mut(partition) {
            standing.failing_since_us = None;
        }
    }

    /// The partition waits, and goes on by itself: since the first failure after a success, however
    /// often it was tried meanwhile.
    pub fn waits(&self, partition: &TopicPartition, reason: impl Into<String>) {
        let mut reason = Reason::now(reason);
        let before = self.of(partition);
        let failing_since = before.and_then(|before| before.failing_since(reason.since_us));
        reason.since_us = failing_since.unwrap_or(reason.since_us);
        self.set(partition, None, PartitionState::Waiting, Some(reason));
    }

    /// What a person should know of the partition while it runs; `None`: nothing.
    pub fn notes(&self, partition: &TopicPartition, notice: Option<String>) {
        if let Some(standing) = lock(&self.partitions).get_mut(partition) {
            standing.notice = notice.map(Reason::now);
            self.changed.notify_one();
        }
    }

    /// A person has paused the partition. `lease`: where it was taken.
    pub fn pauses(&self, partition: &TopicPartition, lease: Option<&Lease>, reason: &str) {
        let reason = Some(Reason::now(reason));
        self.set(partition, lease, PartitionState::Paused, reason);
    }

    /// The partition halts until a person acts. `lease`: where it was taken; `request`: the newest
    /// one that is known, so that whoever asks can tell this halt from the one before.
    pub fn halts(
        &self,
        partition: &TopicPartition,
        lease: Option<&Lease>,
        reason: &str,
        request: i64,
    ) {
        let reason = Some(Reason::now(reason));
        self.set_with(
            partition,
            lease,
            PartitionState::Halted,
            reason,
            Some(request),
        );
    }

    /// A task begins to keep the partition going. Returns the task's number.
    pub fn begins(&self, partition: &TopicPartition) -> u64 {
        let task = self.tasks.fetch_add(1, Ordering::Relaxed);
        let reason = Reason::now("it is being taken");
        let standing = Standing {
            task,
            lease: None,
            state: PartitionState::Waiting,
            since_us: reason.since_us,
            failing_since_us: Some(reason.since_us),
            reason: Some(reason),
            request: None,
            notice: None,
        };
        lock(&self.partitions).insert(partition.clone(), standing);
        self.changed.notify_one();
        task
    }

    /// A task leaves the partition. Returns whether it was this process's last one: after a
    /// partition has come back its new task may begin before the old one ends.
    pub fn gone(&self, partition: &TopicPartition, task: u64) -> bool {
        let mut partitions = lock(&self.partitions);
        let is_last = partitions.get(partition).is_some_and(|s| s.task == task);
        if is_last {
            partitions.remove(partition);
            lock(&self.sure_below).remove(partition);
        }
        is_last
    }

    /// Why no broker answers; `None`: one does. Asked with each heartbeat, so nobody is woken.
    pub fn set_outage(&self, reason: Option<String>) {
        update(&self.outage, reason);
    }

    /// What the brokers do not have; `None`: they have it.
    pub fn set_missing(&self, reason: Option<String>) {
        update(&self.missing, reason);
        self.changed.notify_one();
    }

    /// That the topic is not there any more, in words; `None`: it is there. Until it is back
    /// nothing is read.
    pub fn set_gone(&self, reason: Option<String>) {
        update(&self.gone, reason);
        self.changed.notify_one();
    }

    /// Whether the topic is not there any more.
    pub fn is_gone(&self) -> bool {
        lock(&self.gone).is_some()
    }

    /// The consumer group has given this process its partitions, were it none.
    pub fn joined(&self) {
        self.is_joined.store(true, Ordering::Relaxed);
        self.set_missing(None);
    }

    /// Whether the process is of the consumer group.
    pub fn is_joined(&self) -> bool {
        self.is_joined.load(Ordering::Relaxed)
    }

    /// What Kafka does not give, and since when.
    pub fn kafka(&self) -> Option<Reason> {
        let outage = lock(&self.outage).clone();
        let gone = outage.or_else(|| lock(&self.gone).clone());
        gone.or_else(|| lock(&self.missing).clone())
    }

    /// What the partition is doing.
    pub fn of(&self, partition: &TopicPartition) -> Option<Standing> {
        lock(&self.partitions).get(partition).cloned()
    }

    /// What all partitions are doing: one that would run waits where Kafka does not answer.
    pub fn all(&self) -> Vec<(TopicPartition, Standing)> {
        let kafka = self.kafka();
        let partitions = lock(&self.partitions);
        let effective = |(partition, standing): (&TopicPartition, &Standing)| {
            let mut standing = standing.clone();
            if standing.state == PartitionState::Running && kafka.is_some() {
                standing.state = PartitionState::Waiting;
                standing.reason.clone_from(&kafka);
            }
            (partition.clone(), standing)
        };
        partitions.iter().map(effective).collect()
    }

    /// What the checkpoints are to say.
    pub fn held(&self) -> Vec<Held> {
        let held = |(_, standing): (TopicPartition, Standing)| {
            Some(Held {
                lease: standing.lease?,
                state: standing.state,
                reason: standing.reason.map(|reason| reason.text),
            })
        };
        self.all().into_iter().filter_map(held).collect()
    }

    /// What waits or has halted, and what is paused untaken, which no checkpoint says; and what
    /// runs and a person should know something of.
    pub fn waiting(&self) -> Vec<Wait> {
        let wait = |partition, state, reason: Reason, request| Wait {
            partition,
            state,
            reason: reason.text,
            since_us: reason.since_us,
            request,
        };
        let of_partition = |(partition, standing): (TopicPartition, Standing)| {
            let reason = match standing.state {
                PartitionState::Running => standing.notice?,
                _ => standing.reason?,
            };
            let is_told = standing.state != PartitionState::Paused || standing.lease.is_none();
            let name = (partition.topic.to_string(), partition.partition);
            is_told.then(|| wait(Some(name), standing.state, reason, standing.request))
        };
        let all = self.kafka();
        let all = all.map(|reason| wait(None, PartitionState::Waiting, reason, None));
        let partitions = self.all();
        let partitions = partitions.into_iter().filter_map(of_partition);
        all.into_iter().chain(partitions).collect()
    }

    fn set(
        &self,
        partition: &TopicPartition,
        lease: Option<&Lease>,
        state: PartitionState,
        reason: Option<Reason>,
    ) {
        self.set_with(partition, lease, state, reason, None);
    }

    fn set_with(
        &self,
        partition: &TopicPartition,
        lease: Option<&Lease>,
        state: PartitionState,
        reason: Option<Reason>,
        request: Option<i64>,
    ) {
        let mut partitions = lock(&self.partitions);
        let Some(standing) = partitions.get_mut(partition) else {
            return;
        };
        let failing_since_us = match state {
            PartitionState::Waiting => reason.as_ref().map(|reason| reason.since_us),
            PartitionState::Running => standing.failing_since_us,
            PartitionState::Paused | PartitionState::Halted => None,
        };
        *standing = Standing {
            task: standing.task,
            lease: lease.or(standing.lease.as_ref()).cloned(),
            state,
            reason,
            request,
            since_us: Timestamp::now().as_microsecond(),
            notice: standing.notice.take(),
            failing_since_us,
        };
        drop(partitions);
        self.changed.notify_one();
    }
}

/// Keeps since when it is so.
fn update(reason: &Mutex<Option<Reason>>, now: Option<String>) {
    let mut reason = lock(reason);
    *reason = now.map(|text| match reason.take() {
        Some(before) => Reason { text, ..before },
        None => Reason::now(text),
    });
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use gristmill_postgres::commit::checkpoint::PartitionKey;

    use super::*;

    fn waiting_since(standings: &Standings) -> i64 {
        let wait = standings.waiting().into_iter().next();
        wait.expect("it waits").since_us
    }

    #[test]
    fn a_wait_lasts_from_the_first_failure_to_the_next_success() {
        let standings = Standings::new(Arc::default());
        let partition = TopicPartition::new("t", 0);
        standings.begins(&partition);
        standings.waits(&partition, "no space left");
        let first = waiting_since(&standings);
        // It is taken again, and fails again.
        standings.goes_on(&partition);
        assert!(standings.waiting().is_empty());
        std::thread::sleep(std::time::Duration::from_millis(2));
        standings.waits(&partition, "no space left");
        assert_eq!(waiting_since(&standings), first);
        standings.goes_on(&partition);
        standings.succeeds(&partition);
        standings.waits(&partition, "no space left");
        assert!(waiting_since(&standings) > first);
    }

    #[test]
    fn what_halts_before_it_is_taken_is_told() {
        let standings = Standings::new(Arc::default());
        let partition = TopicPartition::new("t", 0);
        standings.begins(&partition);
        standings.halts(&partition, None, "no right", 4);
        let told = standings.waiting().into_iter();
        let told: Vec<_> = told.map(|wait| (wait.state, wait.request)).collect();
        assert_eq!(told, [(PartitionState::Halted, Some(4))]);
    }

    #[test]
    fn what_was_to_be_known_of_it_is_over_once_it_is_taken_again() {
        let standings = Standings::new(Arc::default());
        let partition = TopicPartition::new("t", 0);
        standings.begins(&partition);
        standings.goes_on(&partition);
        standings.notes(&partition, Some("a column is missing".to_owned()));
        standings.waits(&partition, "no space left");
        standings.goes_on(&partition);
        assert_eq!(standings.waiting().len(), 1);
        let key = PartitionKey {
            pipeline: "p".to_owned(),
            run: 1,
            topic: "t".to_owned(),
            partition: 0,
        };
        let lease = Lease {
            key,
            owner_epoch: 1,
            log: 1,
            revision: 1,
        };
        standings.runs(&partition, &lease);
        assert!(standings.waiting().is_empty());
    }

    #[test]
    fn a_task_that_ends_late_takes_nothing_from_the_next_one() {
        let standings = Standings::new(Arc::default());
        let partition = TopicPartition::new("t", 0);
        let old = standings.begins(&partition);
        let new = standings.begins(&partition);
        assert!(!standings.gone(&partition, old) && standings.of(&partition).is_some());
        assert!(standings.gone(&partition, new) && standings.of(&partition).is_none());
        standings.goes_on(&partition);
        assert!(standings.of(&partition).is_none());
    }

    #[test]
    fn what_failed_before_a_long_quiet_run_is_over() {
        let running = |since_us| Standing {
            task: 0,
            lease: None,
            state: PartitionState::Running,
            reason: None,
            request: None,
            since_us,
            failing_since_us: Some(5),
            notice: None,
        };
        assert_eq!(running(10).failing_since(11), Some(5));
        assert_eq!(running(10).failing_since(11 + TRIES_AGAIN_US), None);
    }
}
