//! Processes that run a pipeline: whether they live, and what their partitions are doing.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Value, json};
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Row};

use crate::commit::checkpoint::{Checkpoint, PartitionState};
use crate::commit::lease::Lease;
use crate::wire::database_error::DatabaseError;
use crate::wire::placeholder::{self, Named};

/// Heard of within ten heartbeats of a second each: a process that is starved for some seconds is
/// still one to wait for.
pub(crate) const ALIVE: &str = "heartbeat > now() - interval '10 seconds'";

/// What a process says about one pipeline that it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beat<'a> {
    pub pipeline: &'a str,
    /// The revision being staged, once the process has tried to load it.
    pub staged_revision: Option<i32>,
    /// Why the process cannot run it; `None`: it can.
    pub error: Option<&'a str>,
    /// What waits or has halted, what is paused untaken, and what runs and a person should know
    /// something of.
    pub waiting: Vec<Wait>,
}

/// What a partition, or all of a pipeline in a process, waits for. Its checkpoint says it, too,
/// where it was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wait {
    /// Topic and partition; `None`: what concerns all of them.
    pub partition: Option<(String, i32)>,
    /// Whether it goes on by itself.
    pub state: PartitionState,
    pub reason: String,
    /// Microseconds since the Unix epoch.
    pub since_us: i64,
    /// The newest request that was known when it halted: see [`crate::fleet::steering`].
    pub request: Option<i64>,
}

/// A partition that a process holds, and what it is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    pub lease: Lease,
    pub state: PartitionState,
    pub reason: Option<String>,
}

/// Says that `host` is alive, what it has ready of each pipeline, each named once, and what the
/// partitions are doing that it holds. A checkpoint that a flush has locked follows later: nothing
/// here waits for a lock.
pub async fn heartbeat(
    client: &Client,
    host: &str,
    beats: &[Beat<'_>],
    held: &[Held],
) -> Result<(), DatabaseError> {
    let pipelines: Vec<_> = beats.iter().map(|b| b.pipeline).collect();
    let staged: Vec<_> = beats.iter().map(|b| b.staged_revision).collect();
    let errors: Vec<_> = beats.iter().map(|b| b.error).collect();
    let waiting: Vec<Value> = beats.iter().map(|b| Wait::to_json(&b.waiting)).collect();
    let keys = || held.iter().map(|h| &h.lease.key);
    let of: Vec<_> = keys().map(|key| key.pipeline.as_str()).collect();
    let runs: Vec<_> = keys().map(|key| key.run).collect();
    let topics: Vec<_> = keys().map(|key| key.topic.as_str()).collect();
    let partitions: Vec<_> = keys().map(|key| key.partition).collect();
    let epochs: Vec<_> = held.iter().map(|h| h.lease.owner_epoch).collect();
    let states: Vec<_> = held.iter().map(|h| h.state.as_str()).collect();
    let reasons: Vec<_> = held.iter().map(|h| h.reason.as_deref()).collect();
    let parameters: [Named<'_>; 12] = [
        ("host", Type::TEXT, &host),
        ("pipelines", Type::TEXT_ARRAY, &pipelines),
        ("staged_revisions", Type::INT4_ARRAY, &staged),
        ("errors", Type::TEXT_ARRAY, &errors),
        ("waiting", Type::JSONB_ARRAY, &waiting),
        ("of", Type::TEXT_ARRAY, &of),
        ("runs", Type::INT8_ARRAY, &runs),
        ("topics", Type::TEXT_ARRAY, &topics),
        ("partitions", Type::INT4_ARRAY, &partitions),
        ("epochs", Type::INT8_ARRAY, &epochs),
        ("states", Type::TEXT_ARRAY, &states),
        ("reasons", Type::TEXT_ARRAY, &reasons),
    ];
    placeholder::execute(client, include_str!("heartbeat.sql"), &parameters)
        .await
        .map_err(DatabaseError::query("write this host's heartbeat"))?;
    Ok(())
}

impl Wait {
    fn to_json(waits: &[Self]) -> Value {
        let wait = |wait: &Self| {
            let (topic, partition) = wait.partition.clone().unzip();
            json!({
                "topic": topic,
                "partition": partition,
                "state": wait.state.as_str(),
                "reason": wait.reason,
                "since": wait.since_us,
                "request": wait.request,
            })
        };
        waits.iter().map(wait).collect()
    }

    fn from_json(waits: &Value) -> Vec<Self> {
        let wait = |wait: &Value| {
            let partition = wait["partition"].as_i64().and_then(|p| p.try_into().ok());
            let topic = wait["topic"].as_str().map(str::to_owned);
            Some(Self {
                partition: topic.zip(partition),
                // Earlier programs name none, as all that they list waits.
                state: match wait["state"].as_str() {
                    Some(state) => PartitionState::from_stored(state),
                    None => PartitionState::Waiting,
                },
                reason: wait["reason"].as_str()?.to_owned(),
                since_us: wait["since"].as_i64()?,
                request: wait["request"].as_i64(),
            })
        };
        let waits = waits.as_array().into_iter().flatten();
        waits.filter_map(wait).collect()
    }
}

/// Whether another process than `host` runs one of `pipelines`.
pub async fn others_live(
    client: &Client,
    host: &str,
    pipelines: &[&str],
) -> Result<bool, DatabaseError> {
    let sql = format!(
        "select exists (select from gristmill.host where pipeline = any ($2) and host <> $1 and \
         {ALIVE})"
    );
    let failed = DatabaseError::query("read the heartbeats");
    let row = client.query_one(&sql, &[&host, &pipelines]).await;
    row.and_then(|row| row.try_get(0)).map_err(failed)
}

/// Says that `host` has ended: it runs `pipelines` no longer. Its row stays for a while, as it
/// tells since when nobody runs them.
pub async fn leave(client: &Client, host: &str, pipelines: &[&str]) -> Result<(), DatabaseError> {
    let sql = r"
        update gristmill.host
        -- The heartbeat, too: programs from before left_at look at nothing else.
        set left_at = now(), heartbeat = '-infinity', waiting = null
        where host = $1 and pipeline = any ($2)";
    client
        .execute(sql, &[&host, &pipelines])
        .await
        .map_err(DatabaseError::query("take this host's heartbeat back"))?;
    Ok(())
}

/// Forgets processes that ended more than a day ago, and the files of machines that have run
/// nothing for ninety: containers get another name each time. A machine that comes back after
/// that counts as a new one.
pub async fn prune(client: &Client, pipelines: &[&str]) -> Result<(), DatabaseError> {
    let sql = r"
        with gone as (
          delete from gristmill.host
          where pipeline = any ($1) and greatest(heartbeat, left_at) < now() - interval '1 day'
        )
        delete from gristmill.file f
        where pipeline = any ($1) and at < now() - interval '90 days'
          and not exists (
            select
            from gristmill.host h
            where h.pipeline = f.pipeline and split_part(h.host, '/', 1) = f.host
          )";
    client
        .execute(sql, &[&pipelines])
        .await
        .map_err(DatabaseError::query("forget hosts that are gone"))?;
    Ok(())
}

/// A process that runs a pipeline, or did so lately.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    pub is_alive: bool,
    /// Seconds since it was last heard of.
    pub silent_seconds: i64,
    /// See [`Beat::waiting`].
    pub waiting: Vec<Wait>,
}

impl Host {
    /// What the process waits for with the partition.
    pub fn wait(&self, topic: &str, partition: i32) -> Option<&Wait> {
        let is_its = |wait: &&Wait| {
            let of = wait.partition.as_ref();
            of.is_some_and(|(t, p)| t == topic && *p == partition)
        };
        let is_still = |wait: &&Wait| wait.state != PartitionState::Running;
        let mut still = self.waiting.iter().filter(is_still);
        still.find(is_its).filter(|_| self.is_alive)
    }

    /// What a person should know of partitions that run.
    pub fn notices(&self) -> impl Iterator<Item = &str> {
        let runs = |wait: &&Wait| wait.state == PartitionState::Running;
        let notices = self.waiting.iter().filter(runs).filter(|_| self.is_alive);
        notices.map(|wait| wait.reason.as_str())
    }
}

/// The partitions that some process waits for, or stands still with, and that have no checkpoint,
/// by number, each with the process.
pub fn untaken<'h>(
    hosts: &'h HashMap<String, Host>,
    checkpoints: &[Checkpoint],
) -> Vec<(&'h str, &'h Wait)> {
    let is_taken = |topic: &str, partition: i32| {
        let mut keys = checkpoints.iter().map(|c| &c.key);
        keys.any(|key| key.topic == topic && key.partition == partition)
    };
    let mut untaken = BTreeMap::new();
    for (name, host) in hosts.iter().filter(|(_, host)| host.is_alive) {
        let is_still = |wait: &&Wait| wait.state != PartitionState::Running;
        for wait in host.waiting.iter().filter(is_still) {
            if let Some((topic, partition)) = &wait.partition
                && !is_taken(topic, *partition)
            {
                untaken.insert((topic, *partition), (name.as_str(), wait));
            }
        }
    }
    untaken.into_values().collect()
}

/// The processes that run the pipeline, or did so lately, by name.
pub async fn list(client: &Client, pipeline: &str) -> Result<HashMap<String, Host>, DatabaseError> {
    let failed = || DatabaseError::query("read the heartbeats");
    let sql = format!(
        r"
        select
          host, {ALIVE},
          extract(epoch from now() - greatest(heartbeat, left_at))::bigint,
          coalesce(waiting, '[]')
        from gristmill.host
        where pipeline = $1"
    );
    let rows = client.query(&sql, &[&pipeline]).await.map_err(failed())?;
    let host = |row: &Row| {
        let host = Host {
            is_alive: row.try_get(1)?,
            silent_seconds: row.try_get(2)?,
            waiting: Wait::from_json(&row.try_get(3)?),
        };
        Ok((row.try_get(0)?, host))
    };
    rows.iter()
        .map(host)
        .collect::<Result<_, _>>()
        .map_err(failed())
}
