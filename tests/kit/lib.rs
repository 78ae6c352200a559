//! What the tests need: real servers, the built program, and an oracle that says what the table must hold.
//!
//! - [`process`], [`postgres`], [`kafka`]: servers of our own that never outlive the tests;
//! - [`fault_proxy`]: breaks a connection at a chosen moment;
//! - [`program`], [`job`]: the built `gristmill` and the shipped pipeline, with topics and a database of its own;
//! - [`guests`]: components that are there for tests only;
//! - [`guide`]: the commands of the guide for authors;
//! - [`rules`]: changing a rule of a job that runs;
//! - [`topic`]: what is really in a topic;
//! - [`seed`]: randomness that can be repeated;
//! - [`oracle`], [`table`]: what the table and the dead letters must be, and how the real ones differ.

pub mod fault_proxy;
pub mod guests;
pub mod guide;
pub mod job;
pub mod kafka;
pub mod oracle;
pub mod program;
pub mod rules;
pub mod seed;
pub mod table;
pub mod topic;

pub use gristmill::demo::{postgres, process};
pub use gristmill_core::rows;
