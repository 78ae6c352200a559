//! Loading reference data by a query.

use gristmill_core::column::{Batch, Field, LogicalType};
use tokio_postgres::Client;
use tokio_postgres::types::{Kind, Type};

use crate::table::identifier::quote;
use crate::wire::database_error::DatabaseError;
use crate::wire::read_column::read_column;

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
        .map(|(i, f)| read_column(&rows, i, f.logical_type))
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
        Type::TIMESTAMPTZ => (LogicalType::TimestampUs, ""),
        Type::TIMESTAMP => (LogicalType::TimestampUs, " at time zone 'UTC'"),
        Type::DATE => (LogicalType::Date, ""),
        Type::TIME => (LogicalType::TimeUs, ""),
        Type::NUMERIC if modifier < 4 => (LogicalType::Numeric, "::text"),
        Type::UUID => (LogicalType::Uuid, "::text"),
        Type::JSON | Type::JSONB => (LogicalType::Json, "::text"),
        // The modifier holds the precision above the scale, plus four (`numeric.c`).
        Type::NUMERIC => {
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
