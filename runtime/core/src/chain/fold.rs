//! Rows that have what their key's older events say, as well as their own: for who writes a row
//! that the table may have already, so that it would turn away what is older.

use arrow_array::cast::AsArray;
use arrow_array::{Array, BooleanArray, UInt32Array};

use crate::column::Batch;
use crate::dedup::Versions;

use super::Layer;
use super::layering::Layers;
use super::normalize::Normalized;

/// A batch whose layers are folded.
pub(super) struct Fold<'a> {
    normalized: &'a Normalized,
    versions: &'a Versions,
    deleted: Option<&'a BooleanArray>,
}

impl<'a> Fold<'a> {
    /// `deleted` is the normalizer's flag.
    pub(super) fn new(
        normalized: &'a Normalized,
        versions: &'a Versions,
        deleted: Option<usize>,
    ) -> Self {
        let flag = deleted.map(|flag| normalized.batch.columns[flag].values.as_boolean());
        Self {
            normalized,
            versions,
            deleted: flag,
        }
    }

    /// Fills the cells that the newest row of each key lacks from the layers below it, the newest
    /// that has one first, as far as its life reaches. Of the layers deletes stay.
    pub(super) fn fold(&self, layers: &mut Layers) {
        let batches = layers.after_truncate.iter().rev().map(|layer| &layer.rows);
        let batches: Vec<Batch> = std::iter::once(&layers.rows)
            .chain(batches)
            .cloned()
            .collect();
        let all = Batch::concat(&batches);
        let rows = layers.newest.len() as u32;
        let mut places: Vec<Vec<u32>> = all.columns.iter().map(|_| (0..rows).collect()).collect();
        let is_deleted = |row: &u32| self.is_deleted(*row);
        let mut is_over: Vec<bool> = layers.newest.iter().map(is_deleted).collect();
        let mut donor = rows;
        for layer in layers.after_truncate.iter().rev() {
            for row in self.rows(layer) {
                let compare = |of: &u32| self.versions.compare_keys(*of, self.versions, row);
                if let Ok(of) = layers.newest.binary_search_by(compare) {
                    is_over[of] |= self.is_deleted(row);
                    for (column, places) in all.columns.iter().zip(&mut places) {
                        let lacks = !is_over[of] && !column.is_present(places[of] as usize);
                        if lacks && column.is_present(donor as usize) {
                            places[of] = donor;
                        }
                    }
                }
                donor += 1;
            }
        }
        let columns = all.columns.iter().zip(places);
        let columns = columns.map(|(column, places)| column.take(&UInt32Array::from(places)));
        layers.rows = Batch {
            rows: rows as usize,
            fields: all.fields.clone(),
            columns: columns.collect(),
        };
        let deletes = layers
            .after_truncate
            .iter()
            .map(|layer| self.deletes(layer));
        layers.after_truncate = deletes.filter(|layer| layer.rows.rows > 0).collect();
    }

    /// Of each row of a layer its place among the normalizer's.
    fn rows(&self, layer: &Layer) -> Vec<u32> {
        let sources = layer.sources.iter();
        let row = sources.map(|s| self.normalized.sources.binary_search(s).unwrap_or_default());
        row.map(|row| row as u32).collect()
    }

    fn deletes(&self, layer: &Layer) -> Layer {
        let rows = self.rows(layer).into_iter().zip(0..);
        let deleted = rows.filter(|(row, _)| self.is_deleted(*row));
        let at: Vec<u32> = deleted.map(|(_, at)| at).collect();
        Layer {
            rows: layer.rows.take(&at),
            sources: at.iter().map(|&at| layer.sources[at as usize]).collect(),
        }
    }

    fn is_deleted(&self, row: u32) -> bool {
        let row = row as usize;
        self.deleted
            .is_some_and(|flags| flags.is_valid(row) && flags.value(row))
    }
}
