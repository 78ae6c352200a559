//! One transaction for rows, dead letters and offset.
//!
//! - [`lease`]: taking a partition, halting and resuming it; [`checkpoint`]: how far it is;
//!   [`first_start`]: where a topic begins; [`gap`]: what was never read;
//! - [`vain_takes`]: partitions that their owners die of;
//! - [`sink`] sends a batch by the one `statement` of `flush.sql`, or, where it has more than one
//!   `step`, by several in a `pipeline`: `parameters` lists its parameters, `letter_arrays` those of
//!   dead letters; `rows_sql` is the part about rows, made of a `shape`, with `guard_sql`, the
//!   condition that older rows give way to newer ones; `cells` says what rows lack;
//! - [`tombstones`]: what keeps deleted rows from coming back;
//! - [`blocker`]: whose lock a flush waits for;
//! - [`flush_error`]: why a flush did not commit; [`refusal`] finds the rows that Postgres refuses,
//!   with `row_writer`, which writes a batch so that one of them stops no other;
//! - `time_limit`: how long a statement is waited for.

pub mod blocker;
mod cells;
pub mod checkpoint;
pub mod first_start;
pub mod flush_error;
pub mod gap;
pub(crate) mod guard_sql;
pub mod lease;
pub(crate) mod letter_arrays;
pub(crate) mod parameters;
mod pipeline;
pub mod refusal;
mod refused_row;
pub(crate) mod row_writer;
mod rows_sql;
pub(crate) mod shape;
pub mod sink;
pub(crate) mod statement;
mod step;
pub(crate) mod time_limit;
pub mod tombstones;
pub mod vain_takes;
