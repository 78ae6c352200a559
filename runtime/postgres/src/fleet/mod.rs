//! What the fleet runs.
//!
//! - [`pipeline`] registers pipelines and their revisions, [`rollout`] changes the active one;
//! - [`history`] tells who did, [`host`] knows the processes that run them;
//! - [`activation`]: from which offset a partition ran which revision; [`shadow`]: what a staged
//!   revision would change.

pub mod activation;
pub mod history;
pub mod host;
pub mod pipeline;
pub mod rollout;
pub mod shadow;
