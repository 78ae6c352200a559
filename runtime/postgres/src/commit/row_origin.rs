//! Where rows come from, beside their records.

use crate::commit::lease::Lease;

/// Where the rows of a batch come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowOrigin {
    /// Which topic of its name it was: see [`Lease::log`].
    pub log: i32,
    pub partition: i32,
}

impl RowOrigin {
    /// The partition that `lease` is for.
    pub fn of(lease: &Lease) -> Self {
        Self {
            log: lease.log,
            partition: lease.key.partition,
        }
    }
}
