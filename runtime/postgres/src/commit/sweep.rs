//! What deletes for good leave behind: rows that a race let through, and tombstones.

use gristmill_core::chain::Computed;
use tokio_postgres::Client;
use tokio_postgres::types::Type;

use crate::commit::flush_error::FlushError;
use crate::commit::refused_row::RefusedRow;
use crate::commit::row_origin::RowOrigin;
use crate::commit::rows_sql::RowsKind;
use crate::commit::sink::Sink;
use crate::commit::time_limit::in_time;
use crate::commit::tombstones::Tombstones;
use crate::wire::connection::Connection;
use crate::wire::database_error::DatabaseError;
use crate::wire::placeholder::{self, Named};

/// Tombstones that are taken out at a time.
const PURGED_MAX: i64 = 1_000;

impl Sink {
    /// Whether rows of the target are, or were, deleted for good.
    pub fn has_tombstones(&self) -> bool {
        self.tombstones.is_some()
    }

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
        let rows = self.rows(
            origin,
            &batch.records,
            &batch.sources,
            &batch.rows,
            RowsKind::Deleted,
        )?;
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
