//! Rules in Rust: a crate to begin with, and from a crate to a component.

mod cargo_build;
#[path = "../../../../guest_build.rs"]
mod guest_build;
mod new_crate;
mod rule_crate;

pub use new_crate::create;
pub use rule_crate::{Built, RuleCrate};
