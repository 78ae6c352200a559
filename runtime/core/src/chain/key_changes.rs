//! Rows whose key was another one before. What such an event leaves out is what the row of the old
//! key had: in an older row of the batch, where that has it, and else in the table.

use std::collections::{BTreeMap, HashMap};

use arrow_array::cast::AsArray;
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
    deleted: Option<usize>,
}

impl OldKey {
    /// `None`: the normalizer tells of none.
    pub(super) fn new(roles: &Roles, writes: &[Field]) -> Option<Self> {
        let place = |name: &String| writes.iter().position(|f| f.name == *name);
        let places = |names: &[String]| names.iter().map(place).collect::<Option<Vec<_>>>();
        let (key, old) = (places(&roles.key)?, places(&roles.old_key)?);
        (!old.is_empty() && old.len() == key.len()).then(|| Self {
            key,
            old,
            deleted: roles.deleted.as_ref().and_then(place),
        })
    }

    fn is_told(&self, batch: &Batch, row: usize) -> bool {
        let mut old = self.old.iter().map(|&c| &batch.columns[c]);
        old.all(|column| column.is_present(row) && column.values.is_valid(row))
    }

    fn is_deleted(&self, batch: &Batch, row: usize) -> bool {
        let flags = self.deleted.map(|c| batch.columns[c].values.as_boolean());
        flags.is_some_and(|flags| flags.is_valid(row) && flags.value(row))
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
        let rows = (0..batch.rows).filter(|&row| {
            self.old_key.is_told(batch, row) && !self.old_key.is_deleted(batch, row)
        });
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
            match self.old_key.is_deleted(batch, other as usize) {
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
            keys: self.target.keys(&of_old, self.key)?,
            columns: fields,
            previous: Some(PreviousRows {
                may_be_deleted: missing.iter().map(|(_, may_be)| *may_be).collect(),
                until_us: rows
                    .iter()
                    .map(|row| (self.until_us)(*row as usize))
                    .collect(),
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
mod tests {
    use std::sync::Arc;

    use arrow_array::{BooleanArray, Int64Array, StringArray};

    use crate::column::LogicalType;

    use super::*;

    /// Key, large value (`None`: not sent), whether it is deleted, and the key before.
    type Row = (i64, Option<&'static str>, bool, Option<i64>);

    fn field(name: &str, logical_type: LogicalType) -> Field {
        Field {
            name: name.to_owned(),
            logical_type,
            nullable: true,
        }
    }

    fn batch(rows: &[Row]) -> Batch {
        let fields = [
            field("id", LogicalType::Int64),
            field("big", LogicalType::Text),
            field("gone", LogicalType::Boolean),
            field("old", LogicalType::Int64),
        ];
        let big: StringArray = rows.iter().map(|row| row.1).collect();
        let sent = rows.iter().map(|row| row.1.is_some()).collect();
        let columns = vec![
            Column::new(Arc::new(
                rows.iter().map(|r| Some(r.0)).collect::<Int64Array>(),
            )),
            Column {
                values: Arc::new(big),
                presence: Some(sent),
            },
            Column::new(Arc::new(BooleanArray::from_iter(
                rows.iter().map(|r| Some(r.2)),
            ))),
            Column::new(Arc::new(rows.iter().map(|r| r.3).collect::<Int64Array>())),
        ];
        Batch {
            rows: rows.len(),
            fields: fields.into(),
            columns,
        }
    }

    fn big(batch: &Batch) -> Vec<Option<&str>> {
        let texts = batch.columns[1].values.as_string::<i32>();
        let is_here = |row: &usize| batch.columns[1].is_present(*row);
        let rows = 0..batch.rows;
        rows.map(|row| is_here(&row).then(|| texts.value(row)))
            .collect()
    }

    /// What the rows have in the end; what is asked of the table is answered by `stored`.
    fn filled(
        rows: &[Row],
        stored: impl Fn(i64, bool) -> Option<&'static str>,
    ) -> Vec<Option<String>> {
        let mut batch = batch(rows);
        let written = batch.fields.to_vec();
        let roles = Roles {
            key: vec!["id".to_owned()],
            deleted: Some("gone".to_owned()),
            old_key: vec!["old".to_owned()],
            ..Roles::default()
        };
        let old_key = OldKey::new(&roles, &written).expect("it tells of old keys");
        let cells = Cells::new(&roles, &written, &[], &written[..2]);
        let target = TargetColumns::new(&written[..2], &written).expect("all are written");
        let mut changes = KeyChanges {
            old_key: &old_key,
            cells: &cells,
            target: &target,
            key: &roles.key,
            stored: None,
            until_us: &|_| 7,
        };
        let Some(wanted) = changes.fill(&mut batch) else {
            return big(&batch)
                .into_iter()
                .map(|b| b.map(str::to_owned))
                .collect();
        };
        let previous = wanted.previous.clone().expect("keys of before");
        assert!(previous.until_us.iter().all(|us| *us == 7));
        let keys = wanted.keys.columns[0]
            .values
            .as_primitive::<arrow_array::types::Int64Type>();
        assert!(keys.values().is_sorted(), "rows are locked in one order");
        let asked = keys.values().iter().zip(previous.may_be_deleted);
        let answers: Vec<_> = asked.map(|(key, may_be)| stored(*key, may_be)).collect();
        let answer = Batch {
            rows: answers.len(),
            fields: wanted.columns.clone().into(),
            columns: vec![Column {
                presence: Some(answers.iter().map(Option::is_some).collect()),
                values: Arc::new(answers.into_iter().collect::<StringArray>()),
            }],
        };
        let stored = Stored::new(wanted, &answer).expect("an answer");
        changes.stored = Some(&stored);
        let mut again = self::batch(rows);
        assert!(changes.fill(&mut again).is_none(), "nothing is asked twice");
        big(&again)
            .into_iter()
            .map(|b| b.map(str::to_owned))
            .collect()
    }

    fn nothing_there(_: i64, _: bool) -> Option<&'static str> {
        None
    }

    #[test]
    fn what_the_batch_has_of_the_old_key_is_taken_from_it() {
        let rows = [
            (1, Some("a"), false, None),
            (1, None, false, None),
            (1, None, true, None),
            (2, None, false, Some(1)),
            (2, None, true, None),
            (3, None, false, Some(2)),
        ];
        let filled = filled(&rows, |_, _| panic!("the table is not asked"));
        let a = Some("a".to_owned());
        assert_eq!(filled, [a.clone(), None, None, a.clone(), None, a]);
    }

    #[test]
    fn what_it_has_not_is_asked_of_the_table_and_of_the_life_that_ended() {
        let rows = [
            (1, None, true, None),
            (2, None, false, Some(1)),
            (9, None, false, Some(8)),
            (5, Some("own"), false, Some(4)),
        ];
        let stored = |key, may_be_deleted| match (key, may_be_deleted) {
            (1, false) => Some("of one"),
            (8, true) => Some("of eight"),
            other => panic!("{other:?}"),
        };
        let filled = filled(&rows, stored);
        let expected = [None, Some("of one"), Some("of eight"), Some("own")];
        assert_eq!(filled, expected.map(|text| text.map(str::to_owned)));
    }

    #[test]
    fn a_life_before_the_last_one_gives_nothing() {
        let rows = [
            (1, Some("dead"), false, None),
            (1, None, true, None),
            (1, None, false, None),
            (1, None, true, None),
            (2, None, false, Some(1)),
        ];
        assert_eq!(filled(&rows, nothing_there)[4], None);
        // Nor does a row that is deleted, and what comes later.
        let rows = [
            (2, None, true, Some(1)),
            (3, None, false, Some(7)),
            (7, Some("x"), false, None),
        ];
        assert_eq!(filled(&rows, nothing_there)[..2], [None, None]);
    }
}
