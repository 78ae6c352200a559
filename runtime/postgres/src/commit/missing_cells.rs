//! Which cells of a batch the source did not send, and which rows are deleted.

use arrow_array::Array;
use arrow_array::cast::AsArray;
use gristmill_core::column::Batch;

use crate::commit::rows_sql::RowsKind;
use crate::commit::target_shape::TargetShape;
use crate::wire::mask_array::MaskArray;

/// Where rows may have such cells, and the bits of them.
#[derive(Clone, Debug)]
pub(crate) struct MissingCells {
    /// Fields that may be absent, each with its bit.
    bits: Vec<(usize, u32)>,
    /// Of a row's mask.
    mask_bytes: usize,
    deleted: Option<usize>,
    /// Whether the table can say that a cell is absent.
    pub(crate) are_tracked: bool,
}

impl MissingCells {
    pub(crate) fn new(shape: &TargetShape<'_>) -> Self {
        Self {
            bits: shape.values().map(|(i, _)| (i, shape.bit(i))).collect(),
            mask_bytes: shape.mask_bytes(),
            deleted: shape.deleted(),
            are_tracked: shape.tracks_absent(),
        }
    }

    /// Whether rows are deleted or lack cells.
    pub(crate) fn kind(&self, rows: &Batch) -> RowsKind {
        if self.has_deleted(rows) {
            RowsKind::Deleted
        } else if self.bits.iter().any(|(i, _)| has_absent(rows, *i)) {
            RowsKind::Absent
        } else {
            RowsKind::Plain
        }
    }

    fn has_deleted(&self, rows: &Batch) -> bool {
        let deleted = self.deleted.map(|i| rows.columns[i].values.as_boolean());
        deleted.is_some_and(|deleted| deleted.true_count() > 0)
    }

    /// Whether the row is deleted.
    pub(crate) fn is_deleted(&self, rows: &Batch, row: usize) -> bool {
        let deleted = self.deleted.map(|i| rows.columns[i].values.as_boolean());
        deleted.is_some_and(|deleted| deleted.is_valid(row) && deleted.value(row))
    }

    /// The masks of the rows.
    pub(crate) fn masks(&self, rows: &Batch) -> MaskArray {
        let mut masks = MaskArray::new(rows.rows, self.mask_bytes);
        for (i, bit) in &self.bits {
            let Some(presence) = &rows.columns[*i].presence else {
                continue;
            };
            for row in (0..rows.rows).filter(|row| !presence.value(*row)) {
                masks.set(row, *bit);
            }
        }
        masks
    }

    /// The fields of which the row has a cell and `bits` has the bit.
    pub(crate) fn present(&self, rows: &Batch, row: usize, bits: &[u8]) -> Vec<usize> {
        let is_set = |bit: u32| {
            let byte = bits.get(bit as usize / 8);
            byte.is_some_and(|byte| byte & 1 << (bit % 8) != 0)
        };
        let of = self.bits.iter().filter(|(_, bit)| is_set(*bit));
        let present = of.filter(|(i, _)| rows.columns[*i].is_present(row));
        present.map(|(i, _)| *i).collect()
    }

    /// The first row that is not deleted and lacks a cell, and the cell's column.
    pub(crate) fn first_absent(&self, rows: &Batch) -> Option<(usize, usize)> {
        let columns = self.bits.iter().filter(|(i, _)| has_absent(rows, *i));
        let absent = columns.filter_map(|(i, _)| {
            let presence = rows.columns[*i].presence.as_ref()?;
            let mut absent = (0..rows.rows).filter(|row| !presence.value(*row));
            Some((absent.find(|row| !self.is_deleted(rows, *row))?, *i))
        });
        absent.min()
    }
}

fn has_absent(rows: &Batch, column: usize) -> bool {
    let presence = rows.columns[column].presence.as_ref();
    presence.is_some_and(|p| p.count_set_bits() < p.len())
}
