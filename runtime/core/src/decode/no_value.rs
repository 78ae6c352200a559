//! The ways in which a record says that it has no value.

use super::reads::Reads;
use crate::record::Record;

/// What is no value, by how values are read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ValueForm<'d> {
    reads: &'d Reads,
}

impl<'d> ValueForm<'d> {
    pub(super) fn new(reads: &'d Reads) -> Self {
        Self { reads }
    }

    /// Whether the record has no value: whether it is a tombstone.
    #[inline]
    pub(crate) fn is_tombstone(self, record: &Record<'_>) -> bool {
        self.reads.is_tombstone(record)
    }
}
