//! Which older versions of a key are written before its newest one.
//!
//! An event may leave columns out, and a soft delete leaves all of them as they are: what the table
//! has then comes from older events, which may be in the same batch. So of each key those older
//! rows are written, too, one layer after the other, that together have what the newest lacks. That
//! is as if every row had been written alone, at most one layer a column and one an enricher, and
//! no merging: the table may hold a version between two of them, and its guard turns away exactly
//! the older.

use arrow_array::cast::AsArray;
use arrow_array::{Array, BooleanArray};

use crate::column::{Batch, Column};
use crate::dedup::{Candidates, Versions};

use super::cells::Cells;
use super::normalize::Normalized;
use super::{Delete, Earlier, Layer};

/// The walk of each key's rows, from the newest to the oldest.
pub(super) struct Layering<'a> {
    cells: &'a Cells,
    normalized: &'a Normalized,
    versions: &'a Versions,
    candidates: &'a Candidates,
    delete: Delete,
    deleted: Option<&'a BooleanArray>,
    /// The row that says that the source table was emptied.
    emptied: Option<u32>,
    /// By position.
    tried: Vec<bool>,
    failed: Vec<bool>,
}

/// What there is below a row.
pub(super) enum Older {
    /// A row that has it.
    Row(u32),
    /// Nothing that the row inherits.
    NewLife,
    /// What the table has.
    Unknown,
}

/// The layers of a batch.
pub(super) struct Layers {
    pub(super) before_truncate: Vec<Layer>,
    pub(super) after_truncate: Vec<Layer>,
    /// Of each row of `rows` its place among the normalizer's.
    pub(super) newest: Vec<u32>,
    pub(super) rows: Batch,
}

impl<'a> Layering<'a> {
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

    /// The positions of all rows that the keys need.
    pub(super) fn first(&mut self) -> Vec<u32> {
        self.untried(self.candidates.winners(self.versions))
    }

    /// The positions that the keys need in the place of those that failed. `again`: with those that
    /// may have inherited from them.
    pub(super) fn instead_of(&mut self, failed: &[u32], again: bool) -> Vec<u32> {
        failed.iter().for_each(|&p| self.failed[p as usize] = true);
        let newest = |&p: &u32| self.candidates.newest(self.versions, p);
        let mut keys: Vec<u32> = failed.iter().map(newest).collect();
        keys.sort_unstable();
        keys.dedup();
        if again {
            let next = |&p: &u32| self.candidates.next(self.versions, p);
            let of = |&key: &u32| std::iter::successors(Some(key), next);
            let tried = &mut self.tried;
            keys.iter()
                .flat_map(of)
                .for_each(|p| tried[p as usize] = false);
        }
        self.untried(keys)
    }

    fn untried(&mut self, keys: Vec<u32>) -> Vec<u32> {
        let mut rows = Vec::with_capacity(keys.len());
        let mut walk = Walk::new(self);
        for key in keys {
            walk.of(key, &mut rows);
        }
        // A row is tried once, whatever became of it.
        rows.retain(|&p| !std::mem::replace(&mut self.tried[p as usize], true));
        rows
    }

    /// Whether there are such rows as [`Layering::is_gone`] tells.
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
        let next = |&p: &u32| self.candidates.next(self.versions, p);
        let is_emptied = self.is_emptied(position);
        let older = std::iter::successors(next(&position), next);
        for p in older.filter(|&p| !self.failed[p as usize]) {
            if self.is_deleted(p) || self.is_emptied(p) != is_emptied {
                return Older::NewLife;
            }
            if has(self.row(p)) {
                return Older::Row(self.row(p));
            }
        }
        match self.emptied.is_some() && !is_emptied {
            true => Older::NewLife,
            false => Older::Unknown,
        }
    }

    pub(super) fn is_deleted(&self, position: u32) -> bool {
        let row = self.candidates.row(position) as usize;
        self.deleted
            .is_some_and(|flags| flags.is_valid(row) && flags.value(row))
    }

    /// Whether the row is older than the end of all rows.
    fn is_emptied(&self, position: u32) -> bool {
        let row = self.candidates.row(position);
        self.emptied
            .is_some_and(|emptied| !self.versions.is_newer(row, emptied))
    }

    fn columns(&self) -> &'a [Column] {
        &self.normalized.batch.columns
    }

    /// Puts what passed into layers. `positions` ascend and are parallel to `passed`.
    pub(super) fn split(&self, passed: &Batch, positions: &[u32]) -> Layers {
        // By how far they are below the newest, each in key order.
        let (mut before, mut after) = (Vec::new(), Vec::new());
        let (mut walk, mut needed) = (Walk::new(self), Vec::new());
        for key in self.candidates.winners(self.versions) {
            needed.clear();
            walk.of(key, &mut needed);
            let newer = needed.partition_point(|&p| !self.is_emptied(p));
            for (depth, &position) in needed[..newer].iter().enumerate() {
                put(&mut after, depth, position);
            }
            for (depth, &position) in needed[newer..].iter().enumerate() {
                put(&mut before, depth, position);
            }
        }
        let at = |p: &u32| {
            let found = positions.binary_search(p);
            found.expect("what a key needs was tried and passed") as u32
        };
        let take = |of: &Vec<u32>| passed.take(&of.iter().map(at).collect::<Vec<_>>());
        let rows =
            |of: &Vec<u32>| -> Vec<u32> { of.iter().map(|&p| self.candidates.row(p)).collect() };
        let newest = match after.is_empty() {
            true => Vec::new(),
            false => after.remove(0),
        };
        let layer = |of: &Vec<u32>| Layer {
            rows: take(of),
            sources: self.normalized.sources_of(&rows(of)),
        };
        Layers {
            before_truncate: before.iter().rev().map(layer).collect(),
            after_truncate: after.iter().rev().map(layer).collect(),
            newest: rows(&newest),
            rows: take(&newest),
        }
    }
}

impl Layers {
    /// All but the newest rows, in the order in which they are written. `emptied` is the end of all
    /// rows.
    pub(super) fn earlier(
        before_truncate: Vec<Layer>,
        emptied: Option<Layer>,
        after_truncate: Vec<Layer>,
    ) -> Vec<Earlier> {
        let before = before_truncate.into_iter().map(Earlier::Rows);
        let after = after_truncate.into_iter().map(Earlier::Rows);
        let emptied = emptied.map(Earlier::Truncate);
        before.chain(emptied).chain(after).collect()
    }
}

fn put(layers: &mut Vec<Vec<u32>>, depth: usize, position: u32) {
    if layers.len() == depth {
        layers.push(Vec::new());
    }
    layers[depth].push(position);
}

/// What stands above the row at hand, among those that are needed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Above {
    Nothing,
    Row,
    Delete,
}

/// The walk of one key after the other.
struct Walk<'a> {
    layering: &'a Layering<'a>,
    above: Above,
    /// Columns of which the rows so far have no cell.
    columns: Vec<usize>,
    /// Enrichers that no row so far has all for that they read.
    enrichers: Vec<usize>,
    /// The oldest delete below a delete, with nothing between.
    passed_over: Option<u32>,
}

impl<'a> Walk<'a> {
    fn new(layering: &'a Layering<'a>) -> Self {
        Self {
            layering,
            above: Above::Nothing,
            columns: Vec::new(),
            enrichers: Vec::new(),
            passed_over: None,
        }
    }

    /// Appends the positions of the rows that are needed of the key whose newest row is at
    /// `newest`, from the newest to the oldest.
    fn of(&mut self, newest: u32, needed: &mut Vec<u32>) {
        let layering = self.layering;
        (self.above, self.passed_over) = (Above::Nothing, None);
        self.need_all();
        let next = |&p: &u32| layering.candidates.next(layering.versions, p);
        let mut is_emptied = false;
        for position in std::iter::successors(Some(newest), next) {
            if layering.failed[position as usize] {
                continue;
            }
            if !is_emptied && layering.is_emptied(position) {
                // The end of all rows is as a delete of each.
                if self.above == Above::Row {
                    return;
                }
                (is_emptied, self.above) = (true, Above::Delete);
            }
            let goes_on = match layering.is_deleted(position) {
                true => self.delete(position, needed),
                false => self.row(position, needed),
            };
            if !goes_on {
                return;
            }
        }
        // Where there is no row, the first delete makes one of what it has.
        needed.extend(self.passed_over);
    }

    fn delete(&mut self, position: u32, needed: &mut Vec<u32>) -> bool {
        match self.above {
            Above::Delete => self.passed_over = Some(position),
            Above::Nothing | Above::Row => needed.push(position),
        }
        // What stands above a delete begins a new life, and inherits nothing.
        let goes_on = self.above != Above::Row && self.layering.delete == Delete::Soft;
        self.above = Above::Delete;
        goes_on
    }

    fn row(&mut self, position: u32, needed: &mut Vec<u32>) -> bool {
        let before = self.columns.len() + self.enrichers.len();
        self.supply(position);
        let left = self.columns.len() + self.enrichers.len();
        // Below a delete even a row without a cell may have begun a new life.
        if left < before || self.above != Above::Row {
            needed.push(position);
            (self.above, self.passed_over) = (Above::Row, None);
        }
        // Columns that no transform writes go with a row that is deleted for good.
        left > 0 || self.layering.has_gone()
    }

    fn need_all(&mut self) {
        let cells = self.layering.cells;
        self.columns.clear();
        self.columns.extend(&cells.columns);
        self.enrichers.clear();
        self.enrichers.extend(0..cells.inputs.len());
    }

    /// Strikes out what the row at `position` has.
    fn supply(&mut self, position: u32) {
        let (layering, columns) = (self.layering, self.layering.columns());
        let row = layering.candidates.row(position) as usize;
        let is_absent = |c: &usize| !columns[*c].is_present(row);
        self.columns.retain(is_absent);
        self.enrichers
            .retain(|&e| layering.cells.inputs[e].iter().any(is_absent));
    }
}
