//! What a staged revision would change, compared by the workers and collected for who asked.

use serde_json::Value;
use tokio_postgres::Client;
use tokio_postgres::types::Type;

use crate::wire::database_error::DatabaseError;
use crate::wire::placeholder::{self, Named};

/// Asks the workers to compare `rows` rows. What an earlier comparison of the revision found is
/// forgotten. `false`: it is no longer being staged.
pub async fn begin(
    client: &Client,
    pipeline: &str,
    revision: i32,
    rows: i64,
) -> Result<bool, DatabaseError> {
    let sql = r"
        with old as (
          delete from gristmill.shadow
          where pipeline = $1 and revision = $2
        )
        update gristmill.pipeline
        set shadow_rows = $3
        where pipeline = $1 and staging_revision = $2 and canary_partition is null";
    let updated = client
        .execute(sql, &[&pipeline, &revision, &rows])
        .await
        .map_err(DatabaseError::query("start the shadow run"))?;
    Ok(updated == 1)
}

/// One batch compared.
#[derive(Debug)]
pub struct Report<'a> {
    pub pipeline: &'a str,
    pub revision: i32,
    pub topic: &'a str,
    pub partition: i32,
    /// One above the batch's last offset.
    pub next_offset: i64,
    /// Rows and dead letters that the active revision made of it.
    pub rows: i64,
    /// What differs, or why the revision could not compute the batch, which ends the run.
    pub outcome: Result<Value, String>,
}

/// Adds what was found, where more is wanted, and counts down.
pub async fn report(client: &Client, report: &Report<'_>) -> Result<(), DatabaseError> {
    let (difference, error) = (report.outcome.as_ref().ok(), report.outcome.as_ref().err());
    let parameters: [Named<'_>; 8] = [
        ("pipeline", Type::TEXT, &report.pipeline),
        ("revision", Type::INT4, &report.revision),
        ("topic", Type::TEXT, &report.topic),
        ("partition", Type::INT4, &report.partition),
        ("next_offset", Type::INT8, &report.next_offset),
        ("rows", Type::INT8, &report.rows),
        ("difference", Type::JSONB, &difference),
        ("error", Type::TEXT, &error),
    ];
    placeholder::execute(client, include_str!("report_shadow.sql"), &parameters)
        .await
        .map_err(DatabaseError::query("report what the shadow run found"))?;
    Ok(())
}

/// How many rows are still to be compared. `None`: none any more, or the revision is no longer
/// being staged.
pub async fn rows_left(
    client: &Client,
    pipeline: &str,
    revision: i32,
) -> Result<Option<i64>, DatabaseError> {
    let sql = r"
        select shadow_rows
        from gristmill.pipeline
        where pipeline = $1 and staging_revision = $2";
    let row = client
        .query_opt(sql, &[&pipeline, &revision])
        .await
        .map_err(DatabaseError::query("ask how far the shadow run is"))?;
    Ok(row.and_then(|row| row.get(0)))
}

/// What was found, in the order of the reports: what differs, or the error with its place.
pub async fn found(
    client: &Client,
    pipeline: &str,
    revision: i32,
) -> Result<Vec<Result<Value, String>>, DatabaseError> {
    let sql = r"
        select
          difference,
          topic || '[' || partition || '] before offset ' || next_offset || ': ' || error
        from gristmill.shadow
        where pipeline = $1 and revision = $2
        order by at";
    let rows = client
        .query(sql, &[&pipeline, &revision])
        .await
        .map_err(DatabaseError::query("read what the shadow run found"))?;
    let found = rows.iter().map(|row| {
        let error: Option<String> = row.get(1);
        error.map_or_else(|| Ok(row.get(0)), Err)
    });
    Ok(found.collect())
}
