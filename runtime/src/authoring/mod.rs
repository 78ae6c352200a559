//! What a rule's author uses before the rule runs anywhere: no Kafka, no Postgres.
//!
//! - [`RuleCrate`] is a folder with a rule in Rust, built with whatever toolchain is there
//!   ([`guest_build`]); [`compile`] says what is wrong with it;
//! - [`create`] makes such a folder;
//! - [`golden`] cases say what the rule answers; [`rows`] and [`input`] make batches of JSON;
//! - [`Trial`] runs [`events`] through a pipeline, or through one that [`stage`] builds around a
//!   rule;
//! - [`capture`] makes a case of a dead letter;
//! - [`Subject`] is what a command was pointed at: such a folder, a component's file, a shipped
//!   transform.

mod capture;
mod compile;
mod config_file;
pub mod event_file;
pub mod events;
pub mod golden;
#[path = "../../guest_build.rs"]
mod guest_build;
pub mod input;
mod new;
pub mod ready;
mod rule_crate;
pub mod stage;
mod subject;
mod trial;

pub use capture::capture;
pub use config_file::read as read_config;
pub use new::create;
pub use rule_crate::{Built, RuleCrate};
pub use subject::Subject;
pub use trial::{Outcome, Trial};
