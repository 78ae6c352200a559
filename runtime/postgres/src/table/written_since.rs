//! Which records were written since columns of their table are what they are.

use tokio_postgres::Client;

use crate::table::identifier::{VERSION, quote};
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

/// The rows of `target` that were written after one of `columns` was changed last, by partition;
/// none where rows do not say where they come from. All rows are looked at.
pub async fn written_since(
    client: &Client,
    target: &TargetTable,
    columns: &[&str],
) -> Result<Vec<WrittenRange>, DatabaseError> {
    if target.column(VERSION).is_none() || columns.is_empty() {
        return Ok(Vec::new());
    }
    // A change that writes a table anew gives all of its rows its own transaction.
    let sql = format!(
        "select gristmill.partition_of(t.{version}), min(gristmill.offset_of(t.{version})), \
         max(gristmill.offset_of(t.{version})), pg_catalog.count(*) \
         from {table} as t, (select max(pg_catalog.age(a.xmin)) as age from pg_attribute as a \
         where a.attrelid = $1 and a.attname::text = any ($2)) as changed \
         where t.{version} is not null and pg_catalog.age(t.xmin) < changed.age \
         group by 1 order by 1",
        version = quote(VERSION),
        table = target.sql_name,
    );
    let failed = DatabaseError::query("find what was written since the table was changed");
    let rows = client.query(&sql, &[&target.oid, &columns]).await;
    let rows = rows.map_err(failed)?;
    let ranges = rows.iter().map(|row| WrittenRange {
        partition: row.get(0),
        first_offset: row.get(1),
        last_offset: row.get(2),
        rows: row.get(3),
    });
    Ok(ranges.collect())
}
