//! Rules in Rust: from a crate to a component.

mod cargo_build;
#[path = "../../../../guest_build.rs"]
mod guest_build;
mod rule_crate;
mod shared_crates;

pub(in crate::authoring) use rule_crate::RuleCrate;
