//! Definitions as Postgres keeps them: revisions, and the bytes of what they name.

use std::collections::HashMap;

use tokio_postgres::{Client, Transaction};

use crate::wire::database_error::DatabaseError;

/// A component's file.
#[derive(Clone, Debug)]
pub struct StoredComponent {
    /// SHA-256 of the bytes, in hexadecimal.
    pub digest: String,
    pub bytes: Vec<u8>,
    /// What it says about itself.
    pub description: serde_json::Value,
}

/// A revision as stored.
#[derive(Clone, Debug)]
pub struct StoredRevision {
    pub revision: i32,
    pub spec: serde_json::Value,
    pub state: String,
    pub reason: Option<String>,
    pub by: String,
}

/// Stores the bytes that are not there yet.
pub(crate) async fn store_components(
    transaction: &Transaction<'_>,
    components: &[StoredComponent],
) -> Result<(), tokio_postgres::Error> {
    let sql = r"
        insert into gristmill.component (digest, bytes, description)
        values ($1, $2, $3)
        on conflict do nothing";
    for component in components {
        transaction
            .execute(
                sql,
                &[&component.digest, &component.bytes, &component.description],
            )
            .await?;
    }
    Ok(())
}

/// Many components' bytes, by digest.
pub async fn blobs(
    client: &Client,
    digests: &[&str],
) -> Result<HashMap<String, Vec<u8>>, DatabaseError> {
    let sql = "select digest, bytes from gristmill.component where digest = any ($1)";
    let rows = client
        .query(sql, &[&digests])
        .await
        .map_err(DatabaseError::query("read the components"))?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// The active run and revision. `None`: the pipeline was never registered.
pub async fn active(client: &Client, pipeline: &str) -> Result<Option<(i64, i32)>, DatabaseError> {
    let sql = "select active_run, active_revision from gristmill.pipeline where pipeline = $1";
    let row = client
        .query_opt(sql, &[&pipeline])
        .await
        .map_err(DatabaseError::query("read the active revision"))?;
    Ok(row.map(|row| (row.get(0), row.get(1))))
}

/// A revision's definition. `None`: there is none of that number.
pub async fn revision(
    client: &Client,
    pipeline: &str,
    revision: i32,
) -> Result<Option<StoredRevision>, DatabaseError> {
    let sql = r"
        select spec, state, reason, by
        from gristmill.revision
        where pipeline = $1 and revision = $2";
    let row = client
        .query_opt(sql, &[&pipeline, &revision])
        .await
        .map_err(DatabaseError::query("read a revision"))?;
    Ok(row.map(|row| StoredRevision {
        revision,
        spec: row.get(0),
        state: row.get(1),
        reason: row.get(2),
        by: row.get(3),
    }))
}

/// A component's bytes. `None`: none with that digest was registered.
pub async fn component(client: &Client, digest: &str) -> Result<Option<Vec<u8>>, DatabaseError> {
    let sql = "select bytes from gristmill.component where digest = $1";
    let row = client
        .query_opt(sql, &[&digest])
        .await
        .map_err(DatabaseError::query("read a component"))?;
    Ok(row.map(|row| row.get(0)))
}
