//! Rows of Postgres as columns.

use std::sync::Arc;

use arrow_array::{ArrayRef, BinaryArray, BooleanArray, Float64Array, Int64Array, StringArray};
use gristmill_core::column::{Column, LogicalType};
use tokio_postgres::Row;

use crate::wire::column_array::Finite;

/// The column at `i` of `rows`: `boolean`, `bigint`, `double precision`, `bytea`, days since 1970
/// as an `integer`, a `timestamptz`, or text. An instant that is infinite has no number, and is
/// null.
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
        LogicalType::Date => {
            let days = rows
                .iter()
                .map(|r| Ok(r.try_get::<_, Option<i32>>(i)?.map(i64::from)));
            Arc::new(days.collect::<Result<Int64Array, tokio_postgres::Error>>()?)
        }
        LogicalType::TimestampUs | LogicalType::TimestampMs => {
            let unit = match logical_type {
                LogicalType::TimestampMs => 1_000,
                _ => 1,
            };
            let instants = rows
                .iter()
                .map(|r| Ok(r.try_get::<_, Option<Finite>>(i)?.and_then(|f| f.0)))
                .map(|us: Result<Option<i64>, _>| Ok(us?.map(|us| us.div_euclid(unit))));
            Arc::new(instants.collect::<Result<Int64Array, tokio_postgres::Error>>()?)
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
        LogicalType::Text | LogicalType::Uuid | LogicalType::Decimal { .. } | LogicalType::Json => {
            let values: Vec<Option<&str>> = rows
                .iter()
                .map(|r| r.try_get(i))
                .collect::<Result<_, _>>()?;
            Arc::new(StringArray::from(values))
        }
    };
    Ok(Column::new(values))
}
