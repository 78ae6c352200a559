//! What the tests share: real servers, the built program, and an oracle that says what the table
//! must hold.
//!
//! - [`process`], [`postgres`], [`kafka`]: private servers that never outlive the tests;
//! - [`fault_proxy`]: breaks a connection at a chosen moment;
//! - [`program`]: the built `gristmill`, and what it printed; [`author`]: the same in the folder of
//!   a rule's author; [`guide`]: the commands of the guide for authors;
//! - [`job`]: the shipped pipeline with topics and a database of its own; [`state`]: what its
//!   tables say; [`rules`]: changing its rules while it runs;
//! - [`case`]: files that say what happens and what must be found, and who plays them;
//! - [`history`]: what can happen to topics, hosts and commits, drawn from a seed;
//! - [`load`]: records that come while something else is done; [`wait`]: how long a test waits;
//! - [`guests`]: components for tests; [`component`]: components that no compiler would leave;
//! - [`topic`]: what is really in a topic; [`generator`]: made-up events;
//! - [`seed`]: randomness that can be repeated;
//! - [`registry`]: schema registries, a real one and one that fails when it is told to;
//! - [`debezium`]: a real one, in Kafka Connect; [`mirror`]: tables that it watches, and their
//!   targets;
//! - [`oracle`], [`table`]: what the table and the dead letters must be, and how the real ones
//!   differ.

pub mod author;
pub mod case;
pub mod component;
pub mod debezium;
pub mod fault_proxy;
pub mod guests;
pub mod guide;
pub mod history;
pub mod job;
pub mod kafka;
pub mod load;
pub mod mirror;
pub mod oracle;
pub mod program;
pub mod registry;
pub mod rules;
pub mod seed;
pub mod state;
pub mod table;
pub mod topic;
pub mod wait;

pub use gristmill::demo::generate as generator;
pub use gristmill::demo::{postgres, process};
pub use gristmill_core::rows;
