//! Values that an enricher needs of a row, and that only the table has.
//!
//! An event may change one of two columns that an enricher reads and leave the other out. What that
//! one holds is in an older row of the batch, where the batch has one, and else in the table. The
//! enricher sees it as if the event had said it; the target's own cell stays absent.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, UInt32Array};
use arrow_buffer::BooleanBuffer;

use crate::column::{Batch, Column, taken};
use crate::dedup::{Candidates, Versions};

use super::Layer;
use super::cells::Cells;
use super::key_rows::{KeyRows, Older};
use super::normalize::Normalized;
use super::target_columns::TargetColumns;
use super::wanted_cells::{HeldRows, WantedCells};

/// What the table had.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    wanted: WantedCells,
    /// Of the rows that were held against it those that are older.
    older: BTreeSet<u32>,
    /// Parallel to what was wanted: a column each, a row a key.
    columns: Vec<Column>,
}

/// Cells that a wave's rows get from elsewhere.
pub(super) struct Fill {
    /// The normalizer's columns with the cells in them.
    pub(super) columns: Vec<(usize, Column)>,
}

/// Where a cell comes from.
#[derive(Clone, Copy)]
enum Inherited {
    /// A row of the normalizer's.
    Row(u32),
    /// A row of what was stored.
    Stored(u32),
}

/// Looks for the cells that rows lack.
pub(super) struct ReadBack<'a> {
    cells: &'a Cells,
    normalized: &'a Normalized,
    versions: &'a Versions,
    stored: Option<&'a Stored>,
    /// Where the target has a column of the normalizer's, if it has it.
    in_target: Vec<Option<(usize, i64)>>,
    /// Rows and columns of the normalizer's that only the table knows.
    missing: BTreeMap<u32, Vec<usize>>,
    /// Whether any row depends on what is below it: then it is to be tried again where that fails.
    pub(super) has_looked: bool,
    /// Whether no row of the batch is older than what the table has of its key.
    is_newest: bool,
    /// The newest rows of keys that are to be held against the table.
    held: BTreeSet<u32>,
}

impl Stored {
    /// `None`: the answer is not to what was asked.
    pub(super) fn new(wanted: WantedCells, answer: &Batch, is_older: &[bool]) -> Option<Self> {
        let is_answer = *answer.fields == *wanted.columns && answer.rows == wanted.keys.rows;
        let held = wanted.held.as_ref().map_or(&[][..], |held| &held.rows);
        if !is_answer || !answer.is_well_formed() || is_older.len() != held.len() {
            return None;
        }
        let held = held.iter().zip(is_older);
        let older = held.filter(|(_, is_older)| **is_older);
        let older = older.map(|(row, _)| *row).collect();
        let columns = answer.columns.iter().zip(&wanted.from);
        let columns = columns.map(|(column, (_, times))| match times {
            1 => column.clone(),
            times => {
                let units = column.values.as_primitive::<Int64Type>();
                let units = units.unary::<_, Int64Type>(|unit| unit.div_euclid(*times));
                Column {
                    values: Arc::new(units),
                    presence: column.presence.clone(),
                }
            }
        });
        let columns = columns.collect();
        Some(Self {
            wanted,
            older,
            columns,
        })
    }

    /// Whether the table has a newer row of its key, or had one that is deleted since.
    pub(super) fn is_older(&self, row: u32) -> bool {
        self.older.contains(&row)
    }

    fn is_held(&self, row: u32) -> bool {
        let held = self.wanted.held.as_ref();
        held.is_some_and(|held| held.rows.binary_search(&row).is_ok())
    }

    /// Of each key that was asked for a row of the normalizer's.
    pub(super) fn rows(&self) -> &[u32] {
        &self.wanted.rows
    }

    /// What the table had of a column of the normalizer's.
    pub(super) fn column(&self, column: usize) -> Option<&Column> {
        let from = self.wanted.from.iter();
        let at = from.enumerate().find(|(_, (c, _))| *c == column)?.0;
        Some(&self.columns[at])
    }

    fn row(&self, versions: &Versions, row: u32) -> Option<u32> {
        let of = |known: &u32| versions.compare_keys(*known, versions, row);
        self.wanted
            .rows
            .binary_search_by(of)
            .ok()
            .map(|at| at as u32)
    }
}

impl<'a> ReadBack<'a> {
    pub(super) fn new(
        cells: &'a Cells,
        normalized: &'a Normalized,
        versions: &'a Versions,
        target: &TargetColumns,
        stored: Option<&'a Stored>,
        is_newest: bool,
    ) -> Self {
        let columns = 0..normalized.batch.columns.len();
        Self {
            cells,
            normalized,
            versions,
            stored,
            in_target: columns.map(|column| target.place(column)).collect(),
            missing: BTreeMap::new(),
            has_looked: false,
            is_newest,
            held: BTreeSet::new(),
        }
    }

    /// What the rows at `positions` get. `None`: nothing.
    pub(super) fn fill(&mut self, key_rows: &KeyRows<'_>, positions: &[u32]) -> Option<Fill> {
        if !self.cells.are_absent(&self.normalized.batch.columns) {
            return None;
        }
        let mut found: BTreeMap<usize, Vec<Option<Inherited>>> = BTreeMap::new();
        let mut lacks = Vec::new();
        for (at, &position) in positions.iter().enumerate() {
            if key_rows.is_deleted(position) {
                continue;
            }
            self.lacks(key_rows.row(position) as usize, &mut lacks);
            self.has_looked |= !lacks.is_empty();
            if !lacks.is_empty() && self.must_hold(key_rows, position) {
                let missing = self.missing.entry(key_rows.row(position)).or_default();
                let in_target = lacks.iter().filter(|&&c| self.in_target[c].is_some());
                missing.extend(in_target);
                self.held.insert(key_rows.row(key_rows.newest_of(position)));
                continue;
            }
            for &column in &lacks {
                if let Some(from) = self.find(key_rows, position, column) {
                    let cells = found.entry(column);
                    cells.or_insert_with(|| vec![None; positions.len()])[at] = Some(from);
                }
            }
        }
        if found.is_empty() {
            return None;
        }
        let rows: Vec<u32> = positions.iter().map(|&p| key_rows.row(p)).collect();
        let columns = found.into_iter();
        let columns = columns.map(|(column, cells)| (column, self.filled(column, &rows, &cells)));
        Some(Fill {
            columns: columns.collect(),
        })
    }

    /// The columns that are absent in the row, and that an enricher reads beside one that is not.
    fn lacks(&self, row: usize, lacks: &mut Vec<usize>) {
        lacks.clear();
        let columns = &self.normalized.batch.columns;
        let is_here = |c: &usize| columns[*c].is_present(row);
        for reads in &self.cells.inputs {
            if reads.iter().any(is_here) {
                lacks.extend(reads.iter().filter(|c| !is_here(c)));
            }
        }
        lacks.sort_unstable();
        lacks.dedup();
    }

    /// Whether the row may inherit from another of the batch which the table has a newer one of,
    /// and nobody knows.
    fn must_hold(&self, key_rows: &KeyRows<'_>, position: u32) -> bool {
        let is_held = |stored: &Stored| stored.is_held(key_rows.row(position));
        !self.is_newest && key_rows.next(position).is_some() && !self.stored.is_some_and(is_held)
    }

    /// Where the cell comes from that the row at `position` inherits.
    fn find(&mut self, key_rows: &KeyRows<'_>, position: u32, column: usize) -> Option<Inherited> {
        let cells = &self.normalized.batch.columns[column];
        match key_rows.older(position, |row| cells.is_present(row as usize)) {
            Older::Row(row) => return Some(Inherited::Row(row)),
            Older::Nothing => return None,
            Older::Unknown => {}
        }
        self.in_target[column]?;
        let row = key_rows.row(position);
        let known = self.stored.and_then(|stored| {
            let column = stored.column(column)?;
            Some((stored.row(self.versions, row)?, column))
        });
        let Some((at, cells)) = known else {
            self.missing.entry(row).or_default().push(column);
            return None;
        };
        cells
            .is_present(at as usize)
            .then_some(Inherited::Stored(at))
    }

    /// The column's cells in `rows`, with those `found` elsewhere.
    fn filled(&self, column: usize, rows: &[u32], found: &[Option<Inherited>]) -> Column {
        let own = &self.normalized.batch.columns[column];
        let stored = self.stored.and_then(|stored| stored.column(column));
        let both = match stored {
            Some(stored) => Column::concat(&[own, stored]),
            None => own.clone(),
        };
        let of_rows = own.values.len() as u32;
        let places = rows.iter().zip(found).map(|(&row, from)| match from {
            None => row,
            Some(Inherited::Row(donor)) => *donor,
            Some(Inherited::Stored(at)) => of_rows + at,
        });
        let places: UInt32Array = places.collect();
        let is_known = |i: usize| both.is_present(places.value(i) as usize);
        Column {
            presence: Some(BooleanBuffer::collect_bool(rows.len(), is_known)),
            values: taken(&both.values, &places),
        }
    }

    /// What is to be read from the table, with what was read before, if it is more than that.
    /// `layer` makes rows of the target of the normalizer's.
    pub(super) fn wanted(
        &self,
        candidates: &Candidates,
        target: &TargetColumns,
        key: &[String],
        layer: impl Fn(&[u32]) -> Layer,
    ) -> Option<WantedCells> {
        if self.missing.is_empty() {
            return None;
        }
        let before = self.stored.map(|stored| &stored.wanted);
        let of_key = |&row: &u32| candidates.of_key(self.versions, self.versions, row);
        let mut held_rows: Vec<u32> = self.held.iter().flat_map(of_key).collect();
        let held_before = before.and_then(|wanted| wanted.held.as_ref());
        held_rows.extend(held_before.iter().flat_map(|held| &held.rows));
        held_rows.sort_unstable();
        held_rows.dedup();
        let mut rows: Vec<u32> = self.missing.keys().copied().collect();
        rows.extend(before.iter().flat_map(|wanted| &wanted.rows));
        let compare = |a: &u32, b: &u32| self.versions.compare_keys(*a, self.versions, *b);
        rows.sort_unstable_by(compare);
        rows.dedup_by(|a, b| compare(a, b) == Ordering::Equal);
        let mut columns: Vec<usize> = self.missing.values().flatten().copied().collect();
        columns.extend(
            before
                .iter()
                .flat_map(|wanted| wanted.from.iter().map(|(c, _)| *c)),
        );
        columns.sort_unstable();
        columns.dedup();
        let places = columns
            .iter()
            .filter_map(|&c| Some((c, self.in_target[c]?)));
        let (mut fields, mut from) = (Vec::new(), Vec::new());
        for (column, (place, times)) in places {
            fields.push(target.fields[place].clone());
            from.push((column, times));
        }
        let place = |row: &u32| {
            rows.binary_search_by(|of| compare(of, row))
                .unwrap_or_default()
        };
        let held = (!held_rows.is_empty()).then(|| HeldRows {
            layer: layer(&held_rows),
            keys: held_rows.iter().map(|row| place(row) as u32).collect(),
            rows: held_rows,
        });
        Some(WantedCells {
            held,
            keys: target.keys(&self.normalized.batch.take(&rows), key)?,
            columns: fields,
            previous: None,
            rows,
            from,
        })
    }
}
