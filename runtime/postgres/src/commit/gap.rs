//! Offsets that were never read because the topic no longer had them.

use tokio_postgres::Client;
use tokio_postgres::types::Type;

use crate::commit::lease::Lease;
use crate::wire::column_array::Instant;
use crate::wire::connection::Connection;
use crate::wire::database_error::DatabaseError;
use crate::wire::placeholder::{self, Named};

/// Missing offsets of a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredGap {
    pub topic: String,
    pub partition: i32,
    pub from_offset: i64,
    /// Exclusive.
    pub to_offset: i64,
    pub cause: String,
    /// Microseconds since the Unix epoch.
    pub at_us: i64,
    /// Who decided to go on without them; `None` while the partition is halted for it.
    pub accepted_by: Option<String>,
}

/// Offsets of a partition that are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// Where the checkpoint is.
    pub from_offset: i64,
    /// The first offset that Kafka has; below `from_offset` where the topic's offsets began anew.
    pub to_offset: i64,
    pub cause: Cause,
}

/// Why offsets are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Kafka deleted them before they were read.
    Retention,
    /// The topic is shorter than what was read of it.
    Truncated,
    /// The topic was deleted and created again.
    Recreated,
}

impl Cause {
    /// As `gristmill.gap.cause` has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Retention => "retention",
            Self::Truncated => "truncated",
            Self::Recreated => "re-created",
        }
    }
}

impl Gap {
    /// What happened, as a part of a sentence.
    pub fn description(&self) -> String {
        let (from, to) = (self.from_offset, self.to_offset);
        match self.cause {
            Cause::Retention => format!(
                "records {from} to {to} (exclusive) are gone from the topic before they were read"
            ),
            Cause::Truncated => format!(
                "the checkpoint is at {from}, which is behind the topic's end: it was truncated or \
                 created again"
            ),
            Cause::Recreated => format!(
                "the topic was deleted and created again since the records before {from} were read"
            ),
        }
    }

    /// What a person can do about it.
    pub fn way_out(&self) -> &'static str {
        match self.cause {
            Cause::Retention => {
                "restore the topic and resume, or go on without those records with `on_gap = \
                 \"continue\"` under [source], which takes effect when the process starts again"
            }
            Cause::Truncated | Cause::Recreated => {
                "restore the topic and resume, or read the new one from its beginning with \
                 `on_gap = \"continue\"` under [source], which takes effect when the process \
                 starts again"
            }
        }
    }
}

const HALT: &str = r"
    update gristmill.checkpoint
    set state = 'halted', reason = :reason
    where pipeline = :pipeline and run = :run and topic = :topic and partition = :partition
      and owner_epoch = :owner_epoch and next_offset = :from_offset";

// What a refused batch showed goes: letters of a new topic would take the same offsets. Where the
// offsets begin anew so does the watermark: what the new topic repeats is not late. Rows of the new
// log are newer than those of the old one with the same time.
const ACCEPT: &str = r"
    with samples as (
      delete from gristmill.dead_letter
      where state = 'sample' and pipeline = :pipeline and run = :run and topic = :topic
        and partition = :partition
    )
    update gristmill.checkpoint
    set
      next_offset = :to_offset, state = 'running', reason = null, takes = 0,
      last_record_offset = null, last_record_at = null, last_record_hash = null,
      topic_id = coalesce(:topic_id, topic_id),
      log = log + :logs,
      counted_below = case when :logs = 0 then counted_below else 0 end,
      event_time_max = case when :logs = 0 then event_time_max end
    where pipeline = :pipeline and run = :run and topic = :topic and partition = :partition
      and owner_epoch = :owner_epoch and next_offset = :from_offset";

const RECORD: &str = r"
    insert into gristmill.gap (
      pipeline, run, topic, partition, from_offset, to_offset, cause, accepted_by
    )
    values (
      :pipeline, :run, :topic, :partition, :from_offset, :to_offset, :cause, :accepted_by
    )
    on conflict (pipeline, run, topic, partition, from_offset) do update set
      to_offset = excluded.to_offset,
      cause = excluded.cause,
      at = excluded.at,
      accepted_by = excluded.accepted_by";

/// Records a gap that halts the partition, and halts it with `reason`, together. `false`: the lease
/// is no longer good, and nothing was written.
pub async fn halt_at_gap(
    connection: &mut Connection,
    lease: &Lease,
    gap: &Gap,
    reason: &str,
) -> Result<bool, DatabaseError> {
    let further = [("reason", Type::TEXT, &reason as _)];
    record(connection, lease, gap, None, (HALT, &further)).await
}

/// Moves the checkpoint over a gap and records who accepted it, together; the partition runs again,
/// on the topic with the id `topic_id`, where one is known. `false`: the lease is no longer good or
/// the checkpoint is not at the gap, and nothing was written.
pub async fn accept_gap(
    connection: &mut Connection,
    lease: &Lease,
    gap: &Gap,
    topic_id: Option<&str>,
    accepted_by: &str,
) -> Result<bool, DatabaseError> {
    let logs = i32::from(gap.cause != Cause::Retention);
    let further: [Named<'_>; 3] = [
        ("to_offset", Type::INT8, &gap.to_offset),
        ("topic_id", Type::TEXT, &topic_id),
        ("logs", Type::INT4, &logs),
    ];
    record(
        connection,
        lease,
        gap,
        Some(accepted_by),
        (ACCEPT, &further),
    )
    .await
}

/// Writes the checkpoint by a statement with further parameters, and the gap.
async fn record(
    connection: &mut Connection,
    lease: &Lease,
    gap: &Gap,
    accepted_by: Option<&str>,
    (update, further): (&str, &[Named<'_>]),
) -> Result<bool, DatabaseError> {
    let failed = || DatabaseError::query("record a gap");
    let key = &lease.key;
    let place: [Named<'_>; 5] = [
        ("pipeline", Type::TEXT, &key.pipeline),
        ("run", Type::INT8, &key.run),
        ("topic", Type::TEXT, &key.topic),
        ("partition", Type::INT4, &key.partition),
        ("from_offset", Type::INT8, &gap.from_offset),
    ];
    let epoch: Named<'_> = ("owner_epoch", Type::INT8, &lease.owner_epoch);
    let cause = gap.cause.as_str();
    let missing: [Named<'_>; 3] = [
        ("to_offset", Type::INT8, &gap.to_offset),
        ("cause", Type::TEXT, &cause),
        ("accepted_by", Type::TEXT, &accepted_by),
    ];
    let transaction = connection.transaction().await.map_err(failed())?;
    let parameters = [&place[..], &[epoch], further].concat();
    let updated = placeholder::execute(transaction.client(), update, &parameters).await;
    if updated.map_err(failed())? == 0 {
        return Ok(false);
    }
    let parameters = [&place[..], &missing[..]].concat();
    let recorded = placeholder::execute(transaction.client(), RECORD, &parameters).await;
    recorded.map_err(failed())?;
    transaction.commit().await.map_err(failed())?;
    Ok(true)
}

/// The gaps of a run, in the order of topic, partition and offset.
pub async fn list(
    client: &Client,
    pipeline: &str,
    run: i64,
) -> Result<Vec<StoredGap>, DatabaseError> {
    let sql = r"
        select topic, partition, from_offset, to_offset, cause, at, accepted_by
        from gristmill.gap
        where pipeline = $1 and run = $2
        order by topic, partition, from_offset";
    let rows = client
        .query(sql, &[&pipeline, &run])
        .await
        .map_err(DatabaseError::query("read the gaps"))?;
    let gap = |row: &tokio_postgres::Row| StoredGap {
        topic: row.get(0),
        partition: row.get(1),
        from_offset: row.get(2),
        to_offset: row.get(3),
        cause: row.get(4),
        at_us: row.get::<_, Instant>(5).0,
        accepted_by: row.get(6),
    };
    Ok(rows.iter().map(gap).collect())
}
