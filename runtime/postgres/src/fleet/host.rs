//! Processes that run a pipeline, and whether they live.

use std::collections::HashSet;

use tokio_postgres::Client;

use crate::wire::error::DatabaseError;

/// Heard of within ten heartbeats of a second each: a process that is starved for some seconds is
/// still one to wait for.
pub(crate) const ALIVE: &str = "heartbeat > now() - interval '10 seconds'";

/// Says that `host` is alive, which revision it has ready, and what keeps it from more.
pub async fn heartbeat(
    client: &Client,
    host: &str,
    pipeline: &str,
    staged_revision: Option<i32>,
    error: Option<&str>,
) -> Result<(), DatabaseError> {
    let sql = "insert into gristmill.host (host, pipeline, staged_revision, error) values ($1, \
               $2, $3, $4) on conflict (host, pipeline) do update set heartbeat = now(), \
               staged_revision = excluded.staged_revision, error = excluded.error";
    client
        .execute(sql, &[&host, &pipeline, &staged_revision, &error])
        .await
        .map_err(DatabaseError::query("write this host's heartbeat"))?;
    Ok(())
}

/// This process ends, and says so.
pub async fn leave(client: &Client, host: &str, pipeline: &str) -> Result<(), DatabaseError> {
    let sql = "delete from gristmill.host where host = $1 and pipeline = $2";
    client
        .execute(sql, &[&host, &pipeline])
        .await
        .map_err(DatabaseError::query("take this host's heartbeat back"))?;
    Ok(())
}

/// The hosts that were heard of lately.
pub async fn alive(client: &Client, pipeline: &str) -> Result<HashSet<String>, DatabaseError> {
    let sql = format!("select host from gristmill.host where pipeline = $1 and {ALIVE}");
    let rows = client
        .query(&sql, &[&pipeline])
        .await
        .map_err(DatabaseError::query("read the heartbeats"))?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}
