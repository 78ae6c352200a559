//! A table to which statements are applied one after the other, as the sink's are. Written plainly,
//! and knowing nothing of batches.

use std::collections::{BTreeMap, BTreeSet};

use gristmill_core::chain::Delete;

/// What comes first decides; the offset settles ties.
pub(crate) type Version = (i64, Option<i64>, i64);

/// Null is a value; `None` is a cell of which the source did not speak.
pub(crate) type Cell = Option<Option<String>>;

/// One row of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Given {
    pub(crate) key: i64,
    pub(crate) version: Version,
    pub(crate) is_deleted: bool,
    pub(crate) cells: Vec<Cell>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) version: Version,
    pub(crate) is_deleted: bool,
    pub(crate) cells: Vec<Option<String>>,
    /// Columns whose cells are not known.
    pub(crate) unknown: BTreeSet<usize>,
    /// Else its cells are a delete's own: which delete's depends on how events were cut into
    /// batches.
    has_lived: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mirror {
    delete: Delete,
    pub(crate) rows: BTreeMap<i64, Stored>,
    /// Of keys without a row, and not where the horizon says as much.
    tombstones: BTreeMap<i64, Version>,
    /// Below it nothing is inserted.
    horizon: Option<Version>,
}

/// What a column holds that nobody wrote.
const DEFAULT: &str = "(default)";

impl Mirror {
    pub(crate) fn new(delete: Delete) -> Self {
        Self {
            delete,
            rows: BTreeMap::new(),
            tombstones: BTreeMap::new(),
            horizon: None,
        }
    }

    pub(crate) fn write(&mut self, given: &Given) {
        let (key, version) = (given.key, given.version);
        let is_older = |than: Option<Version>| than.is_some_and(|than| version < than);
        let stored = self.rows.get_mut(&key);
        let known = stored.as_ref().map(|row| row.version);
        if is_older(known) || is_older(self.tombstones.get(&key).copied()) || is_older(self.horizon)
        {
            return;
        }
        match (given.is_deleted, self.delete, stored) {
            (true, Delete::Hard, _) => {
                self.rows.remove(&key);
                self.tombstones.insert(key, version);
            }
            (true, Delete::Soft, Some(row)) => (row.is_deleted, row.version) = (true, version),
            (false, _, Some(row)) if !row.is_deleted => {
                row.version = version;
                for (i, cell) in given.cells.iter().enumerate() {
                    if let Some(value) = cell {
                        row.cells[i].clone_from(value);
                        row.unknown.remove(&i);
                    }
                }
            }
            // A row that is not there, or was deleted: nothing is inherited.
            _ => {
                self.rows.insert(key, Stored::of(given));
                self.tombstones.remove(&key);
            }
        }
    }

    /// The version of a key's row, or of its delete.
    pub(crate) fn newest(&self, key: i64) -> Option<Version> {
        let stored = self.rows.get(&key).map(|row| row.version);
        stored.max(self.tombstones.get(&key).copied())
    }

    /// Leaves a column out of what is compared.
    pub(crate) fn forget(&mut self, column: usize) {
        for row in self.rows.values_mut() {
            row.cells[column] = None;
            row.unknown.remove(&column);
        }
    }

    /// Without what is not compared.
    pub(crate) fn told(&self) -> Self {
        let mut told = self.clone();
        for row in told.rows.values_mut().filter(|row| !row.has_lived) {
            row.cells.clear();
            row.unknown.clear();
        }
        told
    }

    pub(crate) fn truncate(&mut self, version: Version) {
        self.horizon = self.horizon.max(Some(version));
        self.tombstones.retain(|_, deleted| *deleted >= version);
        match self.delete {
            Delete::Hard => self.rows.retain(|_, row| row.version >= version),
            Delete::Soft => {
                let older = self.rows.values_mut().filter(|row| row.version < version);
                older.for_each(|row| (row.is_deleted, row.version) = (true, version));
            }
        }
    }
}

impl Stored {
    fn of(given: &Given) -> Self {
        let default = || Some(DEFAULT.to_owned());
        let cells = given.cells.iter().cloned();
        let missing = given.cells.iter().enumerate();
        Self {
            version: given.version,
            is_deleted: given.is_deleted,
            has_lived: !given.is_deleted,
            cells: cells.map(|cell| cell.unwrap_or_else(default)).collect(),
            unknown: missing
                .filter(|(_, cell)| cell.is_none())
                .map(|(i, _)| i)
                .collect(),
        }
    }
}
