//! Pausing and resuming partitions, through Postgres: any machine that reaches it can do so.

use std::time::Duration;

use anyhow::{Result, bail};
use gristmill_postgres::commit::checkpoint::{self, Checkpoint, PartitionState};
use gristmill_postgres::fleet::host;
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
    /// By whom, when and why it was so before; then nothing was changed.
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
    let meant = meant(&connection, opened, rollout.run, partition).await?;
    let processes = host::list(&connection, opened.name()).await?;
    let processes = processes.values().filter(|host| host.is_alive).count();
    let numbers = meant.iter().map(|c| c.key.partition).collect();
    let order = match partition {
        Some(partition) => rollout.steering.pause(partition),
        None => rollout.steering.pause_of_all(),
    };
    let stands = |c: &Checkpoint| {
        let is_paused = rollout.steering.pause(c.key.partition).is_some();
        is_paused || matches!(c.state, PartitionState::Paused | PartitionState::Halted)
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
    if steered.already.is_some() {
        return Ok(steered);
    }
    // Logs and terminals show it.
    let reason = reason.map(|reason| reason.replace(char::is_control, " "));
    let reason = reason.as_deref();
    let name = opened.name();
    steering::ask(&connection, name, partition, verb, &who(), reason).await?;
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

/// The checkpoints of the partitions that are meant.
async fn meant(
    connection: &Connection,
    opened: &Opened,
    run: i64,
    partition: Option<i32>,
) -> Result<Vec<Checkpoint>> {
    let mut all = checkpoint::list(connection, opened.name(), run).await?;
    let count = all.len();
    all.retain(|c| partition.is_none_or(|p| p == c.key.partition));
    if let (Some(partition), true) = (partition, all.is_empty()) {
        bail!(
            "there is no partition {partition} that this pipeline has run: it has {count} of \
             them, counted from 0"
        );
    }
    Ok(all)
}

impl Steered {
    /// Sorts the partitions by what they are `now`. One that halts again after it was resumed has
    /// been taken once more since `before`.
    fn note(&mut self, verb: Verb, before: &[Checkpoint], now: &[Checkpoint]) {
        let is_done = |c: &Checkpoint| match verb {
            Verb::Pause => c.state == PartitionState::Paused,
            Verb::Resume => matches!(c.state, PartitionState::Running | PartitionState::Waiting),
        };
        let is_later = |c: &Checkpoint| {
            let mut before = before.iter().filter(|b| b.key == c.key);
            before.all(|b| b.owner_epoch < c.owner_epoch)
        };
        let is_halted = |c: &Checkpoint| {
            verb == Verb::Resume && c.state == PartitionState::Halted && is_later(c)
        };
        let number = |c: &Checkpoint| c.key.partition;
        self.done = now.iter().filter(|c| is_done(c)).map(number).collect();
        let halted = now.iter().filter(|c| is_halted(c));
        let why = |c: &Checkpoint| (number(c), c.reason.clone().unwrap_or_default());
        self.halted = halted.map(why).collect();
    }
}
