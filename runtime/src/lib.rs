//! gristmill

pub mod builtin;
pub mod kafka;
