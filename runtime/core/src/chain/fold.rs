//! Rows that have what their key's older events say, as well as their own: for who writes a row
//! that the table may have already, so that it would turn away what is older.

use arrow_array::cast::AsArray;
use arrow_array::{Array, BooleanArray, UInt32Array};

use crate::column::Batch;
use crate::dedup::Versions;

use super::Layer;
use super::layering::{Layers, OlderRows};
use super::normalize::Normalized;

/// A batch whose layers are folded.
pub(super) struct Fold<'a> {
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
            versions,
            deleted: flag,
        }
    }

    /// Fills the cells that the newest row of each key lacks from the layers below it, the newest
    /// that has one first, as far as its life reaches. Of the layers deletes stay.
    pub(super) fn fold(&self, layers: &mut Layers) {
        let older = layers.after_truncate.iter().rev();
        let batches = older.map(|older| &older.layer.rows);
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
        for older in layers.after_truncate.iter().rev() {
            for &row in &older.places {
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
            .map(|older| self.deletes(older));
        layers.after_truncate = deletes.filter(|older| !older.places.is_empty()).collect();
    }

    fn deletes(&self, older: &OlderRows) -> OlderRows {
        let places = older.places.iter().zip(0..);
        let deleted = places.filter(|(place, _)| self.is_deleted(**place));
        let (places, at): (Vec<u32>, Vec<u32>) = deleted.unzip();
        let sources = at.iter().map(|&at| older.layer.sources[at as usize]);
        let layer = Layer {
            rows: older.layer.rows.take(&at),
            sources: sources.collect(),
        };
        OlderRows { layer, places }
    }

    fn is_deleted(&self, row: u32) -> bool {
        let row = row as usize;
        self.deleted
            .is_some_and(|flags| flags.is_valid(row) && flags.value(row))
    }
}
