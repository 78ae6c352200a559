//! One transaction for rows, dead letters and offset.
//!
//! - [`lease`]: taking a partition, halting and resuming it; [`checkpoint`]: how far it is;
//!   [`first_start`]: where a topic begins; [`gap`]: what was never read;
//! - [`vain_takes`]: partitions that their owners die of;
//! - [`sink`] sends a batch by the one `statement` of `flush.sql`, or, where it has more than one
//!   `commit_step`, by several that are `pipelined`: `parameters` lists its parameters,
//!   `letter_arrays` those of dead letters;
//! - `rows_sql` is the part about rows, made of a `target_shape`, with `guard_sql`, the condition
//!   that older rows give way to newer ones; `missing_cells` says what rows lack, and
//!   [`row_origin`] where they come from;
//! - [`stored_cells`]: what the table has of rows that an event tells in part; `keys_read`: whether
//!   that still holds when they are written;
//! - `overtaken`: dead letters that say what a newer row does not know;
//! - `tombstones`: what keeps deleted rows from coming back; `sweep` takes out what is too much;
//! - [`fate`]: what became of rows that were handed over; `stale_rows`: how many were too old;
//! - [`older_rows`]: rows that nothing has written since given places of the topic, by
//!   `older_sql`;
//! - [`blocker`]: whose lock a flush waits for;
//! - [`flush_error`]: why a flush did not commit; [`refusal`] finds the rows that Postgres refuses,
//!   with `row_writer`, which writes a batch so that one of them stops no other;
//! - `time_limit`: how long a statement is waited for.

pub mod blocker;
pub mod checkpoint;
mod commit_step;
pub mod fate;
pub mod first_start;
pub mod flush_error;
pub mod gap;
pub(crate) mod guard_sql;
mod keys_read;
pub mod lease;
pub(crate) mod letter_arrays;
mod missing_cells;
pub mod older_rows;
mod older_sql;
pub(crate) mod overtaken;
pub(crate) mod parameters;
mod pipelined;
pub mod refusal;
mod refused_row;
pub mod row_origin;
pub(crate) mod row_writer;
mod rows_sql;
mod seen_tombstones;
pub mod sink;
mod stale_rows;
pub(crate) mod statement;
pub mod stored_cells;
mod sweep;
pub(crate) mod target_shape;
pub(crate) mod time_limit;
pub(crate) mod tombstones;
pub mod vain_takes;
