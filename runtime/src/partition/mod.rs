//! One partition's life, in the order in which it is lived.
//!
//! - [`assignment`]: partitions come and go; [`task`] keeps one going through the start path,
//!   [`take`];
//! - [`worker`]: reads, computes and flushes, by way of `open_batch`, `compute` and `flush`;
//!   `new_log` notices when all that comes is left out;
//! - [`ended`]: why a worker ended.

pub mod assignment;
mod compute;
pub mod ended;
mod flush;
mod new_log;
pub(crate) mod open_batch;
mod source_columns_log;
mod steps_back;
pub mod take;
pub mod task;
mod timed_transform;
pub mod worker;
