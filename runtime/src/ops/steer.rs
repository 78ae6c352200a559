//! Pausing and resuming partitions, through Postgres: any machine that reaches it can do so.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Result, bail};
use gristmill_kafka::TopicPartition;
use gristmill_kafka::admin::Admin;
use gristmill_kafka::admin::lag::LagRequest;
use gristmill_postgres::commit::checkpoint::{self, PartitionState};
use gristmill_postgres::fleet::host::{self, untaken};
use gristmill_postgres::fleet::steering::{self, Order, Steering, Verb};
use gristmill_postgres::wire::connection::Connection;
use serde::Serialize;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout};

use super::opened::Opened;
use super::steered_partition::{Resumed, SteeredPartition};
use super::who::who;

/// How long the command waits for the fleet, which follows within a second, to say what came of it.
const FOLLOW_WAIT: Duration = Duration::from_secs(5);
const FOLLOW_STEP: Duration = Duration::from_millis(100);
/// How long Kafka may take to say where partitions end.
const KAFKA_WAIT: Duration = Duration::from_secs(3);

/// What came of a pause or a resume.
#[derive(Clone, Debug, Serialize)]
pub struct Steered {
    /// Partitions that were meant.
    pub partitions: Vec<i32>,
    /// Of these, those that are as asked by now.
    pub done: Vec<i32>,
    /// Of those that are done, those that run and have not written anything yet.
    pub unproved: Vec<i32>,
    /// Of these, those that have halted again, and why.
    pub halted: Vec<(i32, String)>,
    /// Partitions with a pause of their own, which a resume of all leaves; and by whom, when and
    /// why.
    pub kept: Vec<(i32, String)>,
    /// By whom, when and why it was so before; empty where nothing stood still.
    pub already: Option<String>,
    /// Processes that run the pipeline: without one nothing follows.
    pub processes: usize,
    /// The active revision, where the file says something else.
    pub differing: Option<i32>,
}

/// Pauses one partition, or all, those that come later too: nothing more of them is written until
/// somebody resumes. Stays so over restarts. One that is paused by itself stays so when all go on.
pub async fn pause(
    opened: &Opened,
    partition: Option<i32>,
    reason: Option<&str>,
) -> Result<Steered> {
    steer(opened, partition, Verb::Pause, reason).await
}

/// Lets one partition go on, or all but those that were paused by themselves; one that is halted
/// is taken again.
pub async fn resume(
    opened: &Opened,
    partition: Option<i32>,
    reason: Option<&str>,
) -> Result<Steered> {
    steer(opened, partition, Verb::Resume, reason).await
}

async fn steer(
    opened: &Opened,
    partition: Option<i32>,
    verb: Verb,
    reason: Option<&str>,
) -> Result<Steered> {
    let connection = opened.database.connect().await?;
    let rollout = opened.rollout(&connection).await?;
    let processes = host::list(&connection, opened.name()).await?;
    let processes = processes.values().filter(|host| host.is_alive).count();
    let mut asked = Asked {
        opened,
        connection,
        run: rollout.run,
        verb,
        partition,
        kept: HashMap::new(),
    };
    let before = asked.partitions().await?;
    let steering = &rollout.steering;
    if verb == Verb::Resume && partition.is_none() {
        let own = |p: &SteeredPartition| Some((p.number, steering.own_pause(p.number)?));
        let kept = before.iter().filter_map(own);
        asked.kept = kept.map(|(p, order)| (p, order.who_and_why())).collect();
    }
    let before = asked.meant(before);
    let mut steered = Steered {
        partitions: before.iter().map(|p| p.number).collect(),
        done: Vec::new(),
        unproved: Vec::new(),
        halted: Vec::new(),
        kept: asked.kept.clone().into_iter().collect(),
        already: asked.already(steering, &before),
        processes,
        differing: None,
    };
    if opened.differs(&asked.connection, rollout.active).await? {
        steered.differing = Some(rollout.active);
    }
    steered.kept.sort();
    if verb == Verb::Pause && steered.already.is_some() {
        return Ok(steered);
    }
    // Logs and terminals show it.
    let reason = reason.map(|reason| reason.replace(char::is_control, " "));
    let (name, reason) = (opened.name(), reason.as_deref());
    let request = steering::ask(&asked.connection, name, partition, verb, &who(), reason).await?;
    // A process may not have said yet that it has halted: the order is written all the same.
    if steered.already.is_some() || processes == 0 || before.is_empty() {
        return Ok(steered);
    }
    asked.wait(request, &before, &mut steered).await?;
    Ok(steered)
}

/// What somebody asks.
struct Asked<'o> {
    opened: &'o Opened,
    connection: Connection,
    run: i64,
    verb: Verb,
    partition: Option<i32>,
    /// See [`Steered::kept`].
    kept: HashMap<i32, String>,
}

impl Asked<'_> {
    /// The partition that is named, or all.
    async fn partitions(&self) -> Result<Vec<SteeredPartition>> {
        let (connection, name) = (&self.connection, self.opened.name());
        let checkpoints = checkpoint::list(connection, name, self.run).await?;
        let hosts = host::list(connection, name).await?;
        let untaken = untaken(&hosts, &checkpoints).into_iter();
        let untaken = untaken.filter_map(|(_, wait)| SteeredPartition::untaken(wait));
        let taken = checkpoints.iter().map(|c| SteeredPartition::of(c, &hosts));
        let mut all: Vec<_> = taken.chain(untaken).collect();
        let count = all.len();
        all.retain(|p| self.partition.is_none_or(|number| number == p.number));
        if let (Some(partition), true) = (self.partition, all.is_empty()) {
            bail!(
                "there is no partition {partition} that this pipeline has run: it has {count} of \
                 them, counted from 0"
            );
        }
        Ok(all)
    }

    /// Those of `partitions` that are to follow.
    fn meant(&self, mut partitions: Vec<SteeredPartition>) -> Vec<SteeredPartition> {
        partitions.retain(|p| !self.kept.contains_key(&p.number));
        partitions
    }

    /// See [`Steered::already`].
    fn already(&self, steering: &Steering, before: &[SteeredPartition]) -> Option<String> {
        match (self.verb, self.partition) {
            (Verb::Pause, Some(partition)) => steering.own_pause(partition).map(Order::who_and_why),
            (Verb::Pause, None) => steering.pause_of_all().map(Order::who_and_why),
            (Verb::Resume, partition) => {
                let is_paused = match partition {
                    Some(partition) => steering.pause(partition).is_some(),
                    None => steering.pauses_all(),
                };
                let stands = is_paused || before.iter().any(SteeredPartition::stands_still);
                (!stands).then(String::new)
            }
        }
    }

    /// Waits until it is known of each partition what came of `request`.
    async fn wait(
        &self,
        request: i64,
        before: &[SteeredPartition],
        steered: &mut Steered,
    ) -> Result<()> {
        let deadline = Instant::now() + FOLLOW_WAIT;
        let ends = match self.verb {
            Verb::Pause => HashMap::new(),
            Verb::Resume => self.ends(before).await,
        };
        loop {
            tokio::time::sleep(FOLLOW_STEP).await;
            let now = self.meant(self.partitions().await?);
            match self.verb {
                Verb::Pause => steered.note_paused(&now),
                Verb::Resume => steered.note_resumed(request, before, &now, &ends),
            }
            let known = steered.done.len() - steered.unproved.len() + steered.halted.len();
            if known >= before.len() || Instant::now() > deadline {
                return Ok(());
            }
        }
    }

    /// Where those of `partitions` end that stand still, as far as Kafka says so.
    async fn ends(&self, partitions: &[SteeredPartition]) -> HashMap<i32, i64> {
        let source = self.opened.config.source.clone();
        let numbers = partitions.iter().filter(|p| p.stands_still());
        let numbers: Vec<i32> = numbers.map(|p| p.number).collect();
        let ends = spawn_blocking(move || {
            let admin = Admin::new(&source.bootstrap, &source.properties)?;
            let position = |number: &i32| LagRequest {
                partition: TopicPartition::new(source.topic.as_str(), *number),
                next_offset: 0,
                may_read: false,
                after_ms: None,
            };
            let positions: Vec<_> = numbers.iter().map(position).collect();
            let ends = admin.lags(&positions)?.into_iter().zip(numbers);
            let known = ends.filter_map(|(lag, number)| Some((number, lag.ok()?.end)));
            anyhow::Ok(known.collect())
        });
        let ends = timeout(KAFKA_WAIT, ends).await;
        let ends = ends.ok().and_then(Result::ok).and_then(Result::ok);
        ends.unwrap_or_default()
    }
}

impl Steered {
    fn note_paused(&mut self, now: &[SteeredPartition]) {
        let paused = now.iter().filter(|p| p.state == PartitionState::Paused);
        self.done = paused.map(|p| p.number).collect();
    }

    fn note_resumed(
        &mut self,
        request: i64,
        before: &[SteeredPartition],
        now: &[SteeredPartition],
        ends: &HashMap<i32, i64>,
    ) {
        self.done.clear();
        self.unproved.clear();
        self.halted.clear();
        for partition in now {
            let number = partition.number;
            let Some(before) = before.iter().find(|b| b.number == number) else {
                continue;
            };
            match partition.resumed(before, request, ends.get(&number).copied()) {
                Resumed::NotYet => {}
                Resumed::GoesOn => self.done.push(number),
                Resumed::Unproved => {
                    self.done.push(number);
                    self.unproved.push(number);
                }
                Resumed::HaltedAgain => {
                    let reason = partition.reason.clone().unwrap_or_default();
                    self.halted.push((number, reason));
                }
            }
        }
    }
}
