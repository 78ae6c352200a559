//! Batches written as JSON rows, so that a case reads like a table. An absent value has no key;
//! null is null.

use std::sync::Arc;

use crate::column::{Batch, Column, Field};
use crate::decode;
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
