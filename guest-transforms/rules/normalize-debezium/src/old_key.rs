//! The key that a row had before its key was changed, as the connector says it in a header.

use gristmill_guest::{AnyColumn, Bits, Column, Text};
use serde_json::Value;

use crate::row_column::RowColumn;

/// Where the connector says it, beside the row of the new key: a JSON object.
pub(crate) const HEADER: &str = "header.__debezium.oldkey";

/// Whether a value in the header is what such a column holds.
pub(crate) fn is_told(column: &RowColumn) -> bool {
    column.read == column.write && Told::new(&column.write).is_some()
}

/// The old keys of rows, a column for each of `key`; `headers` says what the header of each row
/// holds. A header that does not say all of the key says nothing.
pub(crate) fn columns<'h>(
    key: &[&RowColumn],
    headers: impl Iterator<Item = Option<&'h str>>,
) -> Vec<AnyColumn> {
    let told: Vec<Option<Told>> = key.iter().map(|c| Told::new(&c.write)).collect();
    let empty = key.iter().map(|column| empty(&column.write));
    let mut columns: Vec<AnyColumn> = empty.collect();
    for header in headers {
        let values = header.and_then(|text| {
            let document: Value = serde_json::from_str(text).ok()?;
            let object = match document.get("schema") {
                Some(_) => document.get("payload")?,
                None => &document,
            };
            let values = key.iter().zip(&told).map(|(column, told)| {
                let value = object.get(&column.source)?;
                told.as_ref()?.is(value).then(|| value.clone())
            });
            values.collect::<Option<Vec<Value>>>()
        });
        for (i, column) in columns.iter_mut().enumerate() {
            push(column, values.as_ref().map(|values| &values[i]));
        }
    }
    columns
}

/// How a header's JSON says a value.
#[derive(Clone, Copy)]
enum Told {
    Number,
    Truth,
    Text,
}

impl Told {
    fn new(logical_type: &str) -> Option<Self> {
        match logical_type {
            "int64" | "timestamp(us)" | "timestamp(ms)" | "time(us)" | "time(ms)" | "date" => {
                Some(Self::Number)
            }
            "boolean" => Some(Self::Truth),
            "text" | "uuid" => Some(Self::Text),
            _ => None,
        }
    }

    fn is(self, value: &Value) -> bool {
        match self {
            Self::Number => value.is_i64(),
            Self::Truth => value.is_boolean(),
            Self::Text => value.is_string(),
        }
    }
}

fn empty(logical_type: &str) -> AnyColumn {
    match Told::new(logical_type) {
        Some(Told::Number) => Column::<Vec<i64>>::default().into(),
        Some(Told::Truth) => Column::<Bits>::default().into(),
        Some(Told::Text) | None => Column::<Text>::default().into(),
    }
}

fn push(column: &mut AnyColumn, value: Option<&Value>) {
    match column {
        AnyColumn::Int64(numbers) => numbers.push(value.and_then(Value::as_i64)),
        AnyColumn::Boolean(truths) => truths.push(value.and_then(Value::as_bool)),
        AnyColumn::Text(texts) => texts.push(value.and_then(Value::as_str)),
        AnyColumn::Float64(_) | AnyColumn::Bytes(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &str, declared: &str) -> RowColumn {
        RowColumn::new(name.to_owned(), name.to_owned(), declared, true).unwrap()
    }

    #[test]
    fn a_header_says_all_of_the_key_or_nothing() {
        let (id, tag) = (column("id", "bigint"), column("tag", "text"));
        let headers = [
            Some(r#"{"id":606,"tag":"a"}"#),
            Some(r#"{"schema":{},"payload":{"id":7,"tag":"b"}}"#),
            Some(r#"{"id":"606","tag":"a"}"#),
            Some(r#"{"id":606}"#),
            Some("Struct{id=606}"),
            None,
        ];
        let columns = columns(&[&id, &tag], headers.into_iter());
        let shown = |row| {
            columns
                .iter()
                .map(move |c| c.to_text(row))
                .collect::<Vec<_>>()
        };
        assert_eq!([shown(0), shown(1)], [["606", "a"], ["7", "b"]]);
        assert!((2..6).all(|row| columns.iter().all(|c| c.is_null(row))));
    }

    #[test]
    fn bytes_and_bits_of_a_key_are_not_told_by_it() {
        assert!(!is_told(&column("id", "bytea")) && !is_told(&column("id", "bit(1)")));
        assert!(is_told(&column("id", "uuid")) && is_told(&column("id", "date")));
    }
}
