//! Creating the tables, and saying what is wrong with them.

use gristmill_core::chain::Truncate;
use gristmill_core::dedup::Guard;
use tokio_postgres::Client;
use tokio_postgres::types::ToSql;

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

/// The SQL that [`apply`] would run now: nothing where nothing is missing.
pub async fn missing(client: &Client, wanted: &WantedTable<'_>) -> Result<String, DatabaseError> {
    let applied = version(client).await?;
    let missing = MIGRATIONS.iter().filter(|m| m.version > applied);
    let own: String = missing.map(Migration::script).collect();
    let table = missing_of_table(client, wanted).await?;
    Ok([Some(own).filter(|sql| !sql.is_empty()), table]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join("\n"))
}

/// The SQL that creates the table, or adds what it misses of gristmill's columns while nobody fills
/// it. `None`: nothing is missing.
async fn missing_of_table(
    client: &Client,
    wanted: &WantedTable<'_>,
) -> Result<Option<String>, DatabaseError> {
    let Some(table) = TargetTable::load(client, wanted.table).await? else {
        let mut problem = other_case(client, wanted.table).await?;
        if wanted.ddl.is_none() {
            problem = problem.or_else(|| wanted.name_problems().into_iter().next());
        }
        if let Some(problem) = problem {
            return Err(DatabaseError::Unexpected {
                doing: "create the target table",
                found: problem,
            });
        }
        return Ok(Some(wanted.create()));
    };
    let is_filled = !writers(client, &table).await?.is_empty();
    Ok(wanted.add_bookkeeping(&table, is_filled))
}

/// The pipelines that write to the table, as far as this role may know.
async fn writers(client: &Client, table: &TargetTable) -> Result<Vec<String>, DatabaseError> {
    let failed = || DatabaseError::query("read who writes the table");
    let readable = r"
        select coalesce(
          pg_catalog.has_schema_privilege(s.oid, 'usage'::text)
          and pg_catalog.has_table_privilege(c.oid, 'select'::text),
          false
        )
        from pg_catalog.pg_class c
          join pg_catalog.pg_namespace s on s.oid = c.relnamespace
        where s.nspname = 'gristmill' and c.relname = 'pipeline'";
    let readable = client.query_opt(readable, &[]).await.map_err(failed())?;
    if !readable.is_some_and(|row| row.get(0)) {
        return Ok(Vec::new());
    }
    // Of a pipeline that was started by an older program the name is as its file has it.
    let sql = r"
        select pipeline
        from gristmill.pipeline
        where case pg_catalog.strpos(target, '.')
          when 0 then pg_catalog.to_regclass(target)::oid = $1
          else target = $2
        end
        order by 1";
    let parameters: [&(dyn ToSql + Sync); 2] = [&table.oid, &table.sql_name];
    let rows = client.query(sql, &parameters).await.map_err(failed())?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// That there is no table of this name, but one that differs in the case of letters.
async fn other_case(client: &Client, table: &str) -> Result<Option<String>, DatabaseError> {
    let others = client
        .query(include_str!("other_case.sql"), &[&table])
        .await;
    let others = others.map_err(DatabaseError::query("look for the target table"))?;
    Ok(others.first().map(|row| {
        let (found, name): (String, String) = (row.get(0), row.get(1));
        let name = name.replace('"', "\\\"");
        format!(
            "there is no table {table}, but {found}: names without quotes are lower case; write \
             table = \"{name}\" under [target]"
        )
    }))
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
    if let Some(wanted) = wanted {
        done.extend(complete(connection, wanted).await?);
    }
    Ok(done)
}

/// Creates the table, or what it misses. Returns what it did.
async fn complete(
    connection: &mut Connection,
    wanted: &WantedTable<'_>,
) -> Result<Option<String>, DatabaseError> {
    let failed = || DatabaseError::query("apply the schema");
    let transaction = connection.transaction().await.map_err(failed())?;
    transaction.batch_execute(LOCK).await.map_err(failed())?;
    let client = transaction.client();
    let is_there = TargetTable::load(client, wanted.table).await?.is_some();
    let Some(sql) = missing_of_table(client, wanted).await? else {
        return Ok(None);
    };
    let (doing, done) = match is_there {
        false => ("create the target table", "created the table"),
        true => (
            "add columns to the target table",
            "added gristmill's columns to the table",
        ),
    };
    transaction
        .batch_execute(&sql)
        .await
        .map_err(DatabaseError::query(doing))?;
    transaction.commit().await.map_err(failed())?;
    Ok(Some(format!("{done} {}", wanted.table)))
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
    problems.extend(wanted.name_problems());
    match &target {
        Some(target) => {
            problems.extend(target.problems(
                wanted.fields,
                wanted.roles,
                wanted.guard,
                wanted.delete,
            ));
            problems.extend(truncate_problem(wanted, target));
            problems.extend(other_writers(client, wanted, target).await?);
        }
        None => {
            let other = other_case(client, wanted.table).await?;
            problems.push(other.unwrap_or_else(|| {
                format!(
                    "the table {} is missing: run `gristmill schema apply` with the pipeline's \
                     file, or create it",
                    wanted.table
                )
            }));
        }
    }
    problems.extend(privileges::missing(client, target.as_ref(), wanted.delete).await?);
    if let Some(target) = &target {
        problems.extend(privileges::sequences(client, target, wanted.fields).await?);
    }
    Ok(problems)
}

/// That nobody could tell which rows are older than a truncate.
fn truncate_problem(wanted: &WantedTable<'_>, table: &TargetTable) -> Option<String> {
    let applies = wanted.truncate == Some(Truncate::Apply) && wanted.guard == Guard::Columns;
    applies.then(|| {
        format!(
            "rows of the table {} have no versions, which truncate = \"apply\" needs: alter table \
             {} add column _gm_version bytea, and restart the pipeline where it has the column",
            table.name, table.sql_name
        )
    })
}

/// Who else writes the table, where the file does not say that it is shared.
async fn other_writers(
    client: &Client,
    wanted: &WantedTable<'_>,
    table: &TargetTable,
) -> Result<Vec<String>, DatabaseError> {
    let writers = writers(client, table).await?;
    let others = writers
        .iter()
        .filter(|name| *name != wanted.pipeline && !wanted.is_shared);
    let told = others.map(|other| {
        format!(
            "the pipeline {other} writes the table {}, too, and each would undo what the other \
             does: give each a table; or, where their keys never meet, say shared = \
             \"disjoint-keys\" under [target] of both; or, where {other} is gone for good, update \
             gristmill.pipeline set target = 'none' where pipeline = '{other}'",
            table.name
        )
    });
    Ok(told.collect())
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
