//! Changing what a fleet runs, while it runs.
//!
//! ```text
//! check -> stage (bytes and definition into Postgres) -> every live host loads it and answers -> shadow? -> canary? -> one compare-and-swap activates
//!     -> each worker changes at a batch boundary, in its flush
//! ```
//!
//! The truth is one row, `gristmill.pipeline`. Each host [`follow`]s it and loads what it names;
//! who proposes a revision, be it a person or the pipeline [`file`], [`check`]s it, [`stage`]s it,
//! waits for the answers and activates. A worker learns of a change from its own flushes; it then
//! runs the next batch by the new revision.

pub mod check;

pub mod difference;
pub mod fallback;
pub mod follow;
pub mod propose;
pub mod shadow;
pub mod stage;
pub mod trial;

pub use follow::follow;
