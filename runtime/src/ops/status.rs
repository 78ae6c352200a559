//! How a pipeline is doing, from Postgres and Kafka.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::Duration;

use anyhow::{Result, anyhow};
use gristmill_kafka::TopicPartition;
use gristmill_kafka::admin::Admin;
use gristmill_kafka::admin::lag::{Lag, LagRequest};
use gristmill_postgres::commit::checkpoint::{self, Checkpoint, PartitionState};
use gristmill_postgres::commit::gap::{self, StoredGap};
use gristmill_postgres::fleet::host::{self, Host, Wait, untaken};
use gristmill_postgres::fleet::rollout::Rollout;
use gristmill_postgres::letters::stored_letter::{self, Filter, LetterState};
use jiff::Timestamp;
use serde::Serialize;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::definition::file::Config;

use super::opened::Opened;

/// How long Postgres may take to answer, and Kafka: whoever looks at a pipeline in trouble has no
/// time, and servers that are well answer in milliseconds. Kafka's is above what one silent broker
/// takes, so that the others are heard.
const POSTGRES_WAIT: Duration = Duration::from_secs(10);
const KAFKA_WAIT: Duration = Duration::from_secs(5);
/// A partition that waits for longer than this, and has records to write, stands still.
const WAIT_MAX_SECONDS: i64 = 10;

/// A pipeline at this moment.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    pub pipeline: String,
    pub topic: String,
    pub table: String,
    pub run: i64,
    pub revision: i32,
    /// Whether the file says something else than that revision.
    pub file_differs: bool,
    /// The revision that is being tried or made ready, where there is one.
    pub staged: Option<Staged>,
    /// Processes that run the pipeline.
    pub processes: usize,
    /// What all of the pipeline waits for, in some process.
    pub waiting: Option<String>,
    /// What a person should know of partitions that run, a sentence each.
    pub notices: Vec<String>,
    pub partitions: Vec<PartitionStatus>,
    pub gaps: Vec<MissingOffsets>,
    /// Dead letters that nobody has looked at and that no topic has got.
    pub letters_waiting: i64,
    /// The topic that dead letters are relayed to.
    pub letters_topic: Option<String>,
    /// Why lag is not known, of those partitions where Kafka did not say it.
    pub lag_unknown: Vec<String>,
}

/// A revision that is not active yet.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Staged {
    pub revision: i32,
    /// The partition that runs it already.
    pub canary: Option<i32>,
    /// Whether it is compared with the active one on live records.
    pub is_shadowed: bool,
}

/// One partition.
#[derive(Clone, Debug, Serialize)]
pub struct PartitionStatus {
    pub topic: String,
    pub partition: i32,
    pub state: RunState,
    /// Why it is not running.
    pub reason: Option<String>,
    /// For how long it has waited, or nobody has run it.
    pub still_seconds: Option<i64>,
    /// `None` where it was never taken.
    pub next_offset: Option<i64>,
    /// Records that Kafka has and that were not read yet.
    pub lag: Option<i64>,
    /// Those of them that cannot be read before an open transaction ends.
    pub hidden: Option<i64>,
    /// For how many seconds the first record that waits has been in Kafka; 0 where none waits that
    /// can be read.
    pub behind_seconds: Option<i64>,
    /// The highest event time, microseconds since the Unix epoch.
    pub event_time_us: Option<i64>,
    pub records: i64,
    pub rows: i64,
    pub superseded: i64,
    pub late: i64,
    pub dead_letters: i64,
    /// The process that took the partition last, or is to take it; empty where none has yet.
    pub owner: String,
    /// Below this offset rows are left out that happened later than what the table has, as
    /// somebody has resumed the partition: nothing looks at them. `None`: somebody would be told.
    pub left_out_until: Option<i64>,
}

/// Whether a partition moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunState {
    Running,
    /// It goes on by itself when what it waits for is there.
    Waiting,
    /// A person paused it.
    Paused,
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
    let stored = timeout(POSTGRES_WAIT, Stored::read(opened)).await;
    let seconds = POSTGRES_WAIT.as_secs();
    let stored = stored.map_err(|_| anyhow!("postgres has not answered within {seconds} s"))??;
    let (config, checkpoints) = (opened.config.clone(), stored.checkpoints.clone());
    let asked = spawn_blocking(move || InKafka::ask(&config, &checkpoints));
    let in_kafka = match timeout(KAFKA_WAIT, asked).await {
        Ok(answer) => answer?.unwrap_or_else(|error| InKafka::unknown(format!("{error:#}"))),
        Err(_) => InKafka::unknown("kafka does not answer".to_owned()),
    };
    Ok(stored.status(opened, in_kafka))
}

/// What Postgres says of a pipeline.
struct Stored {
    rollout: Rollout,
    file_differs: bool,
    checkpoints: Vec<Checkpoint>,
    gaps: Vec<StoredGap>,
    letters_waiting: i64,
    hosts: HashMap<String, Host>,
}

impl Stored {
    async fn read(opened: &Opened) -> Result<Self> {
        let name = opened.name();
        let connection = opened.database.connect().await?;
        let rollout = opened.rollout(&connection).await?;
        let run = rollout.run;
        let new = Filter {
            states: vec![LetterState::New],
            ..Filter::default()
        };
        Ok(Self {
            checkpoints: checkpoint::list(&connection, name, run).await?,
            gaps: gap::list(&connection, name, run).await?,
            letters_waiting: stored_letter::count(&connection, name, run, &new).await?,
            hosts: host::list(&connection, name).await?,
            file_differs: opened.differs(&connection, rollout.active).await?,
            rollout,
        })
    }

    fn status(self, opened: &Opened, in_kafka: InKafka) -> Status {
        let (config, hosts, rollout) = (&opened.config, &self.hosts, &self.rollout);
        let alive = || hosts.values().filter(|host| host.is_alive);
        let of_all = |wait: &&Wait| wait.partition.is_none();
        let waiting = alive().find_map(|host| host.waiting.iter().find(of_all));
        let notices: BTreeSet<&str> = alive().flat_map(Host::notices).collect();
        let lags = in_kafka.lags.into_iter().chain(std::iter::repeat(None));
        let untaken = untaken(hosts, &self.checkpoints).into_iter();
        let untaken = untaken.filter_map(|(host, wait)| PartitionStatus::untaken(host, wait));
        let taken = self.checkpoints.iter().zip(lags);
        let taken = taken.map(|(c, lag)| PartitionStatus::new(c.clone(), lag, hosts));
        let mut partitions: Vec<_> = taken.chain(untaken).collect();
        let known: HashSet<i32> = partitions.iter().map(|p| p.partition).collect();
        let unheard = in_kafka.partitions.iter().filter(|n| !known.contains(n));
        let topic = config.source.topic.as_str();
        partitions.extend(unheard.map(|number| PartitionStatus::unheard(topic, *number)));
        partitions.sort_by_key(|p| p.partition);
        Status {
            pipeline: opened.name().to_owned(),
            topic: config.source.topic.clone(),
            table: config.target.table.clone(),
            run: rollout.run,
            revision: rollout.active,
            file_differs: self.file_differs,
            staged: rollout.staging.map(|revision| Staged {
                revision,
                canary: rollout.canary,
                is_shadowed: rollout.is_shadowed,
            }),
            processes: alive().count(),
            waiting: waiting.map(|wait| wait.reason.clone()),
            notices: notices.into_iter().map(str::to_owned).collect(),
            partitions,
            gaps: self.gaps.into_iter().map(MissingOffsets::from).collect(),
            letters_waiting: self.letters_waiting,
            letters_topic: config.dead_letters.topic.clone(),
            lag_unknown: in_kafka.lag_unknown,
        }
    }
}

impl Status {
    /// Whether nothing stands still that no person has paused.
    pub fn is_well(&self) -> bool {
        let lags = |p: &PartitionStatus| p.lag != Some(0);
        let waits_long = |p: &PartitionStatus| p.still_seconds > Some(WAIT_MAX_SECONDS);
        let is_well = |p: &PartitionStatus| match p.state {
            RunState::Running | RunState::Paused => true,
            RunState::Waiting => !(waits_long(p) && lags(p)),
            RunState::NotRunning | RunState::Halted => false,
        };
        let all_wait = self.partitions.is_empty() && self.waiting.is_some();
        self.processes > 0 && !all_wait && self.partitions.iter().all(is_well)
    }
}

/// What Kafka says.
struct InKafka {
    /// The topic's partitions.
    partitions: Vec<i32>,
    /// Of each checkpoint, where it is known.
    lags: Vec<Option<Lag>>,
    lag_unknown: Vec<String>,
}

impl InKafka {
    fn unknown(why: String) -> Self {
        Self {
            partitions: Vec::new(),
            lags: Vec::new(),
            lag_unknown: vec![why],
        }
    }

    fn ask(config: &Config, checkpoints: &[Checkpoint]) -> Result<Self> {
        let admin = Admin::new(&config.source.bootstrap, &config.source.properties)?;
        let lags = admin.lags(&positions(checkpoints))?;
        let unknown = lags.iter().filter_map(|lag| lag.as_ref().err());
        let mut unknown: Vec<String> = unknown.map(|error| error.to_string()).collect();
        unknown.dedup();
        Ok(Self {
            partitions: admin.topic(&config.source.topic)?.partitions,
            lags: lags.into_iter().map(Result::ok).collect(),
            lag_unknown: unknown,
        })
    }
}

/// How far each partition was read.
fn positions(checkpoints: &[Checkpoint]) -> Vec<LagRequest> {
    let position = |c: &Checkpoint| LagRequest {
        partition: TopicPartition::new(c.key.topic.as_str(), c.key.partition),
        next_offset: c.next_offset,
        may_read: c.state.reads(),
        after_ms: c.last_record.and_then(|last| last.at_ms),
    };
    checkpoints.iter().map(position).collect()
}

impl PartitionStatus {
    fn new(checkpoint: Checkpoint, lag: Option<Lag>, hosts: &HashMap<String, Host>) -> Self {
        let (state, reason, still_seconds) = standing(&checkpoint, hosts);
        let now_ms = Timestamp::now().as_millisecond();
        let behind_ms = lag.and_then(|lag| lag.behind_ms(now_ms));
        let until = checkpoint.left_out.allowed_until(checkpoint.revision);
        Self {
            state,
            reason,
            still_seconds,
            lag: lag.map(|lag| lag.readable + lag.hidden),
            hidden: lag.map(|lag| lag.hidden),
            behind_seconds: behind_ms.map(|ms| ms / 1_000),
            topic: checkpoint.key.topic,
            partition: checkpoint.key.partition,
            next_offset: Some(checkpoint.next_offset),
            event_time_us: checkpoint.event_time_max_us,
            records: checkpoint.records,
            rows: checkpoint.rows_upserted,
            superseded: checkpoint.superseded,
            late: checkpoint.late,
            dead_letters: checkpoint.dead_letters,
            left_out_until: until.filter(|until| *until > checkpoint.next_offset),
            owner: checkpoint.owner,
        }
    }

    /// A partition that has no checkpoint yet, as `owner` says what it waits for.
    fn untaken(owner: &str, wait: &Wait) -> Option<Self> {
        let (topic, partition) = wait.partition.clone()?;
        let (state, reason, still_seconds) = told(wait);
        Some(Self {
            state,
            reason,
            still_seconds,
            owner: owner.to_owned(),
            ..Self::unheard(&topic, partition)
        })
    }

    /// A partition of the topic's that no process has spoken of.
    fn unheard(topic: &str, partition: i32) -> Self {
        Self {
            topic: topic.to_owned(),
            partition,
            state: RunState::NotRunning,
            reason: None,
            still_seconds: None,
            next_offset: None,
            lag: None,
            hidden: None,
            behind_seconds: None,
            event_time_us: None,
            records: 0,
            rows: 0,
            superseded: 0,
            late: 0,
            dead_letters: 0,
            owner: String::new(),
            left_out_until: None,
        }
    }
}

/// A partition's state, why, and for how many seconds. What a person must end comes first; else the
/// word of its process counts, while that lives: a checkpoint may be locked.
fn standing(
    checkpoint: &Checkpoint,
    hosts: &HashMap<String, Host>,
) -> (RunState, Option<String>, Option<i64>) {
    let reason = checkpoint.reason.clone();
    match checkpoint.state {
        PartitionState::Halted => return (RunState::Halted, reason, None),
        PartitionState::Paused => return (RunState::Paused, reason, None),
        PartitionState::Running | PartitionState::Waiting => {}
    }
    let (topic, partition) = (&checkpoint.key.topic, checkpoint.key.partition);
    let host = hosts.get(&checkpoint.owner);
    let own = host.and_then(|host| host.wait(topic, partition));
    // Another one has been given the partition, and has not taken it.
    let others = hosts.values().filter_map(|h| h.wait(topic, partition));
    if let Some(wait) = own.or_else(|| others.max_by_key(|wait| wait.since_us)) {
        return told(wait);
    }
    if host.is_some_and(|host| host.is_alive) {
        return (RunState::Running, None, None);
    }
    let silent = host.map(|host| host.silent_seconds);
    let seconds = silent.or(checkpoint.flushed_at_us.map(seconds_since));
    (RunState::NotRunning, None, seconds)
}

/// What a process says of a partition.
fn told(wait: &Wait) -> (RunState, Option<String>, Option<i64>) {
    let reason = Some(wait.reason.clone());
    match wait.state {
        PartitionState::Halted => (RunState::Halted, reason, None),
        PartitionState::Paused => (RunState::Paused, reason, None),
        PartitionState::Running | PartitionState::Waiting => {
            let seconds = seconds_since(wait.since_us);
            (RunState::Waiting, reason, Some(seconds))
        }
    }
}

/// `us`: microseconds since the Unix epoch.
fn seconds_since(us: i64) -> i64 {
    let now_us = Timestamp::now().as_microsecond();
    ((now_us - us) / 1_000_000).max(0)
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
