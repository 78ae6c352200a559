//! Offsets that were never read because the topic no longer had them.

use tokio_postgres::Client;
use tokio_postgres::types::ToSql;

use crate::commit::checkpoint::Lease;
use crate::wire::connect::Connection;
use crate::wire::error::DatabaseError;
use crate::wire::values::Instant;

/// Missing offsets of a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
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

const RECORD: &str = "insert into gristmill.gap (pipeline, run, topic, partition, from_offset, \
                      to_offset, cause, accepted_by) values ($1, $2, $3, $4, $5, $6, $7, $8) on \
                      conflict (pipeline, run, topic, partition, from_offset) do update set \
                      to_offset = excluded.to_offset, cause = excluded.cause, at = excluded.at, \
                      accepted_by = excluded.accepted_by";

/// Records a gap that halts the partition, and halts it with `reason`, together. `false`: the lease
/// is no longer good, and nothing was written.
pub async fn halt_at_gap(
    connection: &mut Connection,
    lease: &Lease,
    from_offset: i64,
    to_offset: i64,
    cause: &str,
    reason: &str,
) -> Result<bool, DatabaseError> {
    let sql = "update gristmill.checkpoint set state = 'halted', reason = $7 where pipeline = $1 \
               and run = $2 and topic = $3 and partition = $4 and owner_epoch = $5 and \
               next_offset = $6";
    record(
        connection,
        lease,
        from_offset,
        to_offset,
        cause,
        None,
        (sql, &reason),
    )
    .await
}

/// Moves the checkpoint over a gap and records who accepted it, together; the partition runs again.
/// `false`: the lease is no longer good or the checkpoint is not at `from_offset`, and nothing was
/// written.
pub async fn accept_gap(
    connection: &mut Connection,
    lease: &Lease,
    from_offset: i64,
    to_offset: i64,
    cause: &str,
    accepted_by: &str,
) -> Result<bool, DatabaseError> {
    let sql = "update gristmill.checkpoint set next_offset = $7, state = 'running', reason = \
               null, last_record_offset = null, last_record_at = null, last_record_hash = null \
               where pipeline = $1 and run = $2 and topic = $3 and partition = $4 and owner_epoch \
               = $5 and next_offset = $6";
    record(
        connection,
        lease,
        from_offset,
        to_offset,
        cause,
        Some(accepted_by),
        (sql, &to_offset),
    )
    .await
}

async fn record(
    connection: &mut Connection,
    lease: &Lease,
    from_offset: i64,
    to_offset: i64,
    cause: &str,
    accepted_by: Option<&str>,
    (update, seventh): (&str, &(dyn ToSql + Sync)),
) -> Result<bool, DatabaseError> {
    let failed = || DatabaseError::query("record a gap");
    let key = &lease.key;
    let transaction = connection.transaction().await.map_err(failed())?;
    let parameters: [&(dyn ToSql + Sync); 7] = [
        &key.pipeline,
        &key.run,
        &key.topic,
        &key.partition,
        &lease.owner_epoch,
        &from_offset,
        seventh,
    ];
    if transaction
        .execute(update, &parameters)
        .await
        .map_err(failed())?
        == 0
    {
        return Ok(false);
    }
    let parameters: [&(dyn ToSql + Sync); 8] = [
        &key.pipeline,
        &key.run,
        &key.topic,
        &key.partition,
        &from_offset,
        &to_offset,
        &cause,
        &accepted_by,
    ];
    transaction
        .execute(RECORD, &parameters)
        .await
        .map_err(failed())?;
    transaction.commit().await.map_err(failed())?;
    Ok(true)
}

/// The gaps of a run, in the order of topic, partition and offset.
pub async fn list(client: &Client, pipeline: &str, run: i64) -> Result<Vec<Gap>, DatabaseError> {
    let sql = "select topic, partition, from_offset, to_offset, cause, at, accepted_by from \
               gristmill.gap where pipeline = $1 and run = $2 order by 1, 2, 3";
    let rows = client
        .query(sql, &[&pipeline, &run])
        .await
        .map_err(DatabaseError::query("read the gaps"))?;
    let gap = |row: &tokio_postgres::Row| Gap {
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
