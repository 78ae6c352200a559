//! Who changed what a pipeline runs, when and why, what is being tried, and which rows each
//! revision wrote.

use anyhow::Result;
use gristmill_postgres::fleet::history;
use gristmill_postgres::table::target_table::TargetTable;
use jiff::Timestamp;
use serde::Serialize;

use super::change_progress::as_text;
use super::opened::Opened;

/// A pipeline's past, oldest first.
#[derive(Clone, Debug, Serialize)]
pub struct Past {
    pub revisions: Vec<PastRevision>,
    /// What is being tried now.
    pub staged: Option<StagedRevision>,
    pub activations: Vec<PastActivation>,
    /// How many rows each revision wrote last; `None` where the table does not say.
    pub rows: Option<Vec<RowsOfRevision>>,
}

/// One revision.
#[derive(Clone, Debug, Serialize)]
pub struct PastRevision {
    pub revision: i32,
    pub state: String,
    #[serde(serialize_with = "as_text")]
    pub made: Timestamp,
    /// As their machine knew them.
    pub by: String,
    /// As Postgres knew them, where it was noted.
    pub session_user: Option<String>,
    pub why: String,
}

/// A revision that hosts have ready and that is not active.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct StagedRevision {
    pub revision: i32,
    /// The partition that runs it already.
    pub canary: Option<i32>,
}

/// One partition began to run a revision.
#[derive(Clone, Debug, Serialize)]
pub struct PastActivation {
    pub topic: String,
    pub partition: i32,
    pub from_offset: i64,
    pub revision: i32,
    #[serde(serialize_with = "as_text")]
    pub since: Timestamp,
    pub by: String,
}

/// How many rows of the table a revision wrote last.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct RowsOfRevision {
    pub revision: i32,
    pub rows: i64,
}

/// Reads the past of the pipeline.
pub async fn past(opened: &Opened) -> Result<Past> {
    let (name, table) = (opened.name(), &opened.config.target.table);
    let connection = opened.database.connect().await?;
    let rollout = opened.rollout(&connection).await?;
    let revisions = history::revisions(&connection, name).await?;
    let activations = history::activations(&connection, name).await?;
    let target = TargetTable::load(&connection, table).await?;
    let rows = match target.as_ref().and_then(TargetTable::with_revision) {
        Some(table) => Some(history::rows_by_revision(&connection, table).await?),
        None => None,
    };
    let staged = rollout.staging.map(|revision| StagedRevision {
        revision,
        canary: rollout.canary,
    });
    let of_revision = |(revision, rows)| RowsOfRevision { revision, rows };
    Ok(Past {
        revisions: revisions.into_iter().map(PastRevision::from).collect(),
        staged,
        activations: activations.into_iter().map(PastActivation::from).collect(),
        rows: rows.map(|rows| rows.into_iter().map(of_revision).collect()),
    })
}

impl From<history::DatedRevision> for PastRevision {
    fn from(made: history::DatedRevision) -> Self {
        let revision = made.revision;
        Self {
            revision: revision.revision,
            state: revision.state,
            made: made.at,
            by: revision.by,
            session_user: made.session_user,
            why: revision.reason.unwrap_or_default(),
        }
    }
}

impl From<history::Activation> for PastActivation {
    fn from(activation: history::Activation) -> Self {
        Self {
            topic: activation.topic,
            partition: activation.partition,
            from_offset: activation.from_offset,
            revision: activation.revision,
            since: activation.at,
            by: activation.by,
        }
    }
}
