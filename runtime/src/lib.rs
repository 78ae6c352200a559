//! gristmill

pub mod builtin;
pub mod sandbox;
