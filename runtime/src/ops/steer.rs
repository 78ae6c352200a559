//! Pausing and resuming partitions, through Postgres: any machine that reaches it can do so.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Result, bail};
use gristmill_postgres::commit::checkpoint::{self, Checkpoint, PartitionState};
use gristmill_postgres::fleet::host::{self, Host, Wait, untaken};
use gristmill_postgres::fleet::steering::{self, Order, Verb};
use gristmill_postgres::wire::connection::Connection;
use serde::Serialize;
use tokio::time::Instant;

use super::opened::Opened;
use super::running_pipeline::who;

/// How long the command waits for the fleet, which follows within a second, to say what came of it.
const FOLLOW_WAIT: Duration = Duration::from_secs(5);
const FOLLOW_STEP: Duration = Duration::from_millis(100);

/// What came of a pause or a resume.
#[derive(Clone, Debug, Serialize)]
pub struct Steered {
    /// Partitions that were meant.
    pub partitions: Vec<i32>,
    /// Of these, those that are as asked by now.
    pub done: Vec<i32>,
    /// Of these, those that are halted, and why.
    pub halted: Vec<(i32, String)>,
    /// By whom, when and why it was so before; empty where nothing stood still.
    pub already: Option<String>,
    /// Processes that run the pipeline: without one nothing follows.
    pub processes: usize,
}

/// Pauses one partition, or all, those that come later too: nothing more of them is written until
/// somebody resumes. Stays so over restarts.
pub async fn pause(
    opened: &Opened,
    partition: Option<i32>,
    reason: Option<&str>,
) -> Result<Steered> {
    steer(opened, partition, Verb::Pause, reason).await
}

/// Lets one partition, or all, go on; one that is halted is taken again.
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
    let meant = meant(&connection, opened, rollout.run, partition).await?;
    let numbers = meant.iter().map(|known| known.partition).collect();
    let order = match partition {
        Some(partition) => rollout.steering.pause(partition),
        None => rollout.steering.pause_of_all(),
    };
    let stands = |known: &Known| {
        let is_paused = rollout.steering.pause(known.partition).is_some();
        is_paused || matches!(known.state, PartitionState::Paused | PartitionState::Halted)
    };
    let already = match verb {
        Verb::Pause => order.map(Order::who_and_why),
        // An order that is about partitions to come must go, too.
        Verb::Resume if rollout.steering.is_paused_at_all(partition) => None,
        Verb::Resume => (!meant.iter().any(stands)).then(String::new),
    };
    let mut steered = Steered {
        partitions: numbers,
        done: Vec::new(),
        halted: Vec::new(),
        already,
        processes,
    };
    if verb == Verb::Pause && steered.already.is_some() {
        return Ok(steered);
    }
    // Logs and terminals show it.
    let reason = reason.map(|reason| reason.replace(char::is_control, " "));
    let reason = reason.as_deref();
    let name = opened.name();
    steering::ask(&connection, name, partition, verb, &who(), reason).await?;
    // A process may not have said yet that it has halted: the order is written all the same.
    if steered.already.is_some() {
        return Ok(steered);
    }
    let deadline = Instant::now() + FOLLOW_WAIT;
    while processes > 0 && !meant.is_empty() {
        tokio::time::sleep(FOLLOW_STEP).await;
        let now = self::meant(&connection, opened, rollout.run, partition).await?;
        steered.note(verb, &meant, &now);
        let known = steered.done.len() + steered.halted.len();
        if known == meant.len() || Instant::now() > deadline {
            break;
        }
    }
    Ok(steered)
}

/// What is known of a partition.
struct Known {
    partition: i32,
    state: PartitionState,
    reason: Option<String>,
    /// Another number each time that it is taken, or halts untaken.
    mark: i64,
}

/// The partitions that are meant.
async fn meant(
    connection: &Connection,
    opened: &Opened,
    run: i64,
    partition: Option<i32>,
) -> Result<Vec<Known>> {
    let checkpoints = checkpoint::list(connection, opened.name(), run).await?;
    let hosts = host::list(connection, opened.name()).await?;
    let untaken = untaken(&hosts, &checkpoints).into_iter();
    let untaken = untaken.filter_map(|(_, wait)| Known::untaken(wait));
    let taken = checkpoints.iter().map(|c| Known::of(c, &hosts));
    let mut all: Vec<Known> = taken.chain(untaken).collect();
    let count = all.len();
    all.retain(|known| partition.is_none_or(|p| p == known.partition));
    if let (Some(partition), true) = (partition, all.is_empty()) {
        bail!(
            "there is no partition {partition} that this pipeline has run: it has {count} of \
             them, counted from 0"
        );
    }
    Ok(all)
}

impl Known {
    /// What its checkpoint says, unless a process has halted before it took the partition.
    fn of(checkpoint: &Checkpoint, hosts: &HashMap<String, Host>) -> Self {
        let (topic, partition) = (&checkpoint.key.topic, checkpoint.key.partition);
        let mut waits = hosts.values().filter_map(|h| h.wait(topic, partition));
        let halted = waits.find(|wait| wait.state == PartitionState::Halted);
        halted.and_then(Self::untaken).unwrap_or_else(|| Self {
            partition,
            state: checkpoint.state,
            reason: checkpoint.reason.clone(),
            mark: checkpoint.owner_epoch,
        })
    }

    fn untaken(wait: &Wait) -> Option<Self> {
        Some(Self {
            partition: wait.partition.as_ref()?.1,
            state: wait.state,
            reason: Some(wait.reason.clone()),
            mark: wait.since_us,
        })
    }
}

impl Steered {
    /// Sorts the partitions by what they are `now`. One that halts again after it was resumed has
    /// another mark than `before`.
    fn note(&mut self, verb: Verb, before: &[Known], now: &[Known]) {
        let is_done = |known: &&Known| match verb {
            Verb::Pause => known.state == PartitionState::Paused,
            Verb::Resume => {
                matches!(
                    known.state,
                    PartitionState::Running | PartitionState::Waiting
                )
            }
        };
        let is_new = |known: &Known| {
            let mut before = before.iter().filter(|b| b.partition == known.partition);
            before.all(|b| b.mark != known.mark)
        };
        let is_halted = |known: &&Known| {
            verb == Verb::Resume && known.state == PartitionState::Halted && is_new(known)
        };
        let done = now.iter().filter(is_done);
        self.done = done.map(|known| known.partition).collect();
        let halted = now.iter().filter(is_halted);
        let why = |known: &Known| (known.partition, known.reason.clone().unwrap_or_default());
        self.halted = halted.map(why).collect();
    }
}
