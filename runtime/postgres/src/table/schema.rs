//! Creating the tables, and saying what is wrong with them.

use tokio_postgres::Client;

use crate::table::migration::{
    LOCK, MIGRATIONS, Migration, NEWEST, is_compatible, migrate, version,
};
use crate::table::privileges;
use crate::table::target_table::TargetTable;
use crate::wire::connection::Connection;
use crate::wire::database_error::DatabaseError;

pub use crate::table::wanted_table::WantedTable;

/// The version of the schema `gristmill` that this program writes.
pub const VERSION: i32 = NEWEST;

/// All SQL that [`apply`] would run in an empty database.
pub fn print(wanted: Option<&WantedTable<'_>>) -> String {
    let own: String = MIGRATIONS.iter().map(Migration::script).collect();
    match wanted {
        Some(wanted) => format!("{own}\n{}", wanted.create()),
        None => own,
    }
}

/// Creates what is missing; harmless when nothing is. Returns what it did, a sentence each.
pub async fn apply(
    connection: &mut Connection,
    wanted: Option<&WantedTable<'_>>,
) -> Result<Vec<String>, DatabaseError> {
    let applied = migrate(connection).await?;
    let mut done: Vec<String> = applied
        .iter()
        .map(|name| format!("applied {name}"))
        .collect();
    if let Some(wanted) = wanted
        && create(connection, wanted).await?
    {
        done.push(format!("created the table {}", wanted.table));
    }
    Ok(done)
}

/// Creates the table unless it is there. Returns whether it did.
async fn create(
    connection: &mut Connection,
    wanted: &WantedTable<'_>,
) -> Result<bool, DatabaseError> {
    let failed = || DatabaseError::query("apply the schema");
    let transaction = connection.transaction().await.map_err(failed())?;
    transaction.batch_execute(LOCK).await.map_err(failed())?;
    let there = TargetTable::load(transaction.client(), wanted.table).await?;
    if there.is_none() {
        transaction
            .batch_execute(&wanted.create())
            .await
            .map_err(DatabaseError::query("create the target table"))?;
    }
    transaction.commit().await.map_err(failed())?;
    Ok(there.is_none())
}

/// All that would stop a pipeline that writes to this table, a sentence each, with what to do about
/// it.
pub async fn problems(
    client: &Client,
    wanted: &WantedTable<'_>,
) -> Result<Vec<String>, DatabaseError> {
    let target = TargetTable::load(client, wanted.table).await?;
    let mut problems = Vec::new();
    problems.extend(version_problem(client).await?);
    match &target {
        Some(target) => problems.extend(target.problems(wanted.fields, wanted.roles)),
        None => problems.push(format!(
            "the table {} is missing: run `gristmill schema apply` with the pipeline's file, or \
             create it",
            wanted.table
        )),
    }
    problems.extend(privileges::missing(client, target.as_ref()).await?);
    Ok(problems)
}

/// What is wrong with the schema's version. That a role may not read it is a problem of privileges.
async fn version_problem(client: &Client) -> Result<Option<String>, DatabaseError> {
    let found = match privileges::may_read_version(client).await? {
        true => version(client).await?,
        false => NEWEST,
    };
    Ok(match found {
        NEWEST => None,
        0 => Some(
            "the schema gristmill is missing: run `gristmill schema apply` with the pipeline's \
             file"
                .to_owned(),
        ),
        found if found < NEWEST => Some(format!(
            "the schema gristmill is at version {found} of {NEWEST}: run `gristmill schema apply` \
             with the pipeline's file"
        )),
        _ if is_compatible(client).await? => None,
        found => Some(format!(
            "the schema gristmill is at version {found}, made by a newer gristmill than this, \
             which knows {NEWEST}: update this one"
        )),
    })
}
