//! What deletes for good leave behind: rows that a race let through, and tombstones.

use gristmill_core::chain::Computed;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Statement, Transaction};

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
    /// Deletes rows below a tombstone, or marks them as deleted, which a race left there: beside
    /// those tombstones of which earlier sweeps may not have seen all. Returns how many: usually
    /// none.
    pub async fn sweep(&self, client: &Client) -> Result<u64, DatabaseError> {
        let failed = || DatabaseError::query("sweep rows that were deleted");
        let Some(Tombstones { target, sweep, .. }) = &self.tombstones else {
            return Ok(0);
        };
        let Some(sweep) = sweep else {
            return Ok(0);
        };
        let of: [Named<'_>; 1] = [("target", Type::INT4, target)];
        // Looked at before the sweep: it sees what those have written that ended until then.
        let oldest = placeholder::query(client, include_str!("oldest.sql"), &of).await;
        let oldest = oldest.map_err(failed())?;
        let Some(row) = oldest.first() else {
            return Ok(0);
        };
        let since: i64 = row.get(0);
        let (oldest, at): (String, String) = (row.get(1), row.get(2));
        let swept = client.execute_typed(sweep, &[(&since, Type::INT8)]).await;
        let swept = swept.map_err(failed())?;
        let done: [Named<'_>; 3] = [
            ("target", Type::INT4, target),
            ("oldest", Type::TEXT, &oldest),
            ("at", Type::TEXT, &at),
        ];
        let done = placeholder::execute(client, include_str!("swept.sql"), &done).await;
        done.map_err(failed())?;
        Ok(swept)
    }

    /// Takes out tombstones for which nothing older can come, and returns how many: at most 1,000,
    /// those whose event time is `ttl_us` before the lowest watermark of all partitions, once
    /// sweeps are done with them. A partition that has not begun has none, and nothing is taken
    /// out.
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

    /// Lets flushes look at no tombstones where there are none any more.
    pub async fn look_for_tombstones(&self, client: &Client) -> Result<(), DatabaseError> {
        let Some(tombstones) = &self.tombstones else {
            return Ok(());
        };
        let of: [Named<'_>; 1] = [("target", Type::INT4, &tombstones.target)];
        let sql = "select exists (select from gristmill.tombstone where target = :target)";
        let some = placeholder::query_one(client, sql, &of).await;
        let some = some.map_err(DatabaseError::query("look for tombstones"))?;
        if !some.get::<_, bool>(0) {
            self.seen.none_are_left();
        }
        Ok(())
    }

    /// What finds the newest rows of a batch that may have been deleted before tombstones were
    /// taken out.
    pub(crate) async fn prepare_forgotten(
        &self,
        connection: &mut Connection,
    ) -> Result<Option<Statement>, FlushError> {
        let Some(Tombstones { forgotten, .. }) = &self.tombstones else {
            return Ok(None);
        };
        Ok(Some(
            connection
                .prepared(&forgotten.text, &forgotten.types)
                .await?,
        ))
    }

    /// Those rows: whether to insert them nobody knows. Until the end of `transaction` no more
    /// tombstones are taken out.
    pub(crate) async fn forgotten(
        &self,
        transaction: &Transaction<'_>,
        statement: Option<&Statement>,
        origin: RowOrigin,
        batch: &Computed,
    ) -> Result<Vec<RefusedRow>, FlushError> {
        let Some(statement) = statement else {
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
        let found = in_time(transaction.query(statement, &values)).await??;
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
