//! What the fleet runs.
//!
//! - [`registration`] compares a pipeline file with what is registered, [`definition_store`] has
//!   the revisions and the bytes of what they name;
//! - [`rollout`] reads what runs and stages a revision, [`activation`] makes one active or goes
//!   back; [`history`] tells who did;
//! - [`forgetting`]: nothing of a pipeline stays but its table;
//! - [`host`]: the processes that run pipelines; [`shadow_report`]: what a staged revision would
//!   change; [`schema_store`]: what records are written by.

pub mod activation;
pub mod definition_store;
pub mod forgetting;
pub mod history;
pub mod host;
pub mod registration;
pub mod rollout;
pub mod schema_store;
pub mod shadow_report;
pub mod steering;
