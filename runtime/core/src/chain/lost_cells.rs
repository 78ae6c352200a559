//! What nobody knows of the table's rows once events that changed them are dead letters, or do not
//! name all columns though they should, or enrichers could not answer.
//!
//! The table keeps what such an event would have changed, and later events may leave it out: it
//! would stay for good, as if it were right. So the cells that the event carried count as unknown,
//! but for those that a newer one of the batch has.

use std::collections::{BTreeMap, BTreeSet};

use arrow_array::{Array, new_null_array};
use arrow_buffer::BooleanBuffer;

use crate::column::Column;
use crate::dead_letter::DeadLetter;
use crate::dedup::{Candidates, Version, VersionColumns, Versions};

use super::cells::Cells;
use super::enrich::Unanswered;
use super::normalize::Normalized;
use super::source_columns::Unnamed;
use super::step::{Step, ordinal};
use super::target_columns::TargetColumns;
use super::{Layer, RowSource};

/// A batch whose rows have been tried.
pub(super) struct LostCells<'a> {
    pub(super) cells: &'a Cells,
    pub(super) columns: &'a VersionColumns,
    pub(super) event_time: usize,
    pub(super) enrichers: &'a [Step],
    pub(super) target: &'a TargetColumns,
    pub(super) normalized: &'a Normalized,
    pub(super) versions: &'a Versions,
    pub(super) candidates: &'a Candidates,
    /// The row that says that the source table was emptied.
    pub(super) emptied: Option<u32>,
}

impl LostCells<'_> {
    /// Of each key the newest row of the batch, with the cells as not present that nobody knows
    /// once it has been written. `dead_letters` are in the order of the rows; `known` is asked for
    /// the newest version of a row's key that came before this batch.
    pub(super) fn find<'v>(
        &self,
        dead_letters: &[DeadLetter],
        (unanswered, unnamed): (&[Unanswered], &[Unnamed]),
        known: impl Fn(u32) -> Option<Version<'v>>,
    ) -> Option<Layer> {
        let failed = self.failed(dead_letters);
        let mut lost: BTreeMap<u32, BTreeSet<usize>> = BTreeMap::new();
        let of_failed = failed.iter().map(|&row| (row, self.carried(row, true)));
        let of_unnamed = unnamed.iter();
        let of_unnamed = of_unnamed.map(|of| (of.row, self.made_of(&of.columns)));
        for (row, mut carried) in of_failed.chain(of_unnamed) {
            let is_older = known(row).is_some_and(|known| self.versions.version(row) < known);
            if is_older || !self.changes(row) {
                continue;
            }
            let newer = self.candidates.newer(self.versions, row);
            let newer: Vec<u32> = newer.filter(|r| !failed.contains(r)).collect();
            let is_over = |&row: &u32| self.is_deleted(row);
            let is_emptied = self.emptied.is_some_and(|e| self.versions.is_newer(e, row));
            if is_emptied || newer.iter().any(is_over) {
                continue;
            }
            for &row in &newer {
                let told = self.carried(row, false);
                carried.retain(|column| !told.contains(column));
            }
            let newest = newer.first().copied().unwrap_or(row);
            lost.entry(newest).or_default().extend(carried);
        }
        for of in unanswered {
            if let Some(newest) = self.keeps_old_answer(of, &failed) {
                let made = self.made().nth(of.enricher);
                let places = made.map(|(_, places)| places).unwrap_or_default();
                lost.entry(newest).or_default().extend(places);
            }
        }
        lost.retain(|_, columns| !columns.is_empty());
        let (rows, lost): (Vec<u32>, Vec<_>) = self.one_a_key(lost).into_iter().unzip();
        let columns = || self.normalized.batch.take(&rows).columns;
        let sources = || self.normalized.sources_of(&rows);
        (!rows.is_empty()).then(|| self.layer(columns(), sources(), &lost))
    }

    /// The newest row of the key, where the table keeps what the enricher made of older values:
    /// the row is of a life that was there before the batch and goes on, and no newer one has what
    /// the enricher reads.
    fn keeps_old_answer(&self, of: &Unanswered, failed: &BTreeSet<u32>) -> Option<u32> {
        let is_after = |emptied| self.versions.is_newer(emptied, of.row);
        if self.emptied.is_some_and(is_after) {
            return None;
        }
        let inputs = &self.cells.inputs[of.enricher];
        let columns = &self.normalized.batch.columns;
        let rows = self.candidates.of_key(self.versions, self.versions, of.row);
        let (mut newest, mut is_newer) = (None, true);
        for row in rows.filter(|row| !failed.contains(row)) {
            newest = newest.or(Some(row));
            is_newer &= row != of.row;
            let has = |column: &usize| columns[*column].is_present(row as usize);
            // Of a new life what nobody says is unknown as it is.
            if self.is_deleted(row) || is_newer && inputs.iter().any(has) {
                return None;
            }
        }
        newest
    }

    /// The rows that became dead letters.
    pub(super) fn failed(&self, dead_letters: &[DeadLetter]) -> BTreeSet<u32> {
        let sources = &self.normalized.sources;
        let of = dead_letters.iter().filter(|letter| letter.ordinal > 0);
        let row = of.filter_map(|letter| {
            let place = (letter.record, letter.ordinal);
            let found = sources.binary_search_by_key(&place, |s| (s.record, ordinal(*s)));
            found.ok().map(|row| row as u32)
        });
        row.collect()
    }

    /// Whether the row would have changed cells of one that is known by its key, and it is known
    /// when.
    fn changes(&self, row: u32) -> bool {
        let batch = &self.normalized.batch;
        let has_key = !self.columns.is_key_null(batch, row as usize);
        let has_time = batch.columns[self.event_time].values.is_valid(row as usize);
        has_key && has_time && !self.is_deleted(row)
    }

    pub(super) fn is_deleted(&self, row: u32) -> bool {
        self.cells.is_deleted(&self.normalized.batch, row as usize)
    }

    /// The target's columns that the row has cells for. `any`: also those of an enricher that has
    /// some of what it reads.
    pub(super) fn carried(&self, row: u32, any: bool) -> BTreeSet<usize> {
        let columns = &self.normalized.batch.columns;
        let has = |&column: &usize| columns[column].is_present(row as usize);
        let own = self.cells.columns.iter().filter(|c| has(c)).copied();
        let own = own.filter_map(|column| self.target.place(column));
        let mut carried: BTreeSet<usize> = own.map(|(place, _)| place).collect();
        for (inputs, places) in self.made() {
            let is_told = match any {
                true => inputs.iter().any(has),
                false => inputs.iter().all(has),
            };
            if is_told {
                carried.extend(places);
            }
        }
        carried
    }

    /// The target's columns of the normalizer's `columns`, and of the enrichers that read them.
    fn made_of(&self, columns: &[usize]) -> BTreeSet<usize> {
        let own = columns.iter().filter(|c| self.cells.columns.contains(c));
        let own = own.filter_map(|&column| self.target.place(column));
        let made = self
            .made()
            .filter(|(inputs, _)| inputs.iter().any(|c| columns.contains(c)));
        let made = made.flat_map(|(_, places)| places);
        own.map(|(place, _)| place).chain(made).collect()
    }

    /// Of each enricher the normalizer's columns that it reads, and the target's that it writes.
    pub(super) fn made(&self) -> impl Iterator<Item = (&[usize], Vec<usize>)> {
        let mut first = self.normalized.batch.columns.len();
        let enrichers = self.enrichers.iter().zip(&self.cells.inputs);
        enrichers.map(move |(step, inputs)| {
            let written = first..first + step.writes.len();
            first = written.end;
            let places = written.filter_map(|column| self.target.place(column));
            (inputs.as_slice(), places.map(|(place, _)| place).collect())
        })
    }

    /// The newest row that failed stands for its key, where none that passed is newer.
    fn one_a_key(&self, lost: BTreeMap<u32, BTreeSet<usize>>) -> Vec<(u32, BTreeSet<usize>)> {
        let mut by_key: Vec<(u32, BTreeSet<usize>)> = lost.into_iter().collect();
        let versions = self.versions;
        by_key.sort_by(|(a, _), (b, _)| {
            let newer_first = || match versions.is_newer(*a, *b) {
                true => std::cmp::Ordering::Less,
                false => std::cmp::Ordering::Greater,
            };
            versions
                .compare_keys(*a, versions, *b)
                .then_with(newer_first)
        });
        by_key.dedup_by(|(row, older), (of, newer)| {
            let is_same = versions.compare_keys(*row, versions, *of).is_eq();
            if is_same {
                newer.append(older);
            }
            is_same
        });
        by_key
    }

    /// The target's columns that cells may be unknown of.
    pub(super) fn all(&self) -> BTreeSet<usize> {
        let own = self.normalized.batch.columns.len();
        let written: usize = self.enrichers.iter().map(|e| e.writes.len()).sum();
        let columns = self.cells.columns.iter().copied();
        let columns = columns.chain(own..own + written);
        let places = columns.filter_map(|column| self.target.place(column));
        places.map(|(place, _)| place).collect()
    }

    /// Rows of the normalizer's `columns` with nothing but their key and what says how old they
    /// are: what else they have may be what Postgres refused. `lost` is of each the cells that
    /// nobody knows.
    pub(super) fn layer(
        &self,
        mut columns: Vec<Column>,
        sources: Vec<RowSource>,
        lost: &[BTreeSet<usize>],
    ) -> Layer {
        columns.extend(self.enrichers.iter().flat_map(|e| e.unasked(lost.len())));
        let mut rows = self.target.pick(&columns, lost.len());
        for place in self.all() {
            let kept = |row: usize| !lost[row].contains(&place);
            let data_type = rows.columns[place].values.data_type();
            rows.columns[place] = Column {
                values: new_null_array(data_type, lost.len()),
                presence: Some(BooleanBuffer::collect_bool(lost.len(), kept)),
            };
        }
        Layer { rows, sources }
    }
}
