//! One transaction for rows, dead letters and offset.
//!
//! - [`checkpoint`] and `take`: who owns a partition, and where it goes on; [`gap`]: what was never
//!   read;
//! - [`sink`] sends a batch by the statement of `statement`, `letters` and `advance`;
//! - [`refusal`] finds the rows that Postgres refuses.

pub mod checkpoint;
pub mod flush_error;
pub mod gap;
mod lease;
pub(crate) mod letter_arrays;
mod parameters;
pub mod refusal;
pub mod sink;
pub(crate) mod statement;
