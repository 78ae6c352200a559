//! What keeps rows that were deleted for good from coming back.

use std::sync::Arc;

use gristmill_core::chain::Computed;
use tokio_postgres::Client;
use tokio_postgres::types::Type;

use crate::commit::flush_error::FlushError;
use crate::commit::refused_row::RefusedRow;
use crate::commit::rows_sql::RowsSql;
use crate::commit::shape::Shape;
use crate::commit::sink::{RowOrigin, Sink};
use crate::commit::statement::Sql;
use crate::commit::time_limit::in_time;
use crate::table::identifier::{VERSION, quote};
use crate::wire::connection::Connection;
use crate::wire::database_error::DatabaseError;
use crate::wire::placeholder::{self, Named};

/// Tombstones that are taken out at a time.
const PURGED_MAX: i64 = 1_000;

/// The statements about tombstones of a target.
#[derive(Clone, Debug)]
pub(crate) struct Tombstones {
    /// The table in `gristmill.target_table`.
    target: i32,
    sweep: Arc<str>,
    /// The rows of a batch whose key has no row, and perhaps had a tombstone.
    forgotten: Sql,
}

impl Tombstones {
    /// `None`: nothing of this target is deleted for good.
    pub(crate) fn new(shape: &Shape<'_>) -> Option<Self> {
        let kept = shape.kept.filter(|_| shape.reads_tombstones())?;
        let stored = format!("t.{}", quote(VERSION));
        // Another session's statement may have read the tombstones before this one was there, and
        // have written an older row beside it: for two minutes, longer than any statement takes.
        let sweep = format!(
            "delete from {} as t using gristmill.tombstone as d where d.target = {} and d.at > \
             pg_catalog.clock_timestamp() - interval '2 minutes' and \
             pg_catalog.get_byte(d.version, 0) = {} and {} and {stored} <> d.version and {}",
            shape.target.sql_name,
            kept.target,
            kept.rule,
            shape.on_tombstone(),
            shape.guarded().versions(&stored, "d.version"),
        );
        let rows = RowsSql::masked(shape);
        let forgotten = format!(
            "select u.n - 1, z.forgotten_below::text from (select \
             pg_catalog.generate_subscripts(:v, 1) as n, {}) as u join gristmill.target_table as z \
             on z.target = {} where {} <= z.forgotten_below and not exists (select from {} as t \
             where {}) order by 1",
            rows.unnested(),
            kept.target,
            shape.event_time(),
            shape.target.sql_name,
            shape.on(),
        );
        Some(Self {
            target: kept.target,
            sweep: sweep.into(),
            forgotten: shape.alone(&forgotten, rows.arrays(), false),
        })
    }
}

impl Sink {
    /// Deletes rows below a tombstone of the last two minutes, which a race left there. Returns how
    /// many: usually none.
    pub async fn sweep(&self, client: &Client) -> Result<u64, DatabaseError> {
        let Some(tombstones) = &self.tombstones else {
            return Ok(0);
        };
        let swept = client.execute_typed(&tombstones.sweep, &[]).await;
        swept.map_err(DatabaseError::query("sweep rows that were deleted"))
    }

    /// Takes out tombstones for which nothing older can come, and returns how many: at most 1,000,
    /// those whose event time is `ttl_us` before the lowest watermark of all partitions. A
    /// partition that has not begun has none, and nothing is taken out.
    pub async fn purge(&self, client: &Client, ttl_us: i64) -> Result<u64, DatabaseError> {
        let Some(tombstones) = &self.tombstones else {
            return Ok(0);
        };
        let parameters: [Named<'_>; 4] = [
            ("target", Type::INT4, &tombstones.target),
            ("oid", Type::OID, &self.target.oid),
            ("ttl_us", Type::INT8, &ttl_us),
            ("most", Type::INT8, &PURGED_MAX),
        ];
        let purged = placeholder::query(client, include_str!("purge.sql"), &parameters).await;
        let purged = purged.map_err(DatabaseError::query("take out tombstones"))?;
        let purged = purged.first().map_or(0, |row| row.get::<_, i64>(0));
        Ok(purged.unsigned_abs())
    }

    /// The newest rows of `batch` that may have been deleted before tombstones were taken out:
    /// whether to insert them nobody knows.
    pub(crate) async fn forgotten(
        &self,
        connection: &mut Connection,
        origin: RowOrigin,
        batch: &Computed,
    ) -> Result<Vec<RefusedRow>, FlushError> {
        let Some(Tombstones { forgotten, .. }) = &self.tombstones else {
            return Ok(Vec::new());
        };
        let rows = self.rows(origin, &batch.records, &batch.sources, &batch.rows, true)?;
        let (partition, revision) = (0, 0);
        let values = self.row_values(&partition, &revision, &rows, false);
        let statement = connection
            .prepared(&forgotten.text, &forgotten.types)
            .await?;
        let found = in_time(connection.query(&statement, &values)).await??;
        let found = found.iter().map(|row| {
            let (n, below): (i32, String) = (row.get(0), row.get(1));
            (n as usize, below)
        });
        let inserted = found.filter(|(row, _)| !self.cells.is_deleted(&batch.rows, *row));
        let refused = inserted.map(|(row, below)| RefusedRow {
            layer: batch.earlier.len(),
            row,
            sqlstate: String::new(),
            message: format!(
                "there is no row of its key, and which rows were deleted up to {below} is \
                 forgotten, so that it may have been one of them: discard it, or write the row by \
                 hand"
            ),
            subject: None,
        });
        Ok(refused.collect())
    }
}
