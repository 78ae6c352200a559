//! What a batch would have from the table.

use crate::column::{Batch, Field};

/// Cells of the target that a batch's enrichers need: see [`super::Chain::with_stored`].
#[derive(Clone, Debug)]
pub struct WantedCells {
    /// The key columns of the rows, as the target has them; each key once, ascending.
    pub keys: Batch,
    /// Columns of the target.
    pub columns: Vec<Field>,
    /// Of each key a row of the normalizer's.
    pub(super) rows: Vec<u32>,
    /// The normalizer's columns that `columns` come from, and what one of its units is in theirs.
    pub(super) from: Vec<(usize, i64)>,
}
