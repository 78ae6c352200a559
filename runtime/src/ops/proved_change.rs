//! A change of what a fleet runs that can run here: what is left is to ask the fleet.

use std::time::Duration;

use anyhow::Result;
use gristmill_postgres::fleet::definition_store::StoredComponent;
use gristmill_postgres::fleet::rollout::{Proposal, Proposed};
use gristmill_postgres::wire::connection::Connection;

use crate::fleet::stage;

use super::change_progress::{Progress, Tell};
use super::who::who;

/// See the module.
pub(super) struct ProvedChange {
    pub(super) pipeline: String,
    /// The active revision that it was checked against, and what that stores.
    pub(super) based_on: i32,
    pub(super) active: serde_json::Value,
    /// What the new revision stores.
    pub(super) spec: serde_json::Value,
    pub(super) components: Vec<StoredComponent>,
    pub(super) reason: String,
    /// The earlier revision that a rule of it is taken from, when it goes back.
    pub(super) restores: Option<i32>,
    /// How long the hosts may take.
    pub(super) patience: Duration,
    /// Columns that are no longer written.
    pub(super) retired: Vec<String>,
}

/// What became of a change that was to be staged.
pub(super) enum StageResult {
    /// Every live host has the revision of this number ready.
    Ready(i32),
    /// The active revision says the same.
    Same,
}

impl ProvedChange {
    /// Stages it, unless there is nothing to change, and waits for the hosts.
    pub(super) async fn stage(
        &self,
        connection: &mut Connection,
        tell: Tell<'_>,
    ) -> Result<StageResult> {
        if self.spec != self.active {
            tell(Progress::Staging);
        }
        let by = who();
        let proposal = Proposal {
            pipeline: &self.pipeline,
            spec: &self.spec,
            components: &self.components,
            based_on: self.based_on,
            by: &by,
            reason: &self.reason,
            restores: self.restores,
        };
        match stage::stage(connection, &proposal, self.patience).await? {
            Proposed::Staged(revision) => {
                if !self.retired.is_empty() {
                    let columns = self.retired.clone();
                    tell(Progress::Retired { columns });
                }
                Ok(StageResult::Ready(revision))
            }
            Proposed::Same(_) => Ok(StageResult::Same),
        }
    }
}
