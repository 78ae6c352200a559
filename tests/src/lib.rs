//! What the tests need: real servers, the built program, and an oracle that says what the table must hold.

pub mod kafka;
pub mod postgres;
pub mod process;
