//! Changing how a pipeline tells newer events from older ones, what a deleted row leaves, or which
//! columns of the target's table it fills, where its file leaves them to the table.

use std::time::Duration;

use anyhow::Result;
use gristmill_postgres::table::filled_columns::FilledChange;
use gristmill_postgres::table::written_since::{WrittenRange, written_since};
use serde::Serialize;

use crate::definition::pipeline::Pipeline;
use crate::fleet::evolution::{changes, taken_in};

use super::change_progress::{Progress, Spread, Tell};
use super::proved_change::StageResult;
use super::running_pipeline::{RunningPipeline, WantedChange};

/// What the pipeline file changes, and what became of it.
#[derive(Clone, Debug, Serialize)]
pub struct Evolved {
    /// A sentence each; none where nothing is to be done.
    pub changes: Vec<String>,
    /// What was written while the table's columns were of other types already, a sentence each.
    pub doubtful: Vec<String>,
    /// `None`: it was only to be said, or there is nothing to do.
    pub active: Option<Evolution>,
}

/// The revision that says what the file says.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Evolution {
    pub revision: i32,
    pub spread: Spread,
}

/// Makes what the pipeline file says active, where it changes what an ordinary swap may not.
/// `dry_run`: only says what that is.
pub async fn evolve(
    running: &mut RunningPipeline,
    dry_run: bool,
    patience: Duration,
    tell: Tell<'_>,
) -> Result<Evolved> {
    let config = running.opened.config.clone();
    let next = Pipeline::load(config.clone(), &running.sandbox, &running.opened.database).await?;
    let mut found = changes(&running.active, &next);
    found.extend(taken_in(&running.active, &next));
    let mut evolved = Evolved {
        changes: found,
        doubtful: Vec::new(),
        active: None,
    };
    if dry_run {
        evolved.doubtful = doubtful(running, &next, None).await;
    }
    if dry_run || evolved.changes.is_empty() {
        return Ok(evolved);
    }
    let change = WantedChange {
        bundle: next.bundle(),
        retire: &config.target.retire,
        reason: "evolve",
        restores: None,
        evolves: true,
        patience,
    };
    if let StageResult::Ready(revision) = running.stage(change, tell).await? {
        let tell: Tell<'_> = &mut |progress| match progress {
            Progress::Activated { revision, .. } => tell(Progress::Evolved { revision }),
            other => tell(other),
        };
        let spread = running.activate(revision, tell).await?;
        evolved.active = Some(Evolution { revision, spread });
        // All of the table is looked at: the partitions do not wait for it.
        evolved.doubtful = doubtful(running, &next, Some(revision)).await;
    }
    Ok(evolved)
}

/// What was read by the old types and written after the table had got the new ones: a look at the
/// table comes every few seconds, and only then the partitions halt. `revision`: the one that reads
/// by the new types. A sentence where it cannot be found out.
async fn doubtful(
    running: &RunningPipeline,
    next: &Pipeline,
    revision: Option<i32>,
) -> Vec<String> {
    let (before, now) = (running.active.filled_columns(), next.filled_columns());
    let changes = before.changes(&now);
    let changed = changes.iter().filter_map(|change| match change {
        FilledChange::Type { name, .. } => Some(name.as_str()),
        FilledChange::New { .. } | FilledChange::Gone { .. } => None,
    });
    let changed: Vec<&str> = changed.collect();
    if changed.is_empty() {
        return Vec::new();
    }
    let names = changed.join(", ");
    let ranges = match written(running, next, &changed, revision).await {
        Ok(ranges) => ranges,
        Err(error) => {
            return vec![format!(
                "which rows were written after {names} was changed in the table, and may have \
                 been read wrongly, was not found out: {error:#}"
            )];
        }
    };
    let told = ranges.into_iter().map(|range| {
        format!(
            "{} rows of partition {}, from offsets {} to {}, were written after {names} was \
             changed in the table, and may have been read wrongly: a snapshot of the source sends \
             them again",
            range.rows, range.partition, range.first_offset, range.last_offset,
        )
    });
    told.collect()
}

async fn written(
    running: &RunningPipeline,
    next: &Pipeline,
    changed: &[&str],
    revision: Option<i32>,
) -> Result<Vec<WrittenRange>> {
    let connection = running.opened.database.connect().await?;
    let target = next.target(&connection).await?;
    Ok(written_since(&connection, &target, changed, revision).await?)
}
