//! What nobody knows of the table's rows once records are dead letters of which the key alone is
//! known: what they change, and by which version, is not. They may change all cells, and stand
//! where the log has them.

use std::collections::BTreeSet;

use arrow_array::{Array, new_null_array};

use crate::column::{Batch, Column};
use crate::dead_letter::DeadLetter;
use crate::decode::KeysFound;
use crate::dedup::Versions;

use super::lost_cells::LostCells;
use super::{Layer, RowSource};

impl LostCells<'_> {
    /// Of each key in `found`, and of each row that has one but no event time, a row with the cells
    /// as not present that nobody knows once the batch has been written. It comes from the last
    /// record of the batch that is about the key.
    pub(super) fn unread(&self, found: KeysFound, dead_letters: &[DeadLetter]) -> Option<Layer> {
        let failed = self.failed(dead_letters);
        let timeless = failed.iter().filter(|&&row| self.is_timeless(row)).copied();
        let timeless: Vec<u32> = timeless.collect();
        let normalized = self.normalized;
        let of_rows = normalized
            .batch
            .take(&timeless)
            .select(&found.keys.fields)?;
        let sources = normalized.sources_of(&timeless);
        let records = found.records.into_iter();
        let records: Vec<u32> = records.chain(sources.iter().map(|s| s.record)).collect();
        let rows = self.with_keys(&Batch::concat(&[found.keys, of_rows]));
        let keys = Versions::new(self.columns, &rows, vec![0; rows.rows]);
        let (mut kept, mut sources, mut lost) = (Vec::new(), Vec::new(), Vec::new());
        for row in last_of_each_key(&keys, &records) {
            let record = records[row as usize];
            let unknown = self.unknown_since(record, &keys, row, &failed);
            if unknown.is_empty() {
                continue;
            }
            let of_key = self.candidates.of_key(self.versions, &keys, row);
            let last = of_key
                .map(|row| normalized.sources[row as usize].record)
                .max();
            let record = last.map_or(record, |last| last.max(record));
            sources.push(RowSource { record, rank: 0 });
            kept.push(row);
            lost.push(unknown);
        }
        let columns = rows.take(&kept).columns;
        (!kept.is_empty()).then(|| self.layer(columns, sources, &lost))
    }

    /// Whether the row has a key, but no time by which it has a version.
    fn is_timeless(&self, row: u32) -> bool {
        let batch = &self.normalized.batch;
        !self.columns.is_key_null(batch, row as usize)
            && batch.columns[self.event_time].values.is_null(row as usize)
            && !self.is_deleted(row)
    }

    /// The target's columns of which no row of the batch says, later than `record` did, what they
    /// hold. None, where the row was deleted since.
    fn unknown_since(
        &self,
        record: u32,
        keys: &Versions,
        key: u32,
        failed: &BTreeSet<u32>,
    ) -> BTreeSet<usize> {
        let is_later = |row: u32| self.normalized.sources[row as usize].record > record;
        if self.emptied.is_some_and(is_later) {
            return BTreeSet::new();
        }
        let (mut open, mut lost) = (self.all(), BTreeSet::new());
        // What the rules read, also where the target has no such column.
        let mut open_inputs: BTreeSet<usize> = self.cells.columns.iter().copied().collect();
        let mut lost_inputs = BTreeSet::new();
        let columns = &self.normalized.batch.columns;
        let rows = self.candidates.of_key(self.versions, keys, key);
        for row in rows.filter(|row| !failed.contains(row)) {
            if self.is_deleted(row) {
                // What stands above it is a new life, which inherits nothing.
                if is_later(row) {
                    (open, open_inputs) = Default::default();
                }
                break;
            }
            let told = self.carried(row, false);
            let told = open.extract_if(.., |place| told.contains(place));
            let is_present = |column: &usize| columns[*column].is_present(row as usize);
            let inputs = open_inputs.extract_if(.., |column| is_present(column));
            let (told, inputs) = (told.collect::<Vec<_>>(), inputs.collect::<Vec<_>>());
            if !is_later(row) {
                lost.extend(told);
                lost_inputs.extend(inputs);
            }
        }
        lost.append(&mut open);
        lost_inputs.append(&mut open_inputs);
        let made = self.made().filter(|(inputs, _)| {
            let mut inputs = inputs.iter();
            inputs.any(|column| lost_inputs.contains(column))
        });
        lost.extend(made.flat_map(|(_, places)| places));
        lost
    }

    /// Rows as the normalizer's, of which nothing but the key is known.
    fn with_keys(&self, keys: &Batch) -> Batch {
        let fields = &self.normalized.batch.fields;
        let column = |field: &crate::column::Field| match keys.position(&field.name) {
            Some(position) => keys.columns[position].clone(),
            None => Column::new(new_null_array(&field.logical_type.data_type(), keys.rows)),
        };
        Batch {
            rows: keys.rows,
            fields: fields.clone(),
            columns: fields.iter().map(column).collect(),
        }
    }
}

/// The row of each key that is of the latest record, in the order of the keys.
fn last_of_each_key(keys: &Versions, records: &[u32]) -> Vec<u32> {
    let mut rows: Vec<u32> = (0..records.len() as u32).collect();
    rows.sort_by(|&a, &b| {
        let later_first = || records[b as usize].cmp(&records[a as usize]);
        keys.compare_keys(a, keys, b).then_with(later_first)
    });
    rows.dedup_by(|row, first| keys.compare_keys(*row, keys, *first).is_eq());
    rows
}
