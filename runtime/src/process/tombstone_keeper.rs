//! What deletes leave to be done beside the flushes: rows that a race brought back go, and so do
//! tombstones for which nothing older can come.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;

use crate::handles::{Commits, HostedPipeline};

/// How often it is done: so long, at most, a row stands that a race brought back.
const EVERY: Duration = Duration::from_secs(10);

/// How often tombstones are taken out in a row: ten thousand a second can go, more than come, and
/// no flush waits for more than a thousand.
const PURGES_MAX: usize = 100;

/// Does it for `pipelines`, for ever. Where Postgres is away it is done when that is back.
pub(super) async fn keep(commits: Arc<Commits>, pipelines: Vec<Arc<HostedPipeline>>) {
    let mut are_failing = vec![false; pipelines.len()];
    loop {
        tokio::time::sleep(EVERY).await;
        for (pipeline, is_failing) in pipelines.iter().zip(&mut are_failing) {
            match once(&commits, pipeline).await {
                Ok(()) => *is_failing = false,
                Err(error) if *is_failing => tracing::debug!("tombstones stay: {error:#}"),
                Err(error) => {
                    *is_failing = true;
                    let name = pipeline.name();
                    tracing::warn!(
                        pipeline = name,
                        "tombstones of deleted rows stay for now: {error:#}"
                    );
                }
            }
        }
    }
}

async fn once(commits: &Commits, pipeline: &HostedPipeline) -> Result<()> {
    let active = pipeline.fleet.rollout().active;
    let Some(revision) = pipeline.fleet.revisions.get(active) else {
        return Ok(());
    };
    let sink = &revision.sink;
    let connection = commits.pool.get().await?;
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
