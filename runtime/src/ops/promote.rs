//! Making what is staged active everywhere.

use std::time::Duration;

use anyhow::{Context, Result};
use serde::Serialize;

use crate::fleet::stage;

use super::change_progress::{Spread, Tell};
use super::running_pipeline::RunningPipeline;

/// A staged revision, or a canary, became active.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Promoted {
    pub revision: i32,
    pub spread: Spread,
}

/// Makes the staged revision active. Hosts that came since it was staged may take `patience` to
/// load it.
pub async fn promote(
    running: &RunningPipeline,
    patience: Duration,
    tell: Tell<'_>,
) -> Result<Promoted> {
    let (name, path) = (running.opened.name(), running.opened.path.display());
    let revision = running.rollout.staging.with_context(|| {
        format!(
            "nothing is staged for the pipeline {name}: `gristmill transform swap {path}` with \
             `--shadow` or `--canary` does"
        )
    })?;
    stage::await_hosts(&running.connection, name, revision, patience).await?;
    let spread = running.activate(revision, tell).await?;
    Ok(Promoted { revision, spread })
}
