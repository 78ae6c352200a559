//! Creating the tables, and saying what is wrong with them.

use gristmill_core::column::{Field, LogicalType};
use gristmill_core::plan::Roles;
use tokio_postgres::Client;

use crate::commit::statement::{OFFSET, PARTITION, REVISION, quote};
use crate::table::target::Target;
use crate::wire::connect::Connection;
use crate::wire::error::DatabaseError;

/// A numbered file of `schema/`.
struct Migration {
    version: i32,
    name: &'static str,
    sql: &'static str,
}

impl Migration {
    /// Its SQL, and the mark that it was applied.
    fn script(&self) -> String {
        format!(
            "{}\ninsert into gristmill.migration (version, name) values ({}, '{}');\n",
            self.sql, self.version, self.name
        )
    }
}

const MIGRATIONS: [Migration; 5] = [
    Migration {
        version: 1,
        name: "001_gristmill",
        sql: include_str!("../../../../schema/001_gristmill.sql"),
    },
    Migration {
        version: 2,
        name: "002_rollout",
        sql: include_str!("../../../../schema/002_rollout.sql"),
    },
    Migration {
        version: 3,
        name: "003_canary",
        sql: include_str!("../../../../schema/003_canary.sql"),
    },
    Migration {
        version: 4,
        name: "004_shadow",
        sql: include_str!("../../../../schema/004_shadow.sql"),
    },
    Migration {
        version: 5,
        name: "005_rollback",
        sql: include_str!("../../../../schema/005_rollback.sql"),
    },
];

/// The table of `pipelines/users.toml`.
pub const USERS_ENRICHED: &str = include_str!("../../../../schema/users_enriched.sql");

/// Two hosts that start at once take turns. The number is "gristmill" by a telephone's keys, and
/// means nothing.
const LOCK: &str = "select pg_advisory_xact_lock(474786455)";

/// The table that a pipeline wants.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// `table` or `schema.table`.
    pub table: &'a str,
    pub fields: &'a [Field],
    pub roles: &'a Roles,
    /// What creates it; else it is made from the fields.
    pub sql: Option<&'a str>,
}

impl Wanted<'_> {
    /// SQL that creates the table.
    pub fn create(&self) -> String {
        if let Some(sql) = self.sql {
            return sql.to_owned();
        }
        let mut lines: Vec<String> = self.fields.iter().map(|f| self.column(f)).collect();
        let key: Vec<_> = self.roles.key.iter().map(|k| quote(k)).collect();
        lines.push(format!("    {PARTITION} int"));
        lines.push(format!("    {OFFSET} bigint"));
        lines.push(format!("    {REVISION} int"));
        lines.push(format!("    primary key ({})", key.join(", ")));
        format!(
            "create table {} (\n{}\n);\n",
            identifier(self.table),
            lines.join(",\n")
        )
    }

    fn column(&self, field: &Field) -> String {
        let not_null = !field.nullable
            || self.roles.key.contains(&field.name)
            || self.roles.event_time == field.name;
        let null = if not_null { " not null" } else { "" };
        let default = if self.roles.deleted.as_ref() == Some(&field.name) {
            " default false"
        } else {
            ""
        };
        format!(
            "    {} {}{default}{null}",
            quote(&field.name),
            postgres_type(field.logical_type)
        )
    }
}

/// A name as psql reads it, written so that no part is taken for a keyword: what is not in quotes
/// is lower case.
fn identifier(name: &str) -> String {
    let mut quoted = false;
    let parts = name.split(|c: char| {
        quoted ^= c == '"';
        c == '.' && !quoted
    });
    let part = |part: &str| match part.strip_prefix('"').and_then(|p| p.strip_suffix('"')) {
        Some(exact) => quote(&exact.replace("\"\"", "\"")),
        None => quote(&part.to_lowercase()),
    };
    parts.map(part).collect::<Vec<_>>().join(".")
}

/// The type of a new column.
pub(crate) fn postgres_type(logical_type: LogicalType) -> String {
    match logical_type {
        LogicalType::Boolean => "boolean".to_owned(),
        LogicalType::Int64 => "bigint".to_owned(),
        LogicalType::Float64 => "double precision".to_owned(),
        LogicalType::Text => "text".to_owned(),
        LogicalType::Bytes => "bytea".to_owned(),
        LogicalType::TimestampUs | LogicalType::TimestampMs => "timestamptz".to_owned(),
        LogicalType::Date => "date".to_owned(),
        LogicalType::Uuid => "uuid".to_owned(),
        LogicalType::Decimal { precision, scale } => format!("numeric({precision}, {scale})"),
        LogicalType::Json => "jsonb".to_owned(),
    }
}

/// All SQL that [`apply`] would run in an empty database.
pub fn print(wanted: Option<&Wanted<'_>>) -> String {
    let own: String = MIGRATIONS.iter().map(Migration::script).collect();
    match wanted {
        Some(wanted) => format!("{own}\n{}", wanted.create()),
        None => own,
    }
}

/// Applies what is missing, each migration in a transaction; harmless when nothing is. Returns what
/// it did, a sentence each.
pub async fn apply(
    connection: &mut Connection,
    wanted: Option<&Wanted<'_>>,
) -> Result<Vec<String>, DatabaseError> {
    let failed = || DatabaseError::query("apply the schema");
    let mut done = Vec::new();
    for migration in &MIGRATIONS {
        let transaction = connection.transaction().await.map_err(failed())?;
        transaction.batch_execute(LOCK).await.map_err(failed())?;
        if version(transaction.client()).await? >= migration.version {
            continue;
        }
        transaction
            .batch_execute(&migration.script())
            .await
            .map_err(failed())?;
        transaction.commit().await.map_err(failed())?;
        done.push(format!("applied {}", migration.name));
    }
    let Some(wanted) = wanted else {
        return Ok(done);
    };
    let transaction = connection.transaction().await.map_err(failed())?;
    transaction.batch_execute(LOCK).await.map_err(failed())?;
    if Target::load(transaction.client(), wanted.table)
        .await?
        .is_none()
    {
        transaction
            .batch_execute(&wanted.create())
            .await
            .map_err(DatabaseError::query("create the target table"))?;
        done.push(format!("created the table {}", wanted.table));
    }
    transaction.commit().await.map_err(failed())?;
    Ok(done)
}

/// The newest migration that was applied; 0 where there is none.
async fn version(client: &Client) -> Result<i32, DatabaseError> {
    let failed = || DatabaseError::query("read which migrations were applied");
    let exists = client
        .query_one("select to_regclass('gristmill.migration') is not null", &[])
        .await
        .map_err(failed())?;
    if !exists.get::<_, bool>(0) {
        return Ok(0);
    }
    let row = client
        .query_one(
            "select coalesce(max(version), 0) from gristmill.migration",
            &[],
        )
        .await
        .map_err(failed())?;
    Ok(row.get(0))
}

/// All that would stop a pipeline that writes to this table, a sentence each, with what to do about
/// it.
pub async fn problems(client: &Client, wanted: &Wanted<'_>) -> Result<Vec<String>, DatabaseError> {
    let failed = || DatabaseError::query("check the schema");
    let usage = "select coalesce((select not has_schema_privilege(oid, 'usage') from pg_namespace \
                 where nspname = 'gristmill'), false), current_user::text";
    let row = client.query_one(usage, &[]).await.map_err(failed())?;
    let user: String = row.get(1);
    if row.get(0) {
        return Ok(vec![format!(
            "role {user} may not use the schema gristmill: grant usage on schema gristmill to \
             {user}"
        )]);
    }
    let mut problems = Vec::new();
    let readable =
        "select coalesce(has_table_privilege(to_regclass('gristmill.migration'), 'select'), true)";
    let readable: bool = client
        .query_one(readable, &[])
        .await
        .map_err(failed())?
        .get(0);
    let newest = MIGRATIONS.last().map_or(0, |m| m.version);
    match if readable {
        version(client).await?
    } else {
        newest
    } {
        0 => problems.push(
            "the schema gristmill is missing: run `gristmill schema apply` with the pipeline's \
             file"
                .to_owned(),
        ),
        found if found < newest => {
            problems.push(format!(
                "the schema gristmill is at version {found} of {newest}: run `gristmill schema \
                 apply` with the pipeline's file"
            ));
        }
        found if found > newest => {
            problems.push(format!(
                "the schema gristmill is at version {found}, made by a newer gristmill than this, \
                 which knows {newest}: update this one"
            ));
        }
        _ => problems.extend(privilege_problems(client, &user).await?),
    }
    match Target::load(client, wanted.table).await? {
        None => problems.push(format!(
            "the table {} is missing: run `gristmill schema apply` with the pipeline's file, or \
             create it",
            wanted.table
        )),
        Some(target) => {
            problems.extend(target.problems(wanted.fields, wanted.roles));
            let sql = "select p from unnest(array['select', 'insert', 'update']) p where not \
                       has_table_privilege($1::oid, p)";
            let missing: Vec<String> = client
                .query(sql, &[&target.oid])
                .await
                .map_err(failed())?
                .iter()
                .map(|row| row.get(0))
                .collect();
            if !missing.is_empty() {
                let missing = missing.join(", ");
                problems.push(format!(
                    "role {user} may not {missing} on the table {}: grant {missing} on {} to \
                     {user}",
                    target.name, target.sql_name
                ));
            }
        }
    }
    Ok(problems)
}

async fn privilege_problems(client: &Client, user: &str) -> Result<Vec<String>, DatabaseError> {
    let failed = || DatabaseError::query("check privileges");
    let sql = "select c.relname::text, string_agg(p, ', ' order by n) from pg_class c join \
               pg_namespace s on s.oid = c.relnamespace, unnest(array['select', 'insert', \
               'update']) with ordinality as u (p, n) where s.nspname = 'gristmill' and c.relkind \
               = 'r' and not has_table_privilege(c.oid, p) and (c.relname <> 'migration' or p = \
               'select') group by 1 order by 1";
    let rows = client.query(sql, &[]).await.map_err(failed())?;
    let problems = rows
        .iter()
        .map(|row| {
            let (table, missing): (String, String) = (row.get(0), row.get(1));
            format!(
                "role {user} may not {missing} on the table gristmill.{table}: grant {missing} on \
                 gristmill.{table} to {user}"
            )
        })
        .collect();
    Ok(problems)
}

#[cfg(test)]
mod tests {
    use super::identifier;

    #[test]
    fn names_are_read_as_psql_reads_them() {
        for (name, sql) in [
            ("Users", "\"users\""),
            ("order", "\"order\""),
            ("crm.Users", "\"crm\".\"users\""),
            ("\"My.Schema\".\"a\"\"b\"", "\"My.Schema\".\"a\"\"b\""),
        ] {
            assert_eq!(identifier(name), sql);
        }
    }
}
