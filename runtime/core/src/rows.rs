//! Batches written as JSON rows, so that a case reads like a table. An absent value has no key;
//! null is null.

use std::fmt::Write;
use std::sync::Arc;

use crate::column::{Batch, Column, Field, LogicalType};
use crate::decode::{self, Elements, ListStyle, Unit};
use anyhow::{Context, Result, ensure};
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Float64Array, Int64Array, StringArray,
};
use arrow_schema::DataType;
use serde_json::{Map, Value};

/// The batch with a row for each of `rows`. A field's name is followed as a path: `value.after.id`
/// is the `id` in the `after` in the `value`; where a name or a parent is missing, or a parent is
/// null, the value is absent. Bytes are written as text.
pub fn batch(fields: &[Field], rows: &[Value]) -> Result<Batch> {
    let columns = fields.iter().map(|field| {
        let values: Vec<Option<&Value>> = rows.iter().map(|row| follow(row, &field.name)).collect();
        column(field, &values).with_context(|| format!("column `{}`", field.name))
    });
    Ok(Batch {
        rows: rows.len(),
        fields: fields.into(),
        columns: columns.collect::<Result<_>>()?,
    })
}

/// The rows of columns which are as `fields` say.
pub fn read(fields: &[Field], columns: &[Column], rows: usize) -> Vec<Value> {
    let row = |i: usize| {
        let named = fields.iter().zip(columns);
        let values = named.filter_map(|(field, c)| Some((field.name.clone(), cell(c, i)?)));
        Value::Object(values.collect::<Map<_, _>>())
    };
    (0..rows).map(row).collect()
}

/// The same for people to read: times as times, bytes as hexadecimal digits, and in text the
/// numbers that JSON has none for.
pub fn shown(fields: &[Field], columns: &[Column], rows: usize) -> Vec<Value> {
    let row = |i: usize| {
        let named = fields.iter().zip(columns);
        let values = named.filter_map(|(field, column)| {
            let value = cell(column, i)?;
            Some((
                field.name.clone(),
                for_people(field.logical_type, column, i, value),
            ))
        });
        Value::Object(values.collect::<Map<_, _>>())
    };
    (0..rows).map(row).collect()
}

fn for_people(logical_type: LogicalType, column: &Column, row: usize, value: Value) -> Value {
    if column.values.is_null(row) {
        return value;
    }
    let elements = match logical_type {
        LogicalType::Float64 => {
            let number = column.values.as_primitive::<Float64Type>().value(row);
            let word = match (number.is_nan(), number > 0.0) {
                (true, _) => "NaN",
                (false, true) => "Infinity",
                (false, false) => "-Infinity",
            };
            return if number.is_finite() {
                value
            } else {
                word.into()
            };
        }
        LogicalType::Bytes => {
            let bytes = column.values.as_binary::<i32>().value(row);
            let digits = bytes.iter().fold("\\x".to_owned(), |mut digits, byte| {
                // Writing to a text does not fail.
                let _ = write!(digits, "{byte:02x}");
                digits
            });
            return digits.into();
        }
        LogicalType::Date => Elements::Dates,
        LogicalType::TimestampUs => Elements::Instants(Unit::Micros),
        LogicalType::TimestampMs => Elements::Instants(Unit::Millis),
        LogicalType::TimeUs => Elements::Times(Unit::Micros),
        LogicalType::TimeMs => Elements::Times(Unit::Millis),
        _ => return value,
    };
    let (list, mut text, style) = (format!("[{value}]"), String::new(), ListStyle::Json);
    match decode::write_list(&list, elements, None, style, &mut text, &mut Vec::new()) {
        Ok(()) => text
            .trim_matches(['[', ']', '"'])
            .replace(".000000", "")
            .into(),
        // No time: it is shown as what it is.
        Err(_) => value,
    }
}

/// One value; `None` where it is absent.
pub fn cell(column: &Column, row: usize) -> Option<Value> {
    column.is_present(row).then(|| value(&column.values, row))
}

/// The value at `path`, `value.after.id` or a column's name; `None` where it is absent.
pub fn follow<'a>(row: &'a Value, path: &str) -> Option<&'a Value> {
    row.get(path).or_else(|| {
        let names = decode::names(path)?;
        names.iter().try_fold(row, |value, name| value.get(name))
    })
}

fn column(field: &Field, values: &[Option<&Value>]) -> Result<Column> {
    /// Each value as the column's type; an error where one is of another.
    fn typed<'a, T>(
        field: &Field,
        values: &[Option<&'a Value>],
        convert: impl Fn(&'a Value) -> Option<T>,
    ) -> Result<Vec<Option<T>>> {
        let one = |(row, value): (usize, &Option<&'a Value>)| match value {
            None | Some(Value::Null) => Ok(None),
            Some(value) => {
                let converted = convert(value);
                let meant = field.logical_type;
                ensure!(converted.is_some(), "row {row}: {value} is no {meant}");
                Ok(converted)
            }
        };
        values.iter().enumerate().map(one).collect()
    }
    let array: ArrayRef = match field.logical_type.data_type() {
        DataType::Boolean => Arc::new(BooleanArray::from(typed(field, values, Value::as_bool)?)),
        DataType::Int64 => Arc::new(Int64Array::from(typed(field, values, Value::as_i64)?)),
        DataType::Float64 => Arc::new(Float64Array::from(typed(field, values, Value::as_f64)?)),
        DataType::Binary => Arc::new(BinaryArray::from(typed(field, values, |v| {
            v.as_str().map(str::as_bytes)
        })?)),
        _ => Arc::new(StringArray::from(typed(field, values, Value::as_str)?)),
    };
    let all_present = values.iter().all(Option::is_some);
    let presence = (!all_present).then(|| values.iter().map(Option::is_some).collect());
    Ok(Column {
        values: array,
        presence,
    })
}

fn value(array: &ArrayRef, row: usize) -> Value {
    if array.is_null(row) {
        return Value::Null;
    }
    match array.data_type() {
        DataType::Boolean => array.as_boolean().value(row).into(),
        DataType::Int64 => array.as_primitive::<Int64Type>().value(row).into(),
        DataType::Float64 => array.as_primitive::<Float64Type>().value(row).into(),
        DataType::Binary => String::from_utf8_lossy(array.as_binary::<i32>().value(row)).into(),
        _ => array.as_string::<i32>().value(row).into(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn people_see_times_and_numbers_that_json_has_none_for() {
        let field = |logical_type| Field {
            name: "c".to_owned(),
            logical_type,
            nullable: true,
        };
        let whole = |logical_type, values: Vec<Option<i64>>| {
            let column = Column::new(Arc::new(Int64Array::from(values)));
            shown(&[field(logical_type)], &[column], 1)[0]["c"].clone()
        };
        for (logical_type, value, text) in [
            (
                LogicalType::TimestampUs,
                1_726_576_496_789_012,
                "2024-09-17 12:34:56.789012+00",
            ),
            (
                LogicalType::TimestampMs,
                1_726_531_200_000,
                "2024-09-17 00:00:00+00",
            ),
            (LogicalType::TimestampUs, i64::MAX, "infinity"),
            (LogicalType::Date, -735_160, "0044-03-15 BC"),
            (LogicalType::TimeUs, 45_296_789, "00:00:45.296789"),
            (LogicalType::TimeMs, 45_296_789, "12:34:56.789000"),
        ] {
            assert_eq!(whole(logical_type, vec![Some(value)]), text);
        }
        assert_eq!(whole(LogicalType::Date, vec![None]), Value::Null);
        assert_eq!(whole(LogicalType::Int64, vec![Some(7)]), 7);
        assert_eq!(whole(LogicalType::TimeUs, vec![Some(-7)]), -7);
        let floats = Float64Array::from(vec![f64::NAN, f64::NEG_INFINITY, 1.5]);
        let floats = Column::new(Arc::new(floats));
        let rows = shown(&[field(LogicalType::Float64)], &[floats], 3);
        assert_eq!(
            json!(rows),
            json!([{ "c": "NaN" }, { "c": "-Infinity" }, { "c": 1.5 }])
        );
        let bytes = Column::new(Arc::new(BinaryArray::from(vec![&[0_u8, 255][..]])));
        assert_eq!(
            shown(&[field(LogicalType::Bytes)], &[bytes], 1)[0]["c"],
            "\\x00ff"
        );
    }
}
