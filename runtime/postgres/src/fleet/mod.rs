//! What the fleet runs.
//!
//! - [`registration`] registers pipelines and their revisions, [`rollout`] changes the active one;
//! - [`history`] tells who did, [`host`] knows the processes that run them;
//! - [`activation`]: from which offset a partition ran which revision; [`shadow_report`]: what a staged
//!   revision would change.

pub mod activation;
pub mod definition_store;
pub mod history;
pub mod host;
pub mod registration;
pub mod rollout;
pub mod shadow_report;
