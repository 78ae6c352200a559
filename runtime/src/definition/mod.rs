//! What a pipeline is, from the file that a person writes to the revision that a fleet runs.

pub mod builtin;
pub mod bundle;
pub mod file;
pub mod host_sandbox;
pub mod pipeline;
pub mod revision;
pub mod spec;
