//! Rows that one statement writes, and where they come from.

use crate::column::Batch;

/// The record that a row came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RowSource {
    /// Index into [`super::Computed::records`].
    pub record: u32,
    /// The output row's rank among its record's rows (a normalizer may split one).
    pub rank: u32,
}

/// Rows that one statement writes: at most one a key, sorted by the key columns (each ascending,
/// text by bytes).
#[derive(Clone, Debug)]
pub struct Layer {
    /// The target's columns in [`super::ChainSpec::target`]'s order. A cell that is not present is
    /// one that the source did not send. Of a deleted row only key, event time, order and deleted
    /// flag count where the table has the row.
    pub rows: Batch,
    /// Parallel to `rows`.
    pub sources: Vec<RowSource>,
}
