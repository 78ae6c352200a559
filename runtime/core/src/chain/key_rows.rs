//! The rows of each key, from the newest to the oldest, and what becomes of them.

use arrow_array::cast::AsArray;
use arrow_array::{Array, BooleanArray};

use crate::column::Column;
use crate::dedup::{Candidates, Versions};

use super::Delete;
use super::cells::Cells;
use super::normalize::Normalized;

/// What rows say that decides which of them are written.
pub(super) struct KeyRows<'a> {
    pub(super) cells: &'a Cells,
    pub(super) normalized: &'a Normalized,
    versions: &'a Versions,
    candidates: &'a Candidates,
    pub(super) delete: Delete,
    deleted: Option<&'a BooleanArray>,
    /// The row that says that the source table was emptied.
    pub(super) emptied: Option<u32>,
    /// By position.
    pub(super) tried: Vec<bool>,
    pub(super) failed: Vec<bool>,
}

/// What there is below a row.
pub(super) enum Older {
    /// A row that has it.
    Row(u32),
    /// Nothing that the row inherits.
    Nothing,
    /// What the table has.
    Unknown,
}

impl<'a> KeyRows<'a> {
    /// `None`: no cell is absent, nothing is deleted or emptied, and the newest row is all that a
    /// key needs.
    pub(super) fn new(
        cells: &'a Cells,
        delete: Delete,
        normalized: &'a Normalized,
        versions: &'a Versions,
        candidates: &'a Candidates,
        emptied: Option<u32>,
    ) -> Option<Self> {
        let columns = &normalized.batch.columns;
        let deleted = cells.deleted.map(|c| columns[c].values.as_boolean());
        let deleted = deleted.filter(|flags| flags.true_count() > 0);
        if deleted.is_none() && emptied.is_none() && !cells.are_absent(columns) {
            return None;
        }
        Some(Self {
            cells,
            normalized,
            versions,
            candidates,
            delete,
            deleted,
            emptied,
            tried: vec![false; candidates.len()],
            failed: vec![false; candidates.len()],
        })
    }

    /// The positions of the newest row of each key.
    pub(super) fn newest(&self) -> Vec<u32> {
        self.candidates.winners(self.versions)
    }

    /// The position of the newest row of the key of the one at `position`.
    pub(super) fn newest_of(&self, position: u32) -> u32 {
        self.candidates.newest(self.versions, position)
    }

    /// The position of the next older row of the same key.
    pub(super) fn next(&self, position: u32) -> Option<u32> {
        self.candidates.next(self.versions, position)
    }

    /// Whether there are such rows as [`KeyRows::is_gone`] tells.
    pub(super) fn has_gone(&self) -> bool {
        self.delete == Delete::Hard && self.deleted.is_some()
    }

    /// Whether the row at a position leaves nothing but a tombstone: no rule need see it.
    pub(super) fn is_gone(&self, position: u32) -> bool {
        self.delete == Delete::Hard && self.is_deleted(position)
    }

    /// The place among the normalizer's rows of the one at a position.
    pub(super) fn row(&self, position: u32) -> u32 {
        self.candidates.row(position)
    }

    /// The newest row below `position` of which `has` is true, before a delete.
    pub(super) fn older(&self, position: u32, has: impl Fn(u32) -> bool) -> Older {
        let is_emptied = self.is_emptied(position);
        let older = std::iter::successors(self.next(position), |&p| self.next(p));
        for p in older.filter(|&p| !self.failed[p as usize]) {
            if self.is_deleted(p) || self.is_emptied(p) != is_emptied {
                return Older::Nothing;
            }
            if has(self.row(p)) {
                // Who inherits from a row that nobody needs is asked in vain: a newer row has the
                // cell, and is asked, too. Whether rules take that row is not known.
                return match self.tried[p as usize] {
                    true => Older::Row(self.row(p)),
                    false => Older::Nothing,
                };
            }
        }
        match self.emptied.is_some() && !is_emptied {
            true => Older::Nothing,
            false => Older::Unknown,
        }
    }

    pub(super) fn is_deleted(&self, position: u32) -> bool {
        let row = self.candidates.row(position) as usize;
        self.deleted
            .is_some_and(|flags| flags.is_valid(row) && flags.value(row))
    }

    /// Whether the row is older than the end of all rows.
    pub(super) fn is_emptied(&self, position: u32) -> bool {
        let row = self.candidates.row(position);
        self.emptied
            .is_some_and(|emptied| !self.versions.is_newer(row, emptied))
    }

    pub(super) fn columns(&self) -> &'a [Column] {
        &self.normalized.batch.columns
    }
}
