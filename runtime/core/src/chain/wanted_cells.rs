//! What a batch would have from the table.

use crate::column::{Batch, Field};

use super::layer::Layer;

/// Cells of the target that a batch's enrichers need: see [`super::Chain::with_stored`].
#[derive(Clone, Debug)]
pub struct WantedCells {
    /// The key columns of the rows, as the target has them; each key once, ascending.
    pub keys: Batch,
    /// Columns of the target.
    pub columns: Vec<Field>,
    /// Where the keys are those that rows had before: which rows of the table count.
    pub previous: Option<PreviousRows>,
    /// Rows that are to be held against the table.
    pub held: Option<HeldRows>,
    /// Of each key a row of the normalizer's.
    pub(super) rows: Vec<u32>,
    /// The normalizer's columns that `columns` come from, and what one of its units is in theirs.
    pub(super) from: Vec<(usize, i64)>,
}

/// Rows of the batch from which others may inherit, and those: from one that is older than what the
/// table has no other inherits.
#[derive(Clone, Debug)]
pub struct HeldRows {
    /// As [`super::Computed::rows`], but several of a key.
    pub layer: Layer,
    /// Of each row the place of its key among [`WantedCells::keys`].
    pub keys: Vec<u32>,
    /// Of each row its place among the normalizer's, ascending.
    pub(super) rows: Vec<u32>,
}

/// Which rows of keys that are no more count, parallel to [`WantedCells::keys`]: those that hold
/// all that came before the change of the key.
#[derive(Clone, Debug)]
pub struct PreviousRows {
    /// The partition whose events have all been written until then. What another one wrote may be
    /// older than events that it has still to write.
    pub partition: i32,
    /// The event time behind which a row is of a later life, microseconds since the Unix epoch.
    pub until_us: Vec<i64>,
    /// Whether a row that is deleted counts: by the very change of the key.
    pub may_be_deleted: Vec<bool>,
    /// The event time of that delete, by which it is known in other partitions, too; `None`: it is
    /// not.
    pub deleted_at_us: Vec<Option<i64>>,
}
