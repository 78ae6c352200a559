//! gristmill

pub mod builtin;
pub mod kafka;
pub mod postgres;
pub mod sandbox;
