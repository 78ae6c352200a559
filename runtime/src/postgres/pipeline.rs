//! The fleet's truth: pipelines, revisions, components and the hosts that run them.

use tokio_postgres::{Client, Transaction};

use super::connect::Connection;
use super::error::DatabaseError;

/// A component's file.
#[derive(Clone, Debug)]
pub struct Component {
    /// SHA-256 of the bytes, in hexadecimal.
    pub digest: String,
    pub bytes: Vec<u8>,
    /// What it says about itself.
    pub description: serde_json::Value,
}

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
    pub components: Vec<Component>,
}

/// What is to be run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registered {
    pub run: i64,
    pub revision: i32,
    /// What a person should know about the choice.
    pub note: Option<String>,
}

/// A revision as stored.
#[derive(Clone, Debug)]
pub struct Revision {
    pub revision: i32,
    pub spec: serde_json::Value,
    pub state: String,
    pub reason: Option<String>,
    pub by: String,
}

/// Registers the pipeline: a new one starts with run 1 and revision 1; a file that is as it was when it was last read changes nothing, and the active revision wins; a
/// changed file becomes a new revision, active at once.
pub async fn register(
    connection: &mut Connection,
    proposal: &Registration,
    by: &str,
) -> Result<Registered, DatabaseError> {
    let failed = || DatabaseError::query("register the pipeline");
    let transaction = connection.transaction().await.map_err(failed())?;
    for component in &proposal.components {
        let sql = "insert into gristmill.component (digest, bytes, description) values ($1, $2, $3) on conflict do nothing";
        transaction
            .execute(
                sql,
                &[&component.digest, &component.bytes, &component.description],
            )
            .await
            .map_err(failed())?;
    }
    let registered = register_in(&transaction, proposal, by)
        .await
        .map_err(failed())?;
    transaction.commit().await.map_err(failed())?;
    Ok(registered)
}

async fn register_in(
    transaction: &Transaction<'_>,
    proposal: &Registration,
    by: &str,
) -> Result<Registered, tokio_postgres::Error> {
    let name = &proposal.pipeline;
    let create = "insert into gristmill.pipeline (pipeline, topics, target, spec_hash, active_revision) values ($1, $2, $3, $4, 1) on conflict do nothing";
    let created = transaction
        .execute(
            create,
            &[
                name,
                &proposal.topics,
                &proposal.target,
                &proposal.spec_hash,
            ],
        )
        .await?;
    if created == 1 {
        store(transaction, proposal, 1, by).await?;
        return Ok(Registered {
            run: 1,
            revision: 1,
            note: None,
        });
    }
    // By itself: a statement that waits for the lock would see the revisions of before.
    let alone = "select from gristmill.pipeline where pipeline = $1 for update";
    transaction.query_one(alone, &[name]).await?;
    let state = "select p.active_run, p.active_revision, p.spec_hash = $2, r.spec = $3, coalesce((select max(revision) from gristmill.revision where pipeline = $1), 0) \
        from gristmill.pipeline p left join gristmill.revision r on r.pipeline = p.pipeline and r.revision = p.active_revision where p.pipeline = $1";
    let row = transaction
        .query_one(state, &[name, &proposal.spec_hash, &proposal.spec])
        .await?;
    let (run, active, unchanged, newest): (i64, i32, bool, i32) =
        (row.get(0), row.get(1), row.get(2), row.get(4));
    let same: Option<bool> = row.get(3);
    if unchanged {
        let note = (same == Some(false)).then(|| {
            format!("revision {active} of pipeline {name} is active and runs, though the file says otherwise: the file has not changed since it was last read")
        });
        return Ok(Registered {
            run,
            revision: active,
            note,
        });
    }
    let update = "update gristmill.pipeline set topics = $2, target = $3, spec_hash = $4, active_revision = $5 where pipeline = $1";
    // A file that says in other words what is active already is no news.
    let revision = if same == Some(true) {
        active
    } else {
        newest + 1
    };
    if revision != active {
        store(transaction, proposal, revision, by).await?;
        let retire =
            "update gristmill.revision set state = 'retired' where pipeline = $1 and revision = $2";
        transaction.execute(retire, &[name, &active]).await?;
    }
    transaction
        .execute(
            update,
            &[
                name,
                &proposal.topics,
                &proposal.target,
                &proposal.spec_hash,
                &revision,
            ],
        )
        .await?;
    let note = (revision != active).then(|| format!("the pipeline file changed: revision {revision} of pipeline {name} takes over from revision {active}"));
    Ok(Registered {
        run,
        revision,
        note,
    })
}

async fn store(
    transaction: &Transaction<'_>,
    proposal: &Registration,
    revision: i32,
    by: &str,
) -> Result<(), tokio_postgres::Error> {
    let sql = "insert into gristmill.revision (pipeline, revision, spec, state, by) values ($1, $2, $3, 'active', $4)";
    transaction
        .execute(sql, &[&proposal.pipeline, &revision, &proposal.spec, &by])
        .await?;
    Ok(())
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
) -> Result<Option<Revision>, DatabaseError> {
    let sql = "select spec, state, reason, by from gristmill.revision where pipeline = $1 and revision = $2";
    let row = client
        .query_opt(sql, &[&pipeline, &revision])
        .await
        .map_err(DatabaseError::query("read a revision"))?;
    Ok(row.map(|row| Revision {
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
