//! gristmill

pub mod builtin;
