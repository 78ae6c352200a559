//! Which records were written since columns of their table are what they are.

use tokio_postgres::Client;

use crate::table::identifier::{REVISION, VERSION, quote};
use crate::table::target_table::TargetTable;
use crate::wire::database_error::DatabaseError;

/// Rows of one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WrittenRange {
    pub partition: i32,
    /// The offset of the first record, and of the last.
    pub first_offset: i64,
    pub last_offset: i64,
    pub rows: i64,
}

/// The rows of `target` that were written after one of `columns` was changed last, and not by
/// `revision`, by partition; none where rows do not say where they come from. All rows are looked
/// at, however long that takes. Rows of more than two thousand million transactions ago are left
/// out, until after as many again they count as new ones.
pub async fn written_since(
    client: &Client,
    target: &TargetTable,
    columns: &[&str],
    revision: Option<i32>,
) -> Result<Vec<WrittenRange>, DatabaseError> {
    if target.column(VERSION).is_none() || columns.is_empty() {
        return Ok(Vec::new());
    }
    let writer = match target.column(REVISION) {
        Some(_) => format!("t.{}", quote(REVISION)),
        None => "null::int".to_owned(),
    };
    // A change that writes a table anew gives all of its rows its own transaction.
    let sql = format!(
        "select gristmill.partition_of(t.{version}), min(gristmill.offset_of(t.{version})), \
         max(gristmill.offset_of(t.{version})), pg_catalog.count(*) \
         from {table} as t, (select max(pg_catalog.age(a.xmin)) as age from pg_attribute as a \
         where a.attrelid = $1 and a.attname::text = any ($2)) as changed \
         where t.{version} is not null and pg_catalog.age(t.xmin) >= 0 \
         and pg_catalog.age(t.xmin) < changed.age \
         and ($3::int is null or {writer} is distinct from $3) \
         group by 1 order by 1",
        version = quote(VERSION),
        table = target.own_rows,
    );
    let failed = || DatabaseError::query("find what was written since the table was changed");
    // A large table takes longer than a flush may.
    let no_limit = "begin; set local statement_timeout = 0";
    client.batch_execute(no_limit).await.map_err(failed())?;
    let rows = client
        .query(&sql, &[&target.oid, &columns, &revision])
        .await;
    client.batch_execute("rollback").await.map_err(failed())?;
    let rows = rows.map_err(failed())?;
    let ranges = rows.iter().map(|row| WrittenRange {
        partition: row.get(0),
        first_offset: row.get(1),
        last_offset: row.get(2),
        rows: row.get(3),
    });
    Ok(ranges.collect())
}
