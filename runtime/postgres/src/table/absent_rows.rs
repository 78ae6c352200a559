//! Rows with cells that nobody knows, as the source did not send them.

use tokio_postgres::Client;

use crate::table::identifier::{ABSENT, quote};
use crate::table::target_table::TargetTable;
use crate::wire::database_error::DatabaseError;

/// The rows of a table that have unknown cells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AbsentRows {
    /// How many there are in all.
    pub all: i64,
    /// The first of them, by key.
    pub rows: Vec<AbsentRow>,
}

/// A row with unknown cells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AbsentRow {
    /// The values of the key, as Postgres writes them.
    pub key: Vec<String>,
    /// The columns that nobody knows.
    pub columns: Vec<String>,
}

/// Reads up to `limit` of them. `key` names the columns that tell rows apart. `None`: the table has
/// no column that says what is unknown.
pub async fn read(
    client: &Client,
    target: &TargetTable,
    key: &[String],
    limit: i64,
) -> Result<Option<AbsentRows>, DatabaseError> {
    if target.column(ABSENT).is_none() {
        return Ok(None);
    }
    let failed = || DatabaseError::query("read the rows with unknown cells");
    let (table, absent) = (&target.sql_name, quote(ABSENT));
    let columns: Vec<String> = key.iter().map(|name| quote(name)).collect();
    let columns = columns.join(", ");
    let all = format!("select count(*) from {table} where {absent} is not null");
    let all = client.query_one(&all, &[]).await.map_err(failed())?.get(0);
    let key_texts: Vec<String> = key
        .iter()
        .map(|name| format!("{}::text", quote(name)))
        .collect();
    let rows = format!(
        "select array[{}], gristmill.absent_columns($1::oid::regclass, {absent}) from {table} \
         where {absent} is not null order by {columns} limit $2",
        key_texts.join(", "),
    );
    let rows = client.query(&rows, &[&target.oid, &limit]).await;
    let row = |row: &tokio_postgres::Row| AbsentRow {
        key: row.get(0),
        columns: row.get::<_, Option<Vec<String>>>(1).unwrap_or_default(),
    };
    Ok(Some(AbsentRows {
        all,
        rows: rows.map_err(failed())?.iter().map(row).collect(),
    }))
}
