//! What a rule's author uses before the rule runs anywhere: it asks no Kafka and no Postgres.
//!
//! - [`Subject`] is what a command was pointed at: a rule's folder, which [`language`] builds, a
//!   component's file, a shipped transform; [`NewRule`] makes such a folder;
//! - [`golden`] cases say what the rule answers; [`input`] makes batches of JSON;
//! - [`inspect`] says what a component is, [`bench`] what a row costs;
//! - [`DryRun`] runs the events of an [`event_file`] through a pipeline, or through one that
//!   [`around_rule`] builds around a rule;
//! - [`draft`] is a first pipeline file for a topic of Debezium's.

pub mod around_rule;
pub mod bench;
mod component_file;
mod config_file;
pub mod draft;
mod dry_run;
pub mod event_file;
pub mod golden;
pub mod input;
pub mod inspect;
mod language;
mod measured_rows;
mod rule_file;
mod rule_source;
mod subject;

pub use config_file::read as read_config;
pub use dry_run::{DryRun, Outcome};
pub use language::languages;
pub use language::new_rule::NewRule;
pub use subject::Subject;
