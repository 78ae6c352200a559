//! Schemas of records as Postgres keeps them: a restart needs no registry.

use tokio_postgres::Client;

use crate::wire::database_error::DatabaseError;

/// A schema as its registry told it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredSchema {
    /// What a record says of it, as people read it.
    pub id: String,
    /// The schema with all that it refers to.
    pub schema: serde_json::Value,
}

/// Those of `ids` that are known of `registry`.
pub async fn read(
    client: &Client,
    registry: &str,
    ids: &[String],
) -> Result<Vec<StoredSchema>, DatabaseError> {
    let sql = "select id, schema from gristmill.schema where registry = $1 and id = any ($2)";
    let rows = client
        .query(sql, &[&registry, &ids])
        .await
        .map_err(DatabaseError::query("read schemas"))?;
    let stored = |row: &tokio_postgres::Row| StoredSchema {
        id: row.get(0),
        schema: row.get(1),
    };
    Ok(rows.iter().map(stored).collect())
}

/// Keeps a schema. Ids never change their meaning, so what is there stays.
pub async fn store(
    client: &Client,
    registry: &str,
    schema: &StoredSchema,
) -> Result<(), DatabaseError> {
    let sql = r"
        insert into gristmill.schema (registry, id, schema)
        values ($1, $2, $3)
        on conflict do nothing";
    client
        .execute(sql, &[&registry, &schema.id, &schema.schema])
        .await
        .map_err(DatabaseError::query("store a schema"))?;
    Ok(())
}
