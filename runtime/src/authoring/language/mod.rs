//! The languages that rules are written in.

pub(super) mod command_build;
pub mod languages;
pub(super) mod new_rule;
pub(super) mod rust;
