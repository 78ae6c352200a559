//! What a pipeline file says when a process starts, against what the fleet knows of the pipeline.

use std::collections::BTreeMap;

use tokio_postgres::error::SqlState;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Transaction};

use crate::fleet::definition_store::{StoredComponent, store_components};
use crate::fleet::host::ALIVE;
use crate::wire::connection::Connection;
use crate::wire::database_error::DatabaseError;
use crate::wire::placeholder::{self, Named};

/// What a pipeline file proposes.
#[derive(Clone, Debug)]
pub struct Registration {
    pub pipeline: String,
    pub topics: Vec<String>,
    /// Schema and table, quoted for SQL.
    pub target: String,
    /// The whole definition; what a worker needs to run it.
    pub spec: serde_json::Value,
    /// Changes whenever the file or one of its components does.
    pub spec_hash: String,
    pub components: Vec<StoredComponent>,
}

/// What is to be run, and what the file has to say to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registered {
    pub run: i64,
    /// The active one.
    pub revision: i32,
    /// The file changed: to be staged, and [`took_over`] to be called when it is active.
    pub proposes: bool,
    /// Other hosts run the pipeline.
    pub is_accompanied: bool,
    /// What a person should know about the choice.
    pub note: Option<String>,
}

/// The topics of every pipeline that has run, by its name. Where gristmill's tables are not made
/// yet, none has.
pub async fn topics_by_pipeline(
    client: &Client,
) -> Result<BTreeMap<String, Vec<String>>, DatabaseError> {
    let sql = "select pipeline, topics from gristmill.pipeline";
    let rows = match client.query(sql, &[]).await {
        Ok(rows) => rows,
        Err(error)
            if matches!(
                error.code(),
                Some(&SqlState::INVALID_SCHEMA_NAME | &SqlState::UNDEFINED_TABLE)
            ) =>
        {
            Vec::new()
        }
        Err(error) => {
            return Err(DatabaseError::query("read which pipelines have run")(error));
        }
    };
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// Registers the pipeline: a new one starts with run 1 and revision 1; a file that is as it was
/// when it was last read changes nothing, and the active revision wins; a changed file is a
/// proposal. "Last read": by this host (`by` up to the `/`), or, where it never read one, by any.
pub async fn register(
    connection: &mut Connection,
    file: &Registration,
    by: &str,
) -> Result<Registered, DatabaseError> {
    let failed = || DatabaseError::query("register the pipeline");
    let transaction = connection.transaction().await.map_err(failed())?;
    let registered = register_in(&transaction, file, by)
        .await
        .map_err(failed())?;
    transaction.commit().await.map_err(failed())?;
    Ok(registered)
}

/// Nobody else changes what the pipeline runs until the transaction ends. By itself: a statement
/// that waits for the lock would see the revisions of before.
pub(crate) async fn lock(
    transaction: &Transaction<'_>,
    pipeline: &str,
) -> Result<(), tokio_postgres::Error> {
    let alone = "select from gristmill.pipeline where pipeline = $1 for update";
    transaction.query_one(alone, &[&pipeline]).await?;
    Ok(())
}

async fn register_in(
    transaction: &Transaction<'_>,
    file: &Registration,
    by: &str,
) -> Result<Registered, tokio_postgres::Error> {
    let name = &file.pipeline;
    let create = r"
        insert into gristmill.pipeline (pipeline, topics, target, spec_hash, active_revision)
        values ($1, $2, $3, $4, 1)
        on conflict do nothing";
    let created = transaction
        .execute(create, &[name, &file.topics, &file.target, &file.spec_hash])
        .await?;
    let mut registered = Registered {
        run: 1,
        revision: 1,
        proposes: false,
        is_accompanied: false,
        note: None,
    };
    if created == 1 {
        store_first(transaction, file, by).await?;
        remember_file(transaction.client(), file, by).await?;
        return Ok(registered);
    }
    lock(transaction, name).await?;
    let parameters: [Named<'_>; 4] = [
        ("pipeline", Type::TEXT, name),
        ("spec_hash", Type::TEXT, &file.spec_hash),
        ("spec", Type::JSONB, &file.spec),
        ("by", Type::TEXT, &by),
    ];
    let sql = format!(include_str!("registered.sql"), alive = ALIVE);
    let row = placeholder::query_one(transaction.client(), &sql, &parameters).await?;
    let (unchanged, same): (bool, bool) = (row.get(2), row.get(3));
    registered.run = row.get(0);
    registered.revision = row.get(1);
    registered.is_accompanied = row.get(4);
    registered.proposes = !unchanged && !same;
    if registered.proposes {
        return Ok(registered);
    }
    if !same {
        let active = registered.revision;
        registered.note = Some(format!(
            "revision {active} of pipeline {name} is active and runs, though the file says \
             otherwise: what it says of that has not changed since it was last read"
        ));
    }
    remember_file(transaction.client(), file, by).await?;
    Ok(registered)
}

/// The file as it is now has been read by this host: it proposes again when it changes.
async fn remember_file(
    client: &Client,
    file: &Registration,
    by: &str,
) -> Result<(), tokio_postgres::Error> {
    let parameters: [Named<'_>; 5] = [
        ("pipeline", Type::TEXT, &file.pipeline),
        ("topics", Type::TEXT_ARRAY, &file.topics),
        ("target", Type::TEXT, &file.target),
        ("spec_hash", Type::TEXT, &file.spec_hash),
        ("by", Type::TEXT, &by),
    ];
    placeholder::execute(client, include_str!("remember_file.sql"), &parameters).await?;
    Ok(())
}

/// Whether a file of this hash is the one that `host` has read last, or, where it never read one,
/// the one that any host has.
pub async fn was_read(
    client: &Client,
    pipeline: &str,
    spec_hash: &str,
    host: &str,
) -> Result<bool, DatabaseError> {
    let sql = r"
        select coalesce(f.spec_hash, p.spec_hash) = $2
        from gristmill.pipeline p
          left join gristmill.file f on f.pipeline = p.pipeline and f.host = $3
        where p.pipeline = $1";
    let row = client.query_opt(sql, &[&pipeline, &spec_hash, &host]).await;
    let row = row.map_err(DatabaseError::query("read which file is known"))?;
    Ok(row.is_some_and(|row| row.get(0)))
}

/// What [`register`] left to be staged has become active.
pub async fn took_over(
    client: &Client,
    file: &Registration,
    by: &str,
) -> Result<(), DatabaseError> {
    remember_file(client, file, by)
        .await
        .map_err(DatabaseError::query("note that the file was read"))
}

async fn store_first(
    transaction: &Transaction<'_>,
    file: &Registration,
    by: &str,
) -> Result<(), tokio_postgres::Error> {
    store_components(transaction, &file.components).await?;
    let sql = r"
        insert into gristmill.revision (pipeline, revision, spec, state, by)
        values ($1, 1, $2, 'active', $3)";
    transaction
        .execute(sql, &[&file.pipeline, &file.spec, &by])
        .await?;
    Ok(())
}
