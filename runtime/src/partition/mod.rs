//! One partition's life, in the order in which it is lived.
//!
//! - [`assignment`]: partitions come and go; [`task`] keeps one going through the start path,
//!   [`take`];
//! - [`worker`]: reads, computes and flushes, by way of `open_batch`, `compute` and `flush`;
//!   `readable_batch` is what its schemas are known of, `schema_fetch` brings them; `new_log`
//!   notices when all that comes is left out;
//! - [`first_meeting`]: where a topic begins that is read from its end on;
//! - [`ended`]: why a worker ended.

pub mod assignment;
mod compute;
pub mod ended;
pub mod first_meeting;
mod flush;
mod new_log;
pub(crate) mod open_batch;
mod readable_batch;
mod schema_fetch;
mod source_columns_log;
mod steps_back;
pub mod take;
pub mod task;
mod timed_transform;
mod unknown_schemas;
pub mod worker;
