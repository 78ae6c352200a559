//! What a batch writes, one statement after the other.

use gristmill_core::chain::{Computed, Earlier, RowSource};
use gristmill_core::column::Batch;

/// One statement's part of a batch.
#[derive(Clone, Copy)]
pub(crate) struct CommitStep<'a> {
    /// Index into [`Computed::earlier`]; the number of those: the newest rows.
    pub(crate) layer: usize,
    pub(crate) rows: &'a Batch,
    /// Parallel to `rows`.
    pub(crate) sources: &'a [RowSource],
    /// Older rows of the table are deleted, and this one is not written.
    pub(crate) is_truncate: bool,
}

/// The steps of `batch`, in their order.
pub(crate) fn steps(batch: &Computed) -> impl Iterator<Item = CommitStep<'_>> {
    let earlier = batch.earlier.iter().enumerate();
    let earlier = earlier.map(|(layer, earlier)| {
        let (of, is_truncate) = match earlier {
            Earlier::Rows(rows) => (rows, false),
            Earlier::Truncate(row) => (row, true),
        };
        CommitStep {
            layer,
            rows: &of.rows,
            sources: &of.sources,
            is_truncate,
        }
    });
    earlier.chain([CommitStep {
        layer: batch.earlier.len(),
        rows: &batch.rows,
        sources: &batch.sources,
        is_truncate: false,
    }])
}

/// Where the row of a layer comes from; see [`CommitStep::layer`].
pub(crate) fn source(batch: &Computed, layer: usize, row: usize) -> RowSource {
    match batch.earlier.get(layer) {
        Some(Earlier::Rows(of) | Earlier::Truncate(of)) => of.sources[row],
        None => batch.sources[row],
    }
}
