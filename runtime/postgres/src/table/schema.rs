//! Creating the tables, and saying what is wrong with them.

use tokio_postgres::Client;

use crate::table::migration::{LOCK, MIGRATIONS, Migration, NEWEST, migrate, version};
use crate::table::target_table::TargetTable;
use crate::wire::connection::Connection;
use crate::wire::database_error::DatabaseError;

pub use crate::table::wanted_table::WantedTable;

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
    let (user, may_use) = user(client).await?;
    if !may_use {
        return Ok(vec![format!(
            "role {user} may not use the schema gristmill: grant usage on schema gristmill to \
             {user}"
        )]);
    }
    let mut problems = match version_problem(client).await? {
        Some(problem) => vec![problem],
        None => privilege_problems(client, &user).await?,
    };
    problems.extend(table_problems(client, wanted, &user).await?);
    Ok(problems)
}

/// Whose session it is, and whether that role may use the schema `gristmill`, where there is one.
async fn user(client: &Client) -> Result<(String, bool), DatabaseError> {
    let sql = r"
        select
          current_user::text,
          coalesce(
            (
              select has_schema_privilege(oid, 'usage')
              from pg_namespace
              where nspname = 'gristmill'
            ),
            true
          )";
    let row = client
        .query_one(sql, &[])
        .await
        .map_err(DatabaseError::query("check the schema"))?;
    Ok((row.get(0), row.get(1)))
}

/// What is wrong with the schema's version. That a role may not read it is a problem of privileges.
async fn version_problem(client: &Client) -> Result<Option<String>, DatabaseError> {
    let readable = r"
        select coalesce(has_table_privilege(to_regclass('gristmill.migration'), 'select'), true)";
    let readable = client
        .query_one(readable, &[])
        .await
        .map_err(DatabaseError::query("check the schema"))?;
    let found = match readable.get(0) {
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
        found => Some(format!(
            "the schema gristmill is at version {found}, made by a newer gristmill than this, \
             which knows {NEWEST}: update this one"
        )),
    })
}

async fn table_problems(
    client: &Client,
    wanted: &WantedTable<'_>,
    user: &str,
) -> Result<Vec<String>, DatabaseError> {
    let Some(target) = TargetTable::load(client, wanted.table).await? else {
        return Ok(vec![format!(
            "the table {} is missing: run `gristmill schema apply` with the pipeline's file, or \
             create it",
            wanted.table
        )]);
    };
    let mut problems = target.problems(wanted.fields, wanted.roles);
    let sql = r"
        select p
        from unnest(array['select', 'insert', 'update']) p
        where not has_table_privilege($1::oid, p)";
    let missing = client
        .query(sql, &[&target.oid])
        .await
        .map_err(DatabaseError::query("check the schema"))?;
    let missing: Vec<String> = missing.iter().map(|row| row.get(0)).collect();
    if !missing.is_empty() {
        let missing = missing.join(", ");
        problems.push(format!(
            "role {user} may not {missing} on the table {}: grant {missing} on {} to {user}",
            target.name, target.sql_name
        ));
    }
    Ok(problems)
}

async fn privilege_problems(client: &Client, user: &str) -> Result<Vec<String>, DatabaseError> {
    let sql = r"
        select c.relname::text, string_agg(p, ', ' order by n)
        from pg_class c
          join pg_namespace s on s.oid = c.relnamespace,
          unnest(array['select', 'insert', 'update']) with ordinality as u (p, n)
        where s.nspname = 'gristmill' and c.relkind = 'r'
          and not has_table_privilege(c.oid, p)
          and (c.relname <> 'migration' or p = 'select')
        group by 1
        order by 1";
    let rows = client
        .query(sql, &[])
        .await
        .map_err(DatabaseError::query("check privileges"))?;
    let problem = |row: &tokio_postgres::Row| {
        let (table, missing): (String, String) = (row.get(0), row.get(1));
        format!(
            "role {user} may not {missing} on the table gristmill.{table}: grant {missing} on \
             gristmill.{table} to {user}"
        )
    };
    Ok(rows.iter().map(problem).collect())
}
