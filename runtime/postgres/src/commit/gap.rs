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

const HALT: &str = r"
    update gristmill.checkpoint
    set state = 'halted', reason = :reason
    where pipeline = :pipeline and run = :run and topic = :topic and partition = :partition
      and owner_epoch = :owner_epoch and next_offset = :from_offset";

const ACCEPT: &str = r"
    update gristmill.checkpoint
    set
      next_offset = :to_offset, state = 'running', reason = null,
      last_record_offset = null, last_record_at = null, last_record_hash = null
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
    from_offset: i64,
    to_offset: i64,
    cause: &str,
    reason: &str,
) -> Result<bool, DatabaseError> {
    let missing = Missing {
        lease,
        from_offset,
        to_offset,
        cause,
        accepted_by: None,
    };
    missing
        .record(connection, HALT, ("reason", Type::TEXT, &reason))
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
    let missing = Missing {
        lease,
        from_offset,
        to_offset,
        cause,
        accepted_by: Some(accepted_by),
    };
    missing
        .record(connection, ACCEPT, ("to_offset", Type::INT8, &to_offset))
        .await
}

/// A gap to be recorded.
struct Missing<'a> {
    lease: &'a Lease,
    from_offset: i64,
    to_offset: i64,
    cause: &'a str,
    accepted_by: Option<&'a str>,
}

impl Missing<'_> {
    /// Writes the checkpoint by `update`, which takes one more parameter, and the gap.
    async fn record(
        &self,
        connection: &mut Connection,
        update: &str,
        another: Named<'_>,
    ) -> Result<bool, DatabaseError> {
        let failed = || DatabaseError::query("record a gap");
        let key = &self.lease.key;
        let place: [Named<'_>; 5] = [
            ("pipeline", Type::TEXT, &key.pipeline),
            ("run", Type::INT8, &key.run),
            ("topic", Type::TEXT, &key.topic),
            ("partition", Type::INT4, &key.partition),
            ("from_offset", Type::INT8, &self.from_offset),
        ];
        let epoch: Named<'_> = ("owner_epoch", Type::INT8, &self.lease.owner_epoch);
        let gap: [Named<'_>; 3] = [
            ("to_offset", Type::INT8, &self.to_offset),
            ("cause", Type::TEXT, &self.cause),
            ("accepted_by", Type::TEXT, &self.accepted_by),
        ];
        let transaction = connection.transaction().await.map_err(failed())?;
        let parameters = [&place[..], &[epoch, another]].concat();
        let updated = placeholder::execute(transaction.client(), update, &parameters).await;
        if updated.map_err(failed())? == 0 {
            return Ok(false);
        }
        let parameters = [&place[..], &gap[..]].concat();
        let recorded = placeholder::execute(transaction.client(), RECORD, &parameters).await;
        recorded.map_err(failed())?;
        transaction.commit().await.map_err(failed())?;
        Ok(true)
    }
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
