//! Processes that run a pipeline, and whether they live.

use std::collections::HashSet;

use tokio_postgres::Client;
use tokio_postgres::types::Type;

use crate::wire::database_error::DatabaseError;
use crate::wire::placeholder::{self, Named};

/// Heard of within ten heartbeats of a second each: a process that is starved for some seconds is
/// still one to wait for.
pub(crate) const ALIVE: &str = "heartbeat > now() - interval '10 seconds'";

/// What a process says about one pipeline that it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Beat<'a> {
    pub pipeline: &'a str,
    /// The revision being staged, once the process has tried to load it.
    pub staged_revision: Option<i32>,
    /// Why the process cannot run it; `None`: it can.
    pub error: Option<&'a str>,
}

/// Says that `host` is alive, and what it has ready of each pipeline, each named once.
pub async fn heartbeat(
    client: &Client,
    host: &str,
    beats: &[Beat<'_>],
) -> Result<(), DatabaseError> {
    let pipelines: Vec<_> = beats.iter().map(|b| b.pipeline).collect();
    let staged: Vec<_> = beats.iter().map(|b| b.staged_revision).collect();
    let errors: Vec<_> = beats.iter().map(|b| b.error).collect();
    let parameters: [Named<'_>; 4] = [
        ("host", Type::TEXT, &host),
        ("pipelines", Type::TEXT_ARRAY, &pipelines),
        ("staged_revisions", Type::INT4_ARRAY, &staged),
        ("errors", Type::TEXT_ARRAY, &errors),
    ];
    let sql = r"
        insert into gristmill.host (host, pipeline, staged_revision, error)
        select :host, b.pipeline, b.staged_revision, b.error
        from unnest(:pipelines, :staged_revisions, :errors)
            as b (pipeline, staged_revision, error)
          -- One that somebody has deleted must not cost the others their heartbeat.
          join gristmill.pipeline using (pipeline)
        on conflict (host, pipeline) do update set
          heartbeat = now(),
          staged_revision = excluded.staged_revision,
          error = excluded.error";
    placeholder::execute(client, sql, &parameters)
        .await
        .map_err(DatabaseError::query("write this host's heartbeat"))?;
    Ok(())
}

/// Takes the heartbeats of `host` for `pipelines` back: the process ends.
pub async fn leave(client: &Client, host: &str, pipelines: &[&str]) -> Result<(), DatabaseError> {
    let sql = "delete from gristmill.host where host = $1 and pipeline = any ($2)";
    client
        .execute(sql, &[&host, &pipelines])
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
