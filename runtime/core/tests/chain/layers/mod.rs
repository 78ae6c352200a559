//! Cells that a source leaves out, deletes and ends of all rows: what the layers make of a table is
//! what one event after the other makes of it.

pub(crate) mod change;
mod examples;
mod history;
mod lost;
mod mirror;
mod random;
mod unread;
