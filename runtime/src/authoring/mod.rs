//! What a rule's author uses before the rule runs anywhere: it asks no Kafka and no Postgres.
//!
//! - [`RuleCrate`] is a folder with a rule in Rust, which [`language`] builds with whatever
//!   toolchain is there; [`create`] makes such a folder;
//! - [`golden`] cases say what the rule answers; [`input`] makes batches of JSON;
//! - [`inspect`] says what a component is, [`bench`] what a row costs;
//! - [`DryRun`] runs the events of an [`event_file`] through a pipeline, or through one that
//!   [`around_rule`] builds around a rule;
//! - [`draft`] is a first pipeline file for a topic of Debezium's;
//! - [`Subject`] is what a command was pointed at: such a folder, a component's file, a shipped
//!   transform.

pub mod around_rule;
pub mod bench;
mod config_file;
pub mod draft;
mod dry_run;
pub mod event_file;
pub mod golden;
pub mod input;
pub mod inspect;
mod language;
mod measured_rows;
mod subject;

pub use config_file::read as read_config;
pub use dry_run::{DryRun, Outcome};
pub use language::rust::{Built, RuleCrate, create};
pub use subject::Subject;
