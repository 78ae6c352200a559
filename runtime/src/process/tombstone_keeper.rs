//! What deletes leave to be done beside the flushes: rows that a race brought back go, and so do
//! tombstones for which nothing older can come.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;

use crate::handles::{HostedDatabase, HostedPipeline};

/// How often it is done: so long, at most, a row stands that a race brought back.
const EVERY: Duration = Duration::from_secs(10);

/// How often tombstones are taken out in a row: ten thousand a second can go, more than come, and
/// no flush waits for more than a thousand.
const PURGES_MAX: usize = 100;

/// Does it for the pipelines of `database`, for ever. Where Postgres is away it is done when that
/// is back.
pub(super) async fn keep(database: Arc<HostedDatabase>) {
    let mut failing: HashSet<String> = HashSet::new();
    loop {
        tokio::time::sleep(EVERY).await;
        for pipeline in database.pipelines.all() {
            let name = pipeline.name();
            match once(&pipeline).await {
                Ok(()) => {
                    failing.remove(name);
                }
                Err(error) if !failing.insert(name.to_owned()) => {
                    tracing::debug!(pipeline = name, "tombstones stay: {error:#}");
                }
                Err(error) => tracing::warn!(
                    pipeline = name,
                    "tombstones of deleted rows stay for now: {error:#}"
                ),
            }
        }
    }
}

async fn once(pipeline: &HostedPipeline) -> Result<()> {
    let active = pipeline.fleet.rollout().active;
    let Some(revision) = pipeline.fleet.revisions.get(active) else {
        return Ok(());
    };
    let sink = &revision.sink;
    let connection = pipeline.commits.pool.get().await?;
    let swept = sink.sweep(&connection).await;
    if let Ok(rows @ 1..) = swept {
        tracing::info!(
            pipeline = pipeline.name(),
            rows,
            "deleted rows that came back while they were deleted"
        );
    }
    // A watermark trails the events, and keys are forgotten behind it.
    let of = &revision.pipeline.config.pipeline;
    let ttl_ms = of.state_ttl_ms.saturating_add(of.watermark_delay_ms);
    let ttl_us = ttl_ms.saturating_mul(1000);
    for _ in 0..PURGES_MAX {
        if sink.purge(&connection, ttl_us).await? == 0 {
            break;
        }
    }
    sink.look_for_tombstones(&connection).await?;
    // Tombstones go also where their rows cannot be looked for.
    swept?;
    Ok(())
}
