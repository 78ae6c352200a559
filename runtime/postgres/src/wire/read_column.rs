//! Rows of Postgres as columns.

use std::sync::Arc;

use arrow_array::{ArrayRef, BinaryArray, BooleanArray, Float64Array, Int64Array, StringArray};
use gristmill_core::column::{Column, LogicalType};
use tokio_postgres::Row;

use crate::wire::column_array::StoredTime;

/// The column at `i` of `rows`: `boolean`, `bigint`, `double precision`, `bytea`, `date`,
/// `timestamptz`, `time`, or text. Infinity is the extreme number.
pub(crate) fn read_column(
    rows: &[Row],
    i: usize,
    logical_type: LogicalType,
) -> Result<Column, tokio_postgres::Error> {
    let values: ArrayRef = match logical_type {
        LogicalType::Boolean => Arc::new(
            rows.iter()
                .map(|r| r.try_get::<_, Option<bool>>(i))
                .collect::<Result<BooleanArray, _>>()?,
        ),
        LogicalType::Int64 => Arc::new(
            rows.iter()
                .map(|r| r.try_get::<_, Option<i64>>(i))
                .collect::<Result<Int64Array, _>>()?,
        ),
        LogicalType::Date
        | LogicalType::TimestampUs
        | LogicalType::TimestampMs
        | LogicalType::TimeUs
        | LogicalType::TimeMs => {
            let unit = match logical_type {
                LogicalType::TimestampMs | LogicalType::TimeMs => 1_000,
                _ => 1,
            };
            let times = rows.iter().map(|r| {
                Ok(r.try_get::<_, Option<StoredTime>>(i)?
                    .map(|t| t.in_units(unit)))
            });
            Arc::new(times.collect::<Result<Int64Array, tokio_postgres::Error>>()?)
        }
        LogicalType::Float64 => Arc::new(
            rows.iter()
                .map(|r| r.try_get::<_, Option<f64>>(i))
                .collect::<Result<Float64Array, _>>()?,
        ),
        LogicalType::Bytes => {
            let values: Vec<Option<&[u8]>> = rows
                .iter()
                .map(|r| r.try_get(i))
                .collect::<Result<_, _>>()?;
            Arc::new(BinaryArray::from(values))
        }
        LogicalType::Text
        | LogicalType::Uuid
        | LogicalType::Decimal { .. }
        | LogicalType::Numeric
        | LogicalType::Json => {
            let values: Vec<Option<&str>> = rows
                .iter()
                .map(|r| r.try_get(i))
                .collect::<Result<_, _>>()?;
            Arc::new(StringArray::from(values))
        }
    };
    Ok(Column::new(values))
}
