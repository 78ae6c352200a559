//! Which rows of a key are written: its newest, and those below it that have what it lacks.

use super::Delete;
use super::key_rows::KeyRows;

/// What stands above the row at hand, among those that are needed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Above {
    Nothing,
    Row,
    Delete,
}

/// The walk of one key after the other, from the newest row to the oldest.
pub(super) struct Donors<'a> {
    rows: &'a KeyRows<'a>,
    above: Above,
    /// Columns of which the rows so far have no cell.
    columns: Vec<usize>,
    /// Enrichers that no row so far has all for that they read.
    enrichers: Vec<usize>,
    /// The oldest delete below a delete, with nothing between.
    passed_over: Option<u32>,
}

impl<'a> Donors<'a> {
    pub(super) fn new(rows: &'a KeyRows<'a>) -> Self {
        Self {
            rows,
            above: Above::Nothing,
            columns: Vec::new(),
            enrichers: Vec::new(),
            passed_over: None,
        }
    }

    /// Appends the positions of the rows that are needed of the key whose newest row is at
    /// `newest`, from the newest to the oldest.
    pub(super) fn of(&mut self, newest: u32, needed: &mut Vec<u32>) {
        let rows = self.rows;
        (self.above, self.passed_over) = (Above::Nothing, None);
        self.need_all();
        let next = |&p: &u32| rows.next(p);
        let mut is_emptied = false;
        for position in std::iter::successors(Some(newest), next) {
            if rows.failed[position as usize] {
                continue;
            }
            if !is_emptied && rows.is_emptied(position) {
                // The end of all rows is as a delete of each.
                if self.above == Above::Row {
                    return;
                }
                (is_emptied, self.above) = (true, Above::Delete);
            }
            let goes_on = match rows.is_deleted(position) {
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
        let goes_on = self.above != Above::Row && self.rows.delete == Delete::Soft;
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
        left > 0 || self.rows.has_gone()
    }

    fn need_all(&mut self) {
        let cells = self.rows.cells;
        self.columns.clear();
        self.columns.extend(&cells.columns);
        self.enrichers.clear();
        self.enrichers.extend(0..cells.inputs.len());
    }

    /// Strikes out what the row at `position` has.
    fn supply(&mut self, position: u32) {
        let (rows, columns) = (self.rows, self.rows.columns());
        let row = rows.row(position) as usize;
        let is_absent = |c: &usize| !columns[*c].is_present(row);
        self.columns.retain(is_absent);
        self.enrichers
            .retain(|&e| rows.cells.inputs[e].iter().any(is_absent));
    }
}
