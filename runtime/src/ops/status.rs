//! How a pipeline is doing, from Postgres and Kafka.

use std::collections::HashSet;

use anyhow::Result;
use gristmill_kafka::TopicPartition;
use gristmill_kafka::admin::Admin;
use gristmill_postgres::commit::checkpoint::{self, Checkpoint, PartitionState};
use gristmill_postgres::commit::gap::{self, StoredGap};
use gristmill_postgres::fleet::host;
use gristmill_postgres::letters::stored_letter::{self, Filter, LetterState};
use jiff::Timestamp;
use serde::Serialize;

use crate::definition::file::Config;

use super::opened::Opened;

/// A pipeline at this moment.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    pub pipeline: String,
    pub topic: String,
    pub table: String,
    pub run: i64,
    pub revision: i32,
    pub partitions: Vec<PartitionStatus>,
    pub gaps: Vec<MissingOffsets>,
    /// Dead letters that nobody has looked at and that no topic has got.
    pub letters_waiting: i64,
    /// The topic that dead letters are relayed to.
    pub letters_topic: Option<String>,
    /// Why lag is not known, where Kafka did not answer.
    pub lag_unknown: Option<String>,
}

/// One partition.
#[derive(Clone, Debug, Serialize)]
pub struct PartitionStatus {
    pub topic: String,
    pub partition: i32,
    pub state: RunState,
    /// Why it is halted.
    pub reason: Option<String>,
    pub next_offset: i64,
    /// Records that Kafka has and that were not read yet.
    pub lag: Option<i64>,
    /// Seconds since the last record that was written was put into Kafka; 0 where none waits.
    pub behind_seconds: Option<i64>,
    /// The highest event time, microseconds since the Unix epoch.
    pub event_time_us: Option<i64>,
    pub records: i64,
    pub rows: i64,
    pub superseded: i64,
    pub late: i64,
    pub dead_letters: i64,
    /// The process that took the partition last.
    pub owner: String,
}

/// Whether a partition moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunState {
    Running,
    /// Its last owner left, or was not heard of for a while.
    NotRunning,
    /// Until a person acts.
    Halted,
}

/// Offsets that the topic no longer had when they were to be read.
#[derive(Clone, Debug, Serialize)]
pub struct MissingOffsets {
    pub topic: String,
    pub partition: i32,
    pub from_offset: i64,
    /// Exclusive.
    pub to_offset: i64,
    pub cause: String,
    /// Who decided to go on without them.
    pub accepted_by: Option<String>,
}

/// Asks Postgres, and Kafka for the ends of the partitions.
pub async fn status(opened: &Opened) -> Result<Status> {
    let (name, config) = (opened.name(), &opened.config);
    let connection = opened.database.connect().await?;
    let (run, revision) = opened.active(&connection).await?;
    let checkpoints = checkpoint::list(&connection, name, run).await?;
    let gaps = gap::list(&connection, name, run).await?;
    let new = Filter {
        states: vec![LetterState::New],
        ..Filter::default()
    };
    let letters_waiting = stored_letter::count(&connection, name, run, &new).await?;
    let alive = host::alive(&connection, name).await?;
    let ends = tokio::task::spawn_blocking({
        let (config, checkpoints) = (config.clone(), checkpoints.clone());
        move || ends(&config, &checkpoints)
    });
    let (ends, lag_unknown) = match ends.await? {
        Ok(ends) => (ends, None),
        Err(error) => (vec![None; checkpoints.len()], Some(format!("{error:#}"))),
    };
    let partitions = checkpoints.into_iter().zip(ends);
    Ok(Status {
        pipeline: name.to_owned(),
        topic: config.source.topic.clone(),
        table: config.target.table.clone(),
        run,
        revision,
        partitions: partitions
            .map(|(c, end)| PartitionStatus::new(c, end, &alive))
            .collect(),
        gaps: gaps.into_iter().map(MissingOffsets::from).collect(),
        letters_waiting,
        letters_topic: config.dead_letters.topic.clone(),
        lag_unknown,
    })
}

/// Kafka's end of each partition, exclusive.
fn ends(config: &Config, checkpoints: &[Checkpoint]) -> Result<Vec<Option<i64>>> {
    let admin = Admin::new(&config.source.bootstrap, &config.source.properties)?;
    let partition = |c: &Checkpoint| TopicPartition::new(c.key.topic.as_str(), c.key.partition);
    let partitions: Vec<_> = checkpoints.iter().map(partition).collect();
    let watermarks = admin.watermarks(&partitions)?;
    Ok(watermarks.into_iter().map(|(_, high)| Some(high)).collect())
}

impl PartitionStatus {
    fn new(checkpoint: Checkpoint, end: Option<i64>, alive: &HashSet<String>) -> Self {
        let lag = end.map(|end| (end - checkpoint.next_offset).max(0));
        Self {
            state: match checkpoint.state {
                PartitionState::Halted => RunState::Halted,
                PartitionState::Running if alive.contains(&checkpoint.owner) => RunState::Running,
                PartitionState::Running => RunState::NotRunning,
            },
            lag,
            behind_seconds: lag.and_then(|lag| behind_seconds(&checkpoint, lag)),
            topic: checkpoint.key.topic,
            partition: checkpoint.key.partition,
            reason: checkpoint.reason,
            next_offset: checkpoint.next_offset,
            event_time_us: checkpoint.event_time_max_us,
            records: checkpoint.records,
            rows: checkpoint.rows_upserted,
            superseded: checkpoint.superseded,
            late: checkpoint.late,
            dead_letters: checkpoint.dead_letters,
            owner: checkpoint.owner,
        }
    }
}

fn behind_seconds(checkpoint: &Checkpoint, lag: i64) -> Option<i64> {
    if lag == 0 {
        return Some(0);
    }
    let at_ms = checkpoint.last_record.as_ref()?.at_ms?;
    Some((Timestamp::now().as_millisecond() - at_ms).max(0) / 1000)
}

impl From<StoredGap> for MissingOffsets {
    fn from(gap: StoredGap) -> Self {
        Self {
            topic: gap.topic,
            partition: gap.partition,
            from_offset: gap.from_offset,
            to_offset: gap.to_offset,
            cause: gap.cause,
            accepted_by: gap.accepted_by,
        }
    }
}
