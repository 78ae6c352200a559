//! Another rule in the place of one that a fleet runs.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::{Context, Error, Result, bail};
use gristmill_sandbox::SandboxError;
use serde::Serialize;

use crate::authoring::{Subject, read_config};
use crate::definition::bundle::{Bundle, component};
use crate::fleet::difference::Difference;

use super::change_progress::{Progress, Spread, Tell};
use super::proved_change::{ProvedChange, StageResult};
use super::running_pipeline::{RunningPipeline, WantedChange};

/// A file that was written to this lately may not be whole yet.
const WRITING: Duration = Duration::from_millis(300);

/// What is to change, and how carefully.
#[derive(Clone, Debug)]
pub struct SwapRequest {
    /// The transform's name in the pipeline.
    pub rule: String,
    /// The new component: a `.wasm` file, `builtin:NAME`, or a rule's folder, which is built first.
    pub component: String,
    /// The file of its config; `None` keeps the present one, or takes what a folder says.
    pub config: Option<PathBuf>,
    /// Columns that the pipeline stops to write.
    pub retire: Vec<String>,
    /// First compute so many rows by both revisions and say what differs.
    pub shadow_rows: Option<i64>,
    /// Run it on this partition only.
    pub canary: Option<i32>,
    /// How long the hosts may take to load it.
    pub patience: Duration,
}

/// What a swap came to.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum Swapped {
    /// The active revision says the same: there is nothing to change.
    Same { active: i32 },
    /// It is ready on every live host, and waits for a person.
    Staged {
        revision: i32,
        difference: Option<Difference>,
    },
    /// One partition runs it.
    Canary {
        revision: i32,
        partition: i32,
        difference: Option<Difference>,
        spread: Spread,
    },
    /// It is active.
    Active { revision: i32, spread: Spread },
}

/// Swaps the rule. `stop` ends a shadow run that waits for records, and with it the swap.
pub async fn swap(
    running: &mut RunningPipeline,
    request: &SwapRequest,
    stop: impl Future<Output = ()>,
    tell: Tell<'_>,
) -> Result<Swapped> {
    if let Some(partition) = request.canary {
        running.check_partition(partition).await?;
    }
    let proved = prove(running, request).await?;
    let revision = match proved.stage(&mut running.connection, tell).await? {
        StageResult::Ready(revision) => revision,
        StageResult::Same => {
            let active = running.active_revision();
            return Ok(Swapped::Same { active });
        }
    };
    if let Some(revision) = running.rollout.staging {
        tell(Progress::Replaced { revision });
    }
    let difference = match request.shadow_rows {
        Some(rows) => Some(running.compare_live(revision, rows, stop, tell).await?),
        None => None,
    };
    Ok(match request.canary {
        Some(partition) => Swapped::Canary {
            revision,
            partition,
            difference,
            spread: running.begin_canary(revision, partition, tell).await?,
        },
        None if difference.is_some() => Swapped::Staged {
            revision,
            difference,
        },
        None => Swapped::Active {
            revision,
            spread: running.activate(revision, tell).await?,
        },
    })
}

/// Proves that the pipeline can run the rule. Nothing is changed.
pub(super) async fn prove(
    running: &RunningPipeline,
    request: &SwapRequest,
) -> Result<ProvedChange> {
    let change = WantedChange {
        bundle: changed(running, request)?,
        retire: &request.retire,
        reason: &format!("swap {} {}", request.rule, request.component),
        restores: None,
        evolves: false,
        patience: request.patience,
    };
    let proved = running.prove(change).await;
    proved.map_err(|error| explain(error, request))
}

/// The active definition with the other rule in it.
fn changed(running: &RunningPipeline, request: &SwapRequest) -> Result<Bundle> {
    let mut bundle = running.active.bundle();
    let position = bundle.position(&request.rule)?;
    let mut config = None;
    if Path::new(&request.component).is_dir() {
        let rule = Subject::of_folder(Path::new(&request.component))?;
        bundle.components[position] = rule.load(&running.sandbox)?.bytes().to_vec();
        config = rule.config().cloned();
    } else {
        if !request.component.starts_with("builtin:") {
            whole(Path::new(&request.component))?;
        }
        // A path on the command line is relative to where the command runs.
        let mut here = running.opened.config.clone();
        here.folder = PathBuf::new();
        bundle.components[position] = component(&here, &request.component)?;
    }
    if request.config.is_some() {
        config = Some(read_config(request.config.as_deref())?);
    }
    if let Some(config) = config {
        let transform = &mut bundle.config.transform[position];
        transform.config = config;
        transform.filled.clear();
    }
    Ok(bundle)
}

fn explain(error: Error, request: &SwapRequest) -> Error {
    match request.config {
        None if is_about_config(&error) => error.context(
            "the present config does not fit the new component: name one that does with --config \
             FILE (an empty .toml file: no config)",
        ),
        _ => error,
    }
}

fn is_about_config(error: &Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref())
        .any(|cause| matches!(cause, SandboxError::Config { .. }))
}

/// Refuses a file that a build is still writing.
fn whole(path: &Path) -> Result<()> {
    let look = || {
        let data = std::fs::metadata(path)
            .with_context(|| format!("cannot read the component {}", path.display()))?;
        anyhow::Ok((
            data.len(),
            data.modified().unwrap_or(SystemTime::UNIX_EPOCH),
        ))
    };
    let before = look()?;
    if before.1.elapsed().is_ok_and(|age| age < WRITING) {
        std::thread::sleep(WRITING);
        if look()? != before {
            bail!(
                "{} is still being written: try again when the build is done",
                path.display()
            );
        }
    }
    Ok(())
}
