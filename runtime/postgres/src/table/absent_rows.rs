//! Rows with cells that nobody knows, as the source did not send them.

use tokio_postgres::Client;

use crate::table::bookkeeping;
use crate::table::identifier::{ABSENT, DELETED, REVISION, quote};
use crate::table::later_columns::LaterColumns;
use crate::table::target_table::TargetTable;
use crate::wire::database_error::DatabaseError;

/// The rows of a table that have unknown cells, but those that are deleted.
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

/// Reads up to `limit` of those that a revision of a pipeline has to do with. `key` names the
/// columns that tell rows apart, `deleted` the one that says of a row that it is deleted. `None`:
/// the table has no column that says what is unknown.
pub async fn read(
    client: &Client,
    target: &TargetTable,
    (pipeline, revision): (&str, i32),
    (key, deleted): (&[String], Option<&str>),
    limit: i64,
) -> Result<Option<AbsentRows>, DatabaseError> {
    if target.column(ABSENT).is_none() {
        return Ok(None);
    }
    let failed = || DatabaseError::query("read the rows with unknown cells");
    let number = bookkeeping::number(client, target).await?;
    let later = match target.column(REVISION) {
        Some(_) => LaterColumns::load(client, number, pipeline, revision).await?,
        None => LaterColumns::default(),
    };
    let is_marked = target.is_marked(deleted.unwrap_or(DELETED));
    // Nobody sends again what is deleted.
    let is_alive = is_marked.map_or_else(String::new, |marked| format!(" and not {marked}"));
    let (table, absent) = (&target.own_rows, quote(ABSENT));
    let unknown = format!(
        "gristmill.absent_columns({}::oid::regclass, {})",
        target.oid,
        later.unknown()
    );
    // What the table has no more nobody sends again.
    let gone = gone(client, target, number).await?;
    let is_there = match gone.is_empty() {
        true => String::new(),
        false => format!(
            " and not {unknown} operator(pg_catalog.<@) array[{}]",
            gone.join(", ")
        ),
    };
    let is_found = match later.any_is_later() {
        Some(is_later) => format!("(t.{absent} is not null or {is_later}){is_alive}{is_there}"),
        None => format!("t.{absent} is not null{is_alive}{is_there}"),
    };
    let columns: Vec<String> = key.iter().map(|name| quote(name)).collect();
    let columns = columns.join(", ");
    let all = format!("select count(*) from {table} as t where {is_found}");
    let all = client.query_one(&all, &[]).await.map_err(failed())?.get(0);
    let key_texts: Vec<String> = key
        .iter()
        .map(|name| format!("{}::text", quote(name)))
        .collect();
    let rows = format!(
        "select array[{}], {unknown} from {table} as t \
         where {is_found} order by {columns} limit $1",
        key_texts.join(", "),
    );
    let rows = client.query(&rows, &[&limit]).await;
    let row = |row: &tokio_postgres::Row| {
        let mut columns: Vec<String> = row.get::<_, Option<_>>(1).unwrap_or_default();
        columns.retain(|name| target.column(name).is_some());
        let key = row.get(0);
        AbsentRow { key, columns }
    };
    Ok(Some(AbsentRows {
        all,
        rows: rows.map_err(failed())?.iter().map(row).collect(),
    }))
}

/// Literals of the names of columns that the table `number` had bits for, and has no more.
async fn gone(
    client: &Client,
    target: &TargetTable,
    number: i32,
) -> Result<Vec<String>, DatabaseError> {
    let sql = "select name, pg_catalog.quote_literal(name) from gristmill.target_column \
               where target = $1";
    let known = client.query(sql, &[&number]).await;
    let known = known.map_err(DatabaseError::query("read the columns of the table"))?;
    let known = known.iter().map(|row| (row.get(0), row.get(1)));
    let gone = known.filter(|(name, _): &(String, String)| target.column(name).is_none());
    Ok(gone.map(|(_, literal)| literal).collect())
}
