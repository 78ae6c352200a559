//! The CPU part of the walk: from raw records to rows ready for the sink.

mod computed;
mod spec;

pub use computed::{Computed, Counts, RowSource};
pub use spec::{ChainSpec, Late, TimePolicy, Tombstone};
