//! What a pipeline is, from the file that a person writes to the revision that a fleet runs.
//!
//! | word | what it is | where it lives |
//! |---|---|---|
//! | [`file`] | the TOML file of one host: addresses, sizes and rules | on its disk |
//! | [`bundle`] | a file with the bytes of all that it names | in memory |
//! | [`fill`] | what a file leaves to the target's table | in memory, and in the spec |
//! | [`pipeline`] | a bundle compiled, with plans that are proved to fit | in memory |
//! | [`spec`] | the part of it that decides about rows, with a `version` | `gristmill.revision` |
//! | [`revision`] | a spec under its number, ready to run | in memory, by number |
//!
//! A file becomes a revision by way of all six. A host runs a revision by way back: the spec is
//! laid over the host's own file, the bytes come from `gristmill.component`. [`builtin`] is what
//! the binary itself brings, [`encoding`] how records are read, [`schemas`] where their schemas
//! are found.

pub mod builtin;
pub mod bundle;
mod compiled_bundle;
mod dimension_rows;
pub mod encoding;
pub mod file;
pub mod fill;
pub mod host_sandbox;
pub mod pipeline;
pub mod revision;
pub mod schemas;
pub mod spec;
