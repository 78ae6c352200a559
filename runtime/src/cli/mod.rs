//! The commands.

pub mod produce;
pub mod timestamp;
