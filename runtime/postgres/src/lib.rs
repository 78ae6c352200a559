//! Postgres: all SQL lives here.
//!
//! - [`wire`] makes every connection and lends them to flushes;
//! - [`commit`]: taking a partition, and committing a batch: rows, dead letters and checkpoint in
//!   one statement; who is to blame when Postgres refuses it;
//! - [`fleet`]: the pipelines, their revisions, the processes that run them, and who changed what;
//! - [`table`]: the table that a pipeline fills, gristmill's own tables, and reference data;
//! - [`letters`]: dead letters listed, relayed and replayed;
//! - `bisection` halves rows until those that fail stand alone.

mod bisection;
pub mod commit;
pub mod fleet;
pub mod letters;
pub mod table;
pub mod wire;
