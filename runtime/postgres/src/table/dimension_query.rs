//! Loading reference data by a query.

use std::sync::Arc;

use arrow_array::{ArrayRef, BinaryArray, BooleanArray, Float64Array, Int64Array, StringArray};
use gristmill_core::column::{Batch, Column, Field, LogicalType};
use tokio_postgres::types::{Kind, Type};
use tokio_postgres::{Client, Row};

use crate::table::identifier::quote;
use crate::wire::column_array::Finite;
use crate::wire::database_error::DatabaseError;

const DOING: &str = "load a dimension";

/// Runs `query`, one `select` without parameters, and returns its rows as columns. All columns are
/// nullable: the dimension checks its key. Functions that it calls may not write, either.
pub async fn load(client: &Client, query: &str) -> Result<Batch, DatabaseError> {
    let failed = || DatabaseError::query(DOING);
    let begin = "begin read only";
    client.batch_execute(begin).await.map_err(failed())?;
    let loaded = read(client, query).await;
    client.batch_execute("rollback").await.map_err(failed())?;
    loaded
}

async fn read(client: &Client, query: &str) -> Result<Batch, DatabaseError> {
    let failed = || DatabaseError::query(DOING);
    let query = query.trim().trim_end_matches(';');
    let described = client.prepare(query).await.map_err(failed())?;
    let mut fields = Vec::new();
    let mut selected = Vec::new();
    for column in described.columns() {
        let (logical_type, cast) =
            mapping(column.type_(), column.type_modifier()).ok_or_else(|| {
                DatabaseError::Unexpected {
                    doing: DOING,
                    found: format!(
                        "its column {} is {}, which columns cannot hold: cast it in the query, \
                         for instance to text",
                        column.name(),
                        column.type_()
                    ),
                }
            })?;
        selected.push(format!("{}{cast}", quote(column.name())));
        fields.push(Field {
            name: column.name().to_owned(),
            logical_type,
            nullable: true,
        });
    }
    let rows = client
        .query(
            &format!("select {} from ({query}) as q", selected.join(", ")),
            &[],
        )
        .await
        .map_err(failed())?;
    let columns: Result<Vec<_>, _> = fields
        .iter()
        .enumerate()
        .map(|(i, f)| column(&rows, i, f.logical_type))
        .collect();
    Ok(Batch {
        rows: rows.len(),
        fields: fields.into(),
        columns: columns.map_err(failed())?,
    })
}

/// What a type means, and the cast under which it is read.
fn mapping(ty: &Type, modifier: i32) -> Option<(LogicalType, &'static str)> {
    Some(match *ty {
        Type::BOOL => (LogicalType::Boolean, ""),
        Type::INT2 | Type::INT4 | Type::INT8 => (LogicalType::Int64, "::int8"),
        Type::FLOAT4 | Type::FLOAT8 => (LogicalType::Float64, "::float8"),
        Type::BYTEA => (LogicalType::Bytes, ""),
        Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME => (LogicalType::Text, "::text"),
        // Infinity has no microseconds: it is no instant, and becomes null.
        Type::TIMESTAMPTZ => (LogicalType::TimestampUs, ""),
        Type::TIMESTAMP => (LogicalType::TimestampUs, " at time zone 'UTC'"),
        Type::DATE => (LogicalType::Date, " - date '1970-01-01'"),
        Type::UUID => (LogicalType::Uuid, "::text"),
        Type::JSON | Type::JSONB => (LogicalType::Json, "::text"),
        // The modifier holds the precision above the scale, plus four (`numeric.c`); without one
        // the digits are unbounded.
        Type::NUMERIC if modifier >= 4 => {
            let (precision, scale) = ((modifier - 4) >> 16, (modifier - 4) & 0x7ff);
            (
                LogicalType::Decimal {
                    precision: u8::try_from(precision).ok()?,
                    scale: u8::try_from(scale).ok()?,
                },
                "::text",
            )
        }
        _ if matches!(ty.kind(), Kind::Enum(_)) || ty.name() == "citext" => {
            (LogicalType::Text, "::text")
        }
        _ => return None,
    })
}

fn column(
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
            let instants = rows
                .iter()
                .map(|r| Ok(r.try_get::<_, Option<Finite>>(i)?.and_then(|f| f.0)));
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
