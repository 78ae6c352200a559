//! Two batches that two rules made of the same records.

use std::collections::{BTreeMap, HashMap};

use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use gristmill_core::chain::Computed;
use gristmill_core::column::{Batch, Column, Field, LogicalType};
use gristmill_core::dead_letter::DeadLetter;
use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::{Map, Value};

use super::Difference;
use gristmill_core::rows;

impl Difference {
    /// Compares what two chains computed of the same records. Rows belong together by their columns
    /// `key`, which name the key on both sides; where the sides name other columns, every row
    /// comes or goes. A column that one side does not have is null there.
    pub fn between(before: &Computed, after: &Computed, key: &[String]) -> Self {
        let mut difference = Self::default();
        difference.add_letters(before, after);
        difference.add_rows(&before.rows, &after.rows, key);
        difference
    }

    /// Counts the dead letters that only one of two batches of the same records has.
    pub fn add_letters(&mut self, before: &Computed, after: &Computed) {
        /// Which row, and what is wrong with it.
        type Wrong<'a> = (u32, u32, &'a str);
        fn by_row(computed: &Computed) -> BTreeMap<Wrong<'_>, &DeadLetter> {
            let letters = computed.dead_letters.iter();
            letters
                .map(|l| ((l.record, l.ordinal, l.code.as_str()), l))
                .collect()
        }
        let (was, is) = (by_row(before), by_row(after));
        for (wrong, letter) in &is {
            if !was.contains_key(wrong) {
                let offset = after.records.get(letter.record as usize).offset;
                self.letter_comes(&letter.code, offset, &letter.message);
            }
        }
        for (wrong, letter) in &was {
            if !is.contains_key(wrong) {
                self.letter_goes(&letter.code);
            }
        }
    }

    fn add_rows(&mut self, before: &Batch, after: &Batch, key: &[String]) {
        let mut was: HashMap<String, u32> = (0..before.rows as u32)
            .map(|row| (key_text(before, key, row), row))
            .collect();
        let (mut left, mut right) = (Vec::new(), Vec::new());
        for row in 0..after.rows as u32 {
            match was.remove(&key_text(after, key, row)) {
                Some(old) => {
                    left.push(old);
                    right.push(row);
                }
                None => self.comes(&key_of(after, key, row)),
            }
        }
        let mut gone: Vec<u32> = was.into_values().collect();
        gone.sort_unstable();
        for row in gone {
            self.goes(&key_of(before, key, row));
        }
        let changes = changes(before, &left, after, &right);
        for (row, changes) in right.iter().zip(changes) {
            self.compare(&key_of(after, key, *row), changes);
        }
    }
}

/// The columns of `key` in a row, by name. Values are as [`RowChange`](super::RowChange) has them.
pub(crate) fn key_of(batch: &Batch, key: &[String], row: u32) -> Map<String, Value> {
    let value = |name: &String| {
        let value = batch.position(name).map(|i| cell(batch, i, row as usize));
        (name.clone(), value.unwrap_or_default())
    };
    key.iter().map(value).collect()
}

/// Equal for rows of one key.
pub(crate) fn key_text(batch: &Batch, key: &[String], row: u32) -> String {
    Value::Object(key_of(batch, key, row)).to_string()
}

/// What differs in each pair of rows: `left[i]` of `before` and `right[i]` of `after`.
fn changes(
    before: &Batch,
    left: &[u32],
    after: &Batch,
    right: &[u32],
) -> Vec<Vec<gristmill_postgres::table::row_lookup::ColumnChange>> {
    let mut changes = vec![Vec::new(); left.len()];
    let (before, after) = (before.take(left), after.take(right));
    let only_before = |f: &&Field| after.position(&f.name).is_none();
    let names = after
        .fields
        .iter()
        .chain(before.fields.iter().filter(only_before));
    for Field { name, .. } in names {
        let (old, new) = (before.position(name), after.position(name));
        if let (Some(old), Some(new)) = (old, new)
            && same_type(&before, old, &after, new)
            && *before.columns[old].values == *after.columns[new].values
        {
            continue;
        }
        let at =
            |batch: &Batch, i: Option<usize>, row| i.map_or(Value::Null, |i| cell(batch, i, row));
        for (row, changes) in changes.iter_mut().enumerate() {
            let (was, is) = (at(&before, old, row), at(&after, new, row));
            if was != is {
                changes.push((name.clone(), was, is));
            }
        }
    }
    changes
}

fn same_type(before: &Batch, old: usize, after: &Batch, new: usize) -> bool {
    before.fields[old].logical_type == after.fields[new].logical_type
}

/// One value as JSON; null where it is absent.
fn cell(batch: &Batch, column: usize, row: usize) -> Value {
    let logical_type = batch.fields[column].logical_type;
    let Column { values, .. } = &batch.columns[column];
    let value = rows::cell(&batch.columns[column], row).unwrap_or_default();
    match (&value, values.as_primitive_opt::<Float64Type>()) {
        // JSON has no such number.
        (Value::Null, Some(floats)) if floats.is_valid(row) => floats.value(row).to_string().into(),
        _ => readable(logical_type, value),
    }
}

/// Times and documents as people read them, and as Postgres makes JSON of them.
fn readable(logical_type: LogicalType, value: Value) -> Value {
    let time = |time: Result<Timestamp, jiff::Error>| time.ok().map(|t| t.to_string().into());
    let read = match (logical_type, value.as_i64(), value.as_str()) {
        (LogicalType::TimestampUs, Some(us), _) => time(Timestamp::from_microsecond(us)),
        (LogicalType::TimestampMs, Some(ms), _) => time(Timestamp::from_millisecond(ms)),
        (LogicalType::Date, Some(days), _) => date(days).map(|date| date.to_string().into()),
        (LogicalType::Json, _, Some(text)) => serde_json::from_str(text).ok(),
        _ => None,
    };
    read.unwrap_or(value)
}

fn date(days: i64) -> Option<Date> {
    let epoch = jiff::civil::date(1970, 1, 1);
    epoch
        .checked_add(jiff::Span::new().try_days(days).ok()?)
        .ok()
}

#[cfg(test)]
mod tests;
