//! gristmill

pub mod builtin;
pub mod cli;
pub mod event_file;
pub mod generate;
pub mod kafka;
pub mod postgres;
pub mod sandbox;
