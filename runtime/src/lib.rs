//! gristmill

pub mod builtin;
pub mod postgres;
