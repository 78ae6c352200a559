//! Rows whose key was another one before. What such an event leaves out is what the row of the old
//! key had: in an older row of the batch, where that has it, and else in the table.

use std::collections::{BTreeMap, HashMap};

use arrow_array::{Array, UInt32Array};
use arrow_buffer::BooleanBuffer;

use crate::column::{Batch, Column, Field, taken};
use crate::dedup::Packed;
use crate::plan::Roles;

use super::cells::Cells;
use super::read_back::Stored;
use super::target_columns::TargetColumns;
use super::wanted_cells::{PreviousRows, WantedCells};

/// The normalizer's columns that tell of it.
#[derive(Clone, Debug)]
pub(super) struct OldKey {
    key: Vec<usize>,
    /// Parallel to the key: what it was before; null where it was no other.
    old: Vec<usize>,
}

impl OldKey {
    /// `None`: the normalizer tells of none.
    pub(super) fn new(roles: &Roles, writes: &[Field]) -> Option<Self> {
        let place = |name: &String| writes.iter().position(|f| f.name == *name);
        let places = |names: &[String]| names.iter().map(place).collect::<Option<Vec<_>>>();
        let (key, old) = (places(&roles.key)?, places(&roles.old_key)?);
        (!old.is_empty() && old.len() == key.len()).then_some(Self { key, old })
    }

    fn is_told(&self, batch: &Batch, row: usize) -> bool {
        let mut old = self.old.iter().map(|&c| &batch.columns[c]);
        old.all(|column| column.is_present(row) && column.values.is_valid(row))
    }
}

/// Where a cell comes from.
#[derive(Clone, Copy)]
enum Previous {
    /// A row of the batch.
    Row(u32),
    /// A row of what was stored.
    Stored(u32),
}

/// What is found.
#[derive(Default)]
struct Found {
    /// Of each column the cells, by row.
    cells: BTreeMap<usize, HashMap<u32, Previous>>,
    /// The rows that need the table, with whether its row may be deleted already.
    missing: Vec<(u32, bool)>,
}

/// The rows of an old key that stand before the change in the batch.
struct Before {
    /// The last one first.
    rows: Vec<u32>,
    /// Whether the batch has the delete that is half of the change.
    has_delete: bool,
    /// Whether what the table has is of an earlier life.
    is_whole_life: bool,
}

/// Gives rows of new keys what they had under the old ones.
pub(super) struct KeyChanges<'a> {
    pub(super) old_key: &'a OldKey,
    pub(super) cells: &'a Cells,
    pub(super) target: &'a TargetColumns,
    /// The names of the key's columns.
    pub(super) key: &'a [String],
    /// What the table has of the old keys, where it was asked.
    pub(super) stored: Option<&'a Stored>,
    /// By the row, the time up to which an event of its old key is of the life that ended,
    /// microseconds.
    pub(super) until_us: &'a dyn Fn(usize) -> i64,
    /// Whether that is the time of the delete, too, which is half of the change.
    pub(super) is_of_delete: bool,
    /// By the row, whether all records before its own became rows. What others would have changed,
    /// and of which key, is not known.
    pub(super) is_certain: &'a dyn Fn(usize) -> bool,
    pub(super) partition: i32,
}

impl KeyChanges<'_> {
    /// Fills the cells in that rows lack. Returns what only the table has, where it was not asked
    /// yet.
    pub(super) fn fill(&self, batch: &mut Batch) -> Option<WantedCells> {
        let first = &batch.columns[self.old_key.old[0]].values;
        if first.null_count() == first.len() {
            return None;
        }
        let columns = self.cells.columns.iter().copied();
        let may_lack =
            |c: &usize| batch.columns[*c].presence.is_some() && self.target.place(*c).is_some();
        let columns: Vec<usize> = columns.filter(may_lack).collect();
        let lacks = |row: &usize| columns.iter().any(|c| !batch.columns[*c].is_present(*row));
        let rows = (0..batch.rows)
            .filter(|&row| self.old_key.is_told(batch, row) && !self.cells.is_deleted(batch, row));
        let rows = rows.filter(|row| (self.is_certain)(*row));
        let rows: Vec<usize> = rows.filter(lacks).collect();
        if rows.is_empty() {
            return None;
        }
        let Found { cells, missing } = self.find(batch, &rows, &columns);
        for (column, cells) in cells {
            batch.columns[column] = self.filled(batch, column, &cells);
        }
        match self.stored {
            Some(_) => None,
            None => self.wanted(batch, &columns, missing),
        }
    }

    fn find(&self, batch: &Batch, rows: &[usize], columns: &[usize]) -> Found {
        let (keys, olds) = (
            packed(batch, &self.old_key.key),
            packed(batch, &self.old_key.old),
        );
        let mut by_key: HashMap<&[u8], Vec<u32>> = HashMap::new();
        for row in 0..batch.rows {
            by_key.entry(keys.get(row)).or_default().push(row as u32);
        }
        let stored = self.stored.iter().flat_map(|stored| stored.rows());
        let stored: HashMap<u32, u32> = stored.zip(0..).map(|(row, at)| (*row, at)).collect();
        let mut found = Found::default();
        for &row in rows {
            let of_old = by_key.get(olds.get(row)).map_or(&[][..], Vec::as_slice);
            let before = self.before(batch, of_old, row as u32);
            let mut needs_table = false;
            for &column in columns
                .iter()
                .filter(|c| !batch.columns[**c].is_present(row))
            {
                let cells = found.cells.entry(column).or_default();
                let mut donors = before.rows.iter();
                let donor =
                    donors.find_map(|&p| match batch.columns[column].is_present(p as usize) {
                        true => Some(Previous::Row(p)),
                        false => cells.get(&p).copied(),
                    });
                let in_table = || {
                    let at = *stored.get(&(row as u32))?;
                    let column = self.stored?.column(column)?;
                    column
                        .is_present(at as usize)
                        .then_some(Previous::Stored(at))
                };
                let is_known = donor.or_else(|| in_table().filter(|_| !before.is_whole_life));
                match is_known {
                    Some(previous) => drop(cells.insert(row as u32, previous)),
                    None => needs_table |= !before.is_whole_life,
                }
            }
            if needs_table {
                found.missing.push((row as u32, !before.has_delete));
            }
        }
        found
    }

    fn before(&self, batch: &Batch, of_old: &[u32], row: u32) -> Before {
        let mut before = Before {
            rows: Vec::new(),
            has_delete: false,
            is_whole_life: false,
        };
        for &other in of_old.iter().rev().filter(|other| **other < row) {
            match self.cells.is_deleted(batch, other as usize) {
                false => before.rows.push(other),
                true if before.rows.is_empty() && !before.has_delete => before.has_delete = true,
                true => {
                    before.is_whole_life = true;
                    break;
                }
            }
        }
        before
    }

    fn filled(&self, batch: &Batch, column: usize, cells: &HashMap<u32, Previous>) -> Column {
        let own = &batch.columns[column];
        let stored = self.stored.and_then(|stored| stored.column(column));
        let both = match stored {
            Some(stored) => Column::concat(&[own, stored]),
            None => own.clone(),
        };
        let of_batch = batch.rows as u32;
        let places = (0..of_batch).map(|row| match cells.get(&row) {
            None => row,
            Some(Previous::Row(other)) => *other,
            Some(Previous::Stored(at)) => of_batch + at,
        });
        let places: UInt32Array = places.collect();
        let is_known = |row: usize| both.is_present(places.value(row) as usize);
        let presence = BooleanBuffer::collect_bool(batch.rows, is_known);
        Column {
            presence: (presence.count_set_bits() < presence.len()).then_some(presence),
            values: taken(&both.values, &places),
        }
    }

    /// The cells of the old keys of the rows `missing`.
    fn wanted(
        &self,
        batch: &Batch,
        columns: &[usize],
        mut missing: Vec<(u32, bool)>,
    ) -> Option<WantedCells> {
        if missing.is_empty() {
            return None;
        }
        // Rows are locked in the order of their keys.
        let olds = packed(batch, &self.old_key.old);
        missing.sort_by(|(a, _), (b, _)| olds.get(*a as usize).cmp(olds.get(*b as usize)));
        let rows: Vec<u32> = missing.iter().map(|(row, _)| *row).collect();
        let until_us = rows.iter().map(|row| (self.until_us)(*row as usize));
        let until_us: Vec<i64> = until_us.collect();
        let deleted_at_us = until_us.iter().map(|us| self.is_of_delete.then_some(*us));
        let mut of_old = batch.take(&rows);
        for (key, old) in self.old_key.key.iter().zip(&self.old_key.old) {
            of_old.columns[*key] = of_old.columns[*old].clone();
        }
        let places = columns
            .iter()
            .filter_map(|&c| Some((c, self.target.place(c)?)));
        let (mut fields, mut from) = (Vec::new(), Vec::new());
        for (column, (place, times)) in places {
            fields.push(self.target.fields[place].clone());
            from.push((column, times));
        }
        Some(WantedCells {
            held: None,
            keys: self.target.keys(&of_old, self.key)?,
            columns: fields,
            previous: Some(PreviousRows {
                partition: self.partition,
                may_be_deleted: missing.iter().map(|(_, may_be)| *may_be).collect(),
                deleted_at_us: deleted_at_us.collect(),
                until_us,
            }),
            rows,
            from,
        })
    }
}

fn packed(batch: &Batch, columns: &[usize]) -> Packed {
    let columns = columns.iter();
    let columns = columns.map(|&c| (batch.fields[c].logical_type, &batch.columns[c]));
    Packed::new(&columns.collect::<Vec<_>>(), batch.rows)
}

#[cfg(test)]
mod tests;
