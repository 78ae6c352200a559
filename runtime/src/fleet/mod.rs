//! Changing what a fleet runs, while it runs.
//!
//! ```text
//! check -> stage: bytes and definition go into Postgres -> every live host loads them and answers
//!       -> shadow run? -> canary? -> one compare-and-swap activates
//!       -> each worker changes at a batch boundary, in its flush
//! ```
//!
//! The truth is one row, `gristmill.pipeline`. Each host follows it ([`mod@follow`]) and loads what
//! it names. Whoever proposes a revision, a person or the pipeline file ([`mod@propose`]), checks
//! it ([`check`]), stages it ([`stage`]), waits for the answers and activates it. A worker learns
//! of a change from its own flushes and runs the next batch by the new revision.
//!
//! - [`shadow`] computes a batch by the staged revision, too, and [`difference`] says what differs;
//! - [`evolution`] tells what is no ordinary change: another rule of versions, other deletes;
//! - [`fallback`] goes back to the revision before when that accepts what fails ([`trial`]).

pub mod check;
pub mod difference;
pub mod evolution;
pub mod fallback;
pub mod follow;
pub mod propose;
pub mod shadow;
pub mod stage;
pub mod trial;
