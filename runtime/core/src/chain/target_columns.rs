//! The target's columns, and what Postgres would refuse in them.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, StringArray};
use arrow_schema::DataType;

use crate::column::{Batch, Column, Field, LogicalType};

/// Picks the target's columns from those that the chain wrote.
pub(super) struct TargetColumns {
    pub(super) fields: Arc<[Field]>,
    picks: Vec<Pick>,
}

struct Pick {
    /// The column's place among those that the chain wrote.
    position: usize,
    /// The factor from milliseconds to the target's microseconds.
    times: Option<i64>,
}

/// How a JSON text says zero, which `jsonb` refuses.
const JSON_ZERO: &[u8] = b"\\u0000";

impl TargetColumns {
    /// `None` when a field is not written: [`super::check_target`] says which.
    pub(super) fn new(fields: &[Field], written: &[Field]) -> Option<Self> {
        let picks = fields.iter().map(|field| {
            let position = written.iter().position(|w| w.name == field.name)?;
            let from = written[position].logical_type;
            let times = (from != field.logical_type)
                .then(|| Some(from.unit_us()? / field.logical_type.unit_us()?))
                .flatten();
            Some(Pick { position, times })
        });
        Some(Self {
            fields: fields.into(),
            picks: picks.collect::<Option<_>>()?,
        })
    }

    pub(super) fn pick(&self, written: &[Column], rows: usize) -> Batch {
        let columns = self.picks.iter().map(|pick| pick.of(written));
        Batch {
            rows,
            fields: self.fields.clone(),
            columns: columns.collect(),
        }
    }

    /// The target's columns `key` of rows of the normalizer's. `None`: one is missing.
    pub(super) fn keys(&self, normalized: &Batch, key: &[String]) -> Option<Batch> {
        let place = |name: &String| self.fields.iter().position(|f| f.name == *name);
        let places = key.iter().map(place).collect::<Option<Vec<_>>>()?;
        let columns = places
            .iter()
            .map(|&p| self.picks[p].of(&normalized.columns));
        Some(Batch {
            rows: normalized.rows,
            columns: columns.collect(),
            fields: places.iter().map(|&p| self.fields[p].clone()).collect(),
        })
    }

    /// Which of the target's columns the written one at `position` becomes, and how many of the
    /// target's units one of its own is.
    pub(super) fn place(&self, position: usize) -> Option<(usize, i64)> {
        let mut picks = self.picks.iter().enumerate();
        let (place, pick) = picks.find(|(_, pick)| pick.position == position)?;
        Some((place, pick.times.unwrap_or(1)))
    }
}

impl Pick {
    fn of(&self, written: &[Column]) -> Column {
        let column = &written[self.position];
        match self.times {
            None => column.clone(),
            Some(times) => {
                let values = column.values.as_primitive::<Int64Type>();
                let values = values.unary::<_, Int64Type>(|v| v.saturating_mul(times));
                Column {
                    values: Arc::new(values),
                    presence: column.presence.clone(),
                }
            }
        }
    }
}

/// The rows of `batch` whose text holds a zero character, which no text of Postgres can, with the
/// first such column; by row.
pub(super) fn rows_with_zero(batch: &Batch) -> Vec<(u32, usize)> {
    let mut found = Vec::new();
    for (position, (field, column)) in batch.fields.iter().zip(&batch.columns).enumerate() {
        if *column.values.data_type() != DataType::Utf8 {
            continue;
        }
        let texts = column.values.as_string::<i32>();
        let is_json = field.logical_type == LogicalType::Json;
        // One search of all texts at once: the usual answer is no, and then no row is looked at.
        if !has_zero(used_bytes(texts), is_json) {
            continue;
        }
        let rows = 0..texts.len();
        let bad =
            rows.filter(|&r| texts.is_valid(r) && has_zero(texts.value(r).as_bytes(), is_json));
        found.extend(bad.map(|r| (r as u32, position)));
    }
    found.sort_unstable();
    found.dedup_by_key(|(row, _)| *row);
    found
}

/// The bytes of all rows, without what a slice leaves out.
fn used_bytes(texts: &StringArray) -> &[u8] {
    let offsets = texts.value_offsets();
    let (first, last) = (offsets[0] as usize, offsets[texts.len()] as usize);
    &texts.value_data()[first..last]
}

fn has_zero(bytes: &[u8], is_json: bool) -> bool {
    memchr::memchr(0, bytes).is_some() || (is_json && has_json_zero(bytes))
}

fn has_json_zero(json: &[u8]) -> bool {
    memchr::memmem::find_iter(json, JSON_ZERO).any(|at| {
        // An even number of backslashes before it are escaped ones; an odd number escape this one.
        let before = json[..at].iter().rev().take_while(|&&b| b == b'\\').count();
        before % 2 == 0
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(columns: &[(LogicalType, Vec<Option<&str>>)]) -> Batch {
        let fields = columns.iter().map(|(logical_type, _)| Field {
            name: logical_type.to_string(),
            logical_type: *logical_type,
            nullable: true,
        });
        let arrays = columns
            .iter()
            .map(|(_, v)| Column::new(Arc::new(StringArray::from(v.clone()))));
        Batch {
            rows: columns[0].1.len(),
            fields: fields.collect(),
            columns: arrays.collect(),
        }
    }

    #[test]
    fn zero_is_found_in_text_and_in_json_escapes() {
        let rows = batch(&[
            (
                LogicalType::Json,
                vec![
                    Some(r#"{"a":"\u0000"}"#),
                    Some(r#""\\u0000""#),
                    Some(r#""\\\u0000""#),
                    None,
                ],
            ),
            (
                LogicalType::Text,
                vec![Some("a\0"), Some(r"\u0000"), None, Some("\0")],
            ),
        ]);
        assert_eq!(rows_with_zero(&rows), [(0, 0), (2, 0), (3, 1)]);
        // What a slice leaves out is not its own.
        assert_eq!(rows_with_zero(&rows.slice(1, 1)), []);
    }
}
