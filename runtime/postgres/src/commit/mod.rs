//! One transaction for rows, dead letters and offset.
//!
//! - [`checkpoint`] and `take`: who owns a partition, and where it goes on; [`gap`]: what was never
//!   read;
//! - [`sink`] sends a batch by the statement of `statement`, `letters` and `advance`;
//! - [`blame`] finds the rows that Postgres refuses.

mod advance;
pub mod blame;
pub mod checkpoint;
pub mod gap;
pub(crate) mod letters;
pub mod sink;
pub(crate) mod statement;
mod take;
