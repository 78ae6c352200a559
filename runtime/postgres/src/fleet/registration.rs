//! What a pipeline file says when a process starts, against what the fleet knows of the pipeline.

use tokio_postgres::{Client, Transaction};

use crate::fleet::definition_store::{StoredComponent, store_components};
use crate::fleet::host::ALIVE;
use crate::wire::connection::Connection;
use crate::wire::database_error::DatabaseError;

/// What a pipeline file proposes.
#[derive(Clone, Debug)]
pub struct Registration {
    pub pipeline: String,
    pub topics: Vec<String>,
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
    let create = "insert into gristmill.pipeline (pipeline, topics, target, spec_hash, \
                  active_revision) values ($1, $2, $3, $4, 1) on conflict do nothing";
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
    let state = format!(
        "select p.active_run, p.active_revision, coalesce(f.spec_hash, p.spec_hash) = $2, \
         coalesce(r.spec = $3, false), exists (select from gristmill.host h where h.pipeline = $1 \
         and h.host <> $4 and {ALIVE}) from gristmill.pipeline p left join gristmill.revision r \
         on r.pipeline = p.pipeline and r.revision = p.active_revision left join gristmill.file f \
         on f.pipeline = p.pipeline and f.host = split_part($4, '/', 1) where p.pipeline = $1"
    );
    let row = transaction
        .query_one(&state, &[name, &file.spec_hash, &file.spec, &by])
        .await?;
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
    let sql = "with f as (insert into gristmill.file (pipeline, host, spec_hash) values ($1, \
               split_part($5, '/', 1), $4) on conflict (pipeline, host) do update set spec_hash = \
               excluded.spec_hash, at = now()) update gristmill.pipeline set topics = $2, target \
               = $3, spec_hash = $4 where pipeline = $1";
    let (name, hash) = (&file.pipeline, &file.spec_hash);
    client
        .execute(sql, &[name, &file.topics, &file.target, hash, &by])
        .await?;
    Ok(())
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
    let sql = "insert into gristmill.revision (pipeline, revision, spec, state, by) values ($1, \
               1, $2, 'active', $3)";
    transaction
        .execute(sql, &[&file.pipeline, &file.spec, &by])
        .await?;
    Ok(())
}
