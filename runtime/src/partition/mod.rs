//! One partition's life.

pub mod assignment;
pub mod compute;
pub mod flush;
pub mod open_batch;
pub mod take;
pub mod worker;
