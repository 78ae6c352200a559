//! What a partition's checkpoint says.

use gristmill_core::brake::Recent;
use tokio_postgres::{Client, Row};

use crate::wire::column_array::Instant;
use crate::wire::database_error::DatabaseError;

/// A partition in one pass over its topic.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PartitionKey {
    pub pipeline: String,
    pub run: i64,
    pub topic: String,
    pub partition: i32,
}

/// The last record that was committed, to find out whether the topic still holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastRecord {
    pub offset: i64,
    /// Kafka's timestamp, milliseconds.
    pub at_ms: Option<i64>,
    /// See [`gristmill_core::record::record_hash`].
    pub hash: i64,
}

/// Whether a partition runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartitionState {
    Running,
    /// It goes on by itself when what it waits for is there.
    Waiting,
    /// A person stopped it, and may resume it.
    Paused,
    /// Until a person acts.
    Halted,
}

impl PartitionState {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Running, Self::Waiting, Self::Paused, Self::Halted];

    /// Whether its process reads its records: what halted may have halted for the next one.
    pub fn reads(self) -> bool {
        matches!(self, Self::Running | Self::Waiting)
    }

    /// As the column holds it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Paused => "paused",
            Self::Halted => "halted",
        }
    }

    pub(crate) fn from_stored(text: &str) -> Self {
        let stored = Self::ALL.into_iter().find(|state| state.as_str() == text);
        stored.unwrap_or(Self::Running)
    }
}

/// Rows that lost of late to a row that happened earlier: many say that the source's log has begun
/// anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    pub rows: i64,
    /// The offset from which on they are suspected.
    pub from: Option<i64>,
    /// The revision that has halted because of them.
    pub halted: Option<i32>,
    /// The newest request to go on when it halted: a newer one lets them be left out.
    pub request: i64,
    /// Below this offset somebody lets them be left out.
    pub until: Option<i64>,
}

impl LeftOut {
    /// Whether `revision` has halted because of them, and `request` to go on, the newest, is from
    /// before that.
    pub fn halts(&self, revision: i32, request: i64) -> bool {
        self.halted == Some(revision) && self.until.is_none() && request <= self.request
    }

    /// Below which offset `revision` may leave rows out.
    pub fn allowed_until(&self, revision: i32) -> Option<i64> {
        self.until.filter(|_| self.halted == Some(revision))
    }
}

/// One row of `gristmill status`.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    pub key: PartitionKey,
    pub topic_id: Option<String>,
    pub next_offset: i64,
    pub owner_epoch: i64,
    /// See [`crate::commit::lease::Lease`].
    pub log: i32,
    pub owner: String,
    pub revision: i32,
    pub event_time_max_us: Option<i64>,
    pub last_record: Option<LastRecord>,
    pub flushed_at_us: Option<i64>,
    pub state: PartitionState,
    pub reason: Option<String>,
    /// See [`crate::commit::vain_takes`].
    pub takes: i32,
    pub records: i64,
    pub rows_upserted: i64,
    pub superseded: i64,
    pub late: i64,
    pub dropped: i64,
    pub tombstones: i64,
    pub dead_letters: i64,
    /// What the limit on dead letters is taken over.
    pub recent: Recent,
    pub left_out: LeftOut,
    /// Records below this offset are counted already: some of them are read again.
    pub counted_below: i64,
}

/// What the checkpoint says now. `None`: the partition was never taken in this run.
pub async fn read(
    client: &Client,
    key: &PartitionKey,
) -> Result<Option<Checkpoint>, DatabaseError> {
    let failed = || DatabaseError::query("read the checkpoint");
    let sql = r"
        select *
        from gristmill.checkpoint
        where pipeline = $1 and run = $2 and topic = $3 and partition = $4";
    let row = client
        .query_opt(sql, &[&key.pipeline, &key.run, &key.topic, &key.partition])
        .await
        .map_err(failed())?;
    row.map(|row| Checkpoint::from_row(&row))
        .transpose()
        .map_err(failed())
}

/// All checkpoints of the pipeline's run, by topic and partition, of partitions that were taken.
pub async fn list(
    client: &Client,
    pipeline: &str,
    run: i64,
) -> Result<Vec<Checkpoint>, DatabaseError> {
    let failed = || DatabaseError::query("read the checkpoints");
    let sql = r"
        select *
        from gristmill.checkpoint
        where pipeline = $1 and run = $2 and revision > 0
        order by topic, partition";
    let rows = client
        .query(sql, &[&pipeline, &run])
        .await
        .map_err(failed())?;
    rows.iter()
        .map(Checkpoint::from_row)
        .collect::<Result<_, _>>()
        .map_err(failed())
}

impl Checkpoint {
    pub(crate) fn from_row(row: &Row) -> Result<Self, tokio_postgres::Error> {
        let instant = |name: &str| row.try_get::<_, Option<Instant>>(name);
        let (offset, hash): (Option<i64>, Option<i64>) = (
            row.try_get("last_record_offset")?,
            row.try_get("last_record_hash")?,
        );
        let at_ms = instant("last_record_at")?.map(Instant::ms);
        let state: &str = row.try_get("state")?;
        Ok(Self {
            key: PartitionKey {
                pipeline: row.try_get("pipeline")?,
                run: row.try_get("run")?,
                topic: row.try_get("topic")?,
                partition: row.try_get("partition")?,
            },
            topic_id: row.try_get("topic_id")?,
            next_offset: row.try_get("next_offset")?,
            owner_epoch: row.try_get("owner_epoch")?,
            log: row.try_get("log")?,
            owner: row.try_get("owner")?,
            revision: row.try_get("revision")?,
            event_time_max_us: instant("event_time_max")?.map(|i| i.0),
            last_record: offset.zip(hash).map(|(offset, hash)| LastRecord {
                offset,
                at_ms,
                hash,
            }),
            flushed_at_us: instant("flushed_at")?.map(|i| i.0),
            state: PartitionState::from_stored(state),
            reason: row.try_get("reason")?,
            takes: row.try_get("takes")?,
            records: row.try_get("records")?,
            rows_upserted: row.try_get("rows_upserted")?,
            superseded: row.try_get("superseded")?,
            late: row.try_get("late")?,
            dropped: row.try_get("dropped")?,
            tombstones: row.try_get("tombstones")?,
            dead_letters: row.try_get("dead_letters")?,
            recent: Recent {
                records: row.try_get::<_, i64>("recent_records")? as f64,
                dead_letters: row.try_get("recent_letters")?,
            },
            left_out: LeftOut {
                rows: row.try_get("left_out")?,
                from: row.try_get("left_out_from")?,
                halted: row.try_get("left_out_halted")?,
                request: row.try_get("left_out_request")?,
                until: row.try_get("left_out_until")?,
            },
            counted_below: row.try_get("counted_below")?,
        })
    }
}
