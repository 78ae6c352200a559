//! What a table must be, from its events one by one. Written plainly, and knowing nothing of
//! batches, layers and SQL.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use gristmill_core::chain::Delete;
use gristmill_core::dedup::{VersionKind, VersionRule};

use super::event::{Cell, Event, What};
use super::rules::Revision;

/// The columns that have values.
pub(super) const COLUMNS: [&str; 4] = ["a", "b", "c", "loud"];
/// What they hold that nobody wrote.
const DEFAULTS: [Option<&str>; 4] = [None, Some("none"), Some("made"), None];

/// Everything by which one event may be newer than another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Version {
    rule: VersionRule,
    at: i64,
    seq: Option<i64>,
    recorded: i64,
    log: i32,
    partition: i32,
    offset: i64,
}

impl Version {
    /// Of the event at `offset` of the log and partition at `place`.
    pub(super) fn new(
        rule: VersionRule,
        event: &Event,
        (log, partition): (i32, i32),
        offset: i64,
    ) -> Self {
        Self {
            rule,
            at: event.at,
            seq: event.seq,
            recorded: event.recorded,
            log,
            partition,
            offset,
        }
    }

    /// Of two of one rule and partition.
    pub(super) fn cmp_in_batch(&self, other: &Self) -> Ordering {
        let key = |v: &Self| match v.rule.kind {
            VersionKind::EventTime => (v.at, v.seq, v.offset),
            VersionKind::OrderFirst => (0, v.seq, v.offset),
            VersionKind::Offset => (0, None, v.offset),
        };
        key(self).cmp(&key(other))
    }

    fn is_older(&self, than: &Self) -> bool {
        if self.rule != than.rule {
            return match (self.log, self.partition) == (than.log, than.partition) {
                true => self.offset < than.offset,
                false => self.time() < than.time(),
            };
        }
        let place = |v: &Self| (v.log, v.partition, v.offset);
        match self.rule.kind {
            VersionKind::EventTime => {
                (self.at, self.seq, place(self)) < (than.at, than.seq, place(than))
            }
            VersionKind::OrderFirst => (self.seq, place(self)) < (than.seq, place(than)),
            VersionKind::Offset if self.partition == than.partition => {
                (self.log, self.offset) < (than.log, than.offset)
            }
            VersionKind::Offset => {
                (self.recorded, self.partition) < (than.recorded, than.partition)
            }
        }
    }

    /// Where it stands among the records of a partition.
    fn place(&self) -> (i32, i64) {
        (self.log, self.offset)
    }

    fn time(&self) -> i64 {
        match self.rule.kind {
            VersionKind::Offset => self.recorded,
            VersionKind::EventTime | VersionKind::OrderFirst => self.at,
        }
    }
}

/// An event as a revision writes it.
#[derive(Clone, Debug)]
pub(super) struct Given {
    pub(super) version: Version,
    pub(super) what: What,
    key: i64,
    cells: [Cell; 4],
    writes: [bool; 4],
    /// It is a dead letter, so that nobody knows what it would have changed.
    is_lost: bool,
    /// It is one that could not be read, so that it may have changed all.
    unread: Option<Unread>,
}

/// What decides what a record that could not be read leaves unknown.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unread {
    /// The offset at which its batch ends.
    pub(super) until: i64,
    /// Whether what comes later is newer, so that it is known what came between.
    pub(super) is_in_order: bool,
}

impl Given {
    pub(super) fn new(event: &Event, version: Version, revision: Revision) -> Self {
        let [a, b, c] = event.cells.clone();
        let loud = a.clone().map(|a| a.map(|text| text.to_uppercase()));
        Self {
            version,
            what: event.what,
            key: event.key,
            cells: [a, b, c, loud],
            writes: [true, true, revision.writes_c, true],
            is_lost: false,
            unread: None,
        }
    }

    pub(super) fn unread(self, unread: Unread) -> Self {
        Self {
            unread: Some(unread),
            ..self
        }
    }

    pub(super) fn is_unread(&self) -> bool {
        self.unread.is_some()
    }

    pub(super) fn lost(self) -> Self {
        Self {
            is_lost: true,
            ..self
        }
    }
}

/// By key.
pub(super) type Table = BTreeMap<i64, Shown>;

/// A row as it is shown.
#[derive(Clone, Debug)]
pub(super) struct Shown {
    pub(super) is_deleted: bool,
    pub(super) cells: [Option<String>; 4],
    /// Names of columns, sorted.
    pub(super) unknown: Vec<String>,
    /// Cells that only a delete of a row which nobody saw alive has told: which of several such
    /// deletes tells them depends on how events were cut into batches. Cells, too, that a dead
    /// letter would have changed which is older than the row, or whose row is deleted since:
    /// whether they count as unknown depends on that. A table cannot say so.
    pub(super) is_hearsay: [bool; 4],
}

impl Shown {
    /// Whether both are the same, as far as it is known what they must be.
    pub(super) fn agrees(&self, other: &Self) -> bool {
        let is_unknown = |row: &Self, i: usize| row.unknown.iter().any(|name| name == COLUMNS[i]);
        let cell = |row: &Self, i: usize| (row.cells[i].clone(), is_unknown(row, i));
        let agree =
            |i: usize| self.is_hearsay[i] || other.is_hearsay[i] || cell(self, i) == cell(other, i);
        self.is_deleted == other.is_deleted && (0..COLUMNS.len()).all(agree)
    }
}

/// Whether two rows, or none, are the same. Of a row that nobody saw alive, and that is deleted,
/// there may be nothing.
pub(super) fn agree(one: Option<&Shown>, other: Option<&Shown>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => one.agrees(other),
        (None, None) => true,
        (Some(row), None) | (None, Some(row)) => {
            row.is_deleted && row.is_hearsay.iter().all(|is_hearsay| *is_hearsay)
        }
    }
}

#[derive(Clone, Debug)]
struct Stored {
    version: Version,
    is_deleted: bool,
    cells: [Option<String>; 4],
    is_unknown: [bool; 4],
    is_hearsay: [bool; 4],
    is_lost: [bool; 4],
    /// The events that have told the cells.
    told_by: [Version; 4],
}

#[derive(Clone, Debug)]
pub(super) struct Fold {
    delete: Delete,
    rows: BTreeMap<i64, Stored>,
    tombstones: BTreeMap<i64, Version>,
    /// Below it nothing is written.
    horizon: Option<Version>,
}

impl Fold {
    pub(super) fn new(delete: Delete) -> Self {
        Self {
            delete,
            rows: BTreeMap::new(),
            tombstones: BTreeMap::new(),
            horizon: None,
        }
    }

    /// What the table shows.
    pub(super) fn shown(&self) -> Table {
        let shown = self.rows.iter().map(|(key, row)| {
            let names = COLUMNS.iter().zip(row.is_unknown);
            let unknown = names.filter(|(_, is_unknown)| *is_unknown);
            let shown = Shown {
                is_deleted: row.is_deleted,
                cells: row.cells.clone(),
                unknown: unknown.map(|(name, _)| (*name).to_owned()).collect(),
                is_hearsay: row.is_hearsay,
            };
            (*key, shown)
        });
        shown.collect()
    }

    pub(super) fn apply(&mut self, given: &Given) {
        match given.what {
            _ if given.unread.is_some() => self.lose_all(given),
            _ if given.is_lost => self.lose(given),
            What::Truncate => self.truncate(given.version),
            What::Row | What::Delete => self.write(given),
        }
    }

    fn lose(&mut self, given: &Given) {
        let row = self.rows.get_mut(&given.key);
        let Some(row) = row.filter(|row| !row.is_deleted && given.what == What::Row) else {
            return;
        };
        let is_overtaken = given.version.is_older(&row.version);
        for i in (0..COLUMNS.len()).filter(|i| given.writes[*i] && given.cells[*i].is_some()) {
            row.is_hearsay[i] |= is_overtaken;
            row.is_unknown[i] |= !is_overtaken;
            row.is_lost[i] = true;
        }
    }

    fn lose_all(&mut self, given: &Given) {
        let (row, letter) = (self.rows.get_mut(&given.key), given.version);
        let (Some(row), Some(unread)) = (row.filter(|row| !row.is_deleted), given.unread) else {
            return;
        };
        let is_of_partition = row.version.partition == letter.partition;
        if is_of_partition && row.version.place() >= (letter.log, unread.until) {
            return;
        }
        for i in (0..COLUMNS.len()).filter(|i| given.writes[*i]) {
            let told_by = row.told_by[i];
            let is_of_log = told_by.partition == letter.partition;
            let is_told = is_of_log && told_by.place() > letter.place();
            // Of what another partition tells nobody knows whether it came before.
            let is_known = unread.is_in_order && is_of_partition && is_of_log;
            row.is_hearsay[i] |= !is_known;
            row.is_unknown[i] |= !is_told;
            row.is_lost[i] = true;
        }
    }

    fn write(&mut self, given: &Given) {
        let (key, version) = (given.key, given.version);
        let stored = self.rows.get(&key).map(|row| row.version);
        let tombstone = self.tombstones.get(&key).copied();
        let newer = [stored, tombstone, self.horizon];
        if newer.into_iter().flatten().any(|v| version.is_older(&v)) {
            return;
        }
        if given.what == What::Delete && self.delete == Delete::Hard {
            self.rows.remove(&key);
            self.tombstones.insert(key, version);
            return;
        }
        match self.rows.get_mut(&key) {
            None => _ = self.rows.insert(key, Stored::first(given)),
            Some(row) => row.write(given),
        }
    }

    fn truncate(&mut self, version: Version) {
        if self
            .horizon
            .is_none_or(|horizon| !version.is_older(&horizon))
        {
            self.horizon = Some(version);
        }
        match self.delete {
            Delete::Hard => self.rows.retain(|_, row| !row.version.is_older(&version)),
            Delete::Soft => {
                let rows = self.rows.values_mut();
                let older = rows.filter(|row| row.version.is_older(&version));
                older.for_each(|row| row.end(version));
            }
        }
    }
}

impl Stored {
    fn first(given: &Given) -> Self {
        let mut row = Self {
            version: given.version,
            is_deleted: given.what == What::Delete,
            cells: DEFAULTS.map(|value| value.map(str::to_owned)),
            is_unknown: [false; 4],
            is_hearsay: [false; 4],
            is_lost: [false; 4],
            told_by: [given.version; 4],
        };
        row.begin(given);
        row
    }

    /// A life: what it is not told is not known. What a revision does not write stays.
    fn begin(&mut self, given: &Given) {
        for i in (0..COLUMNS.len()).filter(|i| given.writes[*i]) {
            let default = || DEFAULTS[i].map(str::to_owned);
            self.cells[i] = given.cells[i].clone().unwrap_or_else(default);
            self.is_unknown[i] = given.cells[i].is_none();
            self.is_hearsay[i] = given.what == What::Delete;
            self.is_lost[i] = false;
            self.told_by[i] = given.version;
        }
    }

    fn end(&mut self, version: Version) {
        (self.is_deleted, self.version) = (true, version);
        for (is_hearsay, is_lost) in self.is_hearsay.iter_mut().zip(self.is_lost) {
            *is_hearsay |= is_lost;
        }
    }

    fn write(&mut self, given: &Given) {
        if given.what == What::Delete {
            return self.end(given.version);
        }
        let was_deleted = self.is_deleted;
        (self.is_deleted, self.version) = (false, given.version);
        if was_deleted {
            return self.begin(given);
        }
        for i in (0..COLUMNS.len()).filter(|i| given.writes[*i]) {
            if let Some(value) = &given.cells[i] {
                self.cells[i].clone_from(value);
                (self.is_unknown[i], self.is_hearsay[i]) = (false, false);
                (self.is_lost[i], self.told_by[i]) = (false, given.version);
            }
        }
    }
}
