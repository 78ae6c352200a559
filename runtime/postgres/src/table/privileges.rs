//! What a role may do, and what it has to be granted.

use gristmill_core::chain::Delete;
use gristmill_core::column::Field;
use tokio_postgres::Client;

use crate::table::target_table::TargetTable;
use crate::wire::database_error::DatabaseError;

/// Of gristmill's own tables, those that rows are taken out of: samples, hosts that are gone,
/// comparisons and orders that are over, tombstones that nothing older can come for.
const EMPTIED: [&str; 6] = [
    "dead_letter",
    "file",
    "host",
    "shadow",
    "steering",
    "tombstone",
];
/// Those that are only read while a pipeline runs.
const READ: [&str; 1] = ["migration"];

const FAILED: &str = "check privileges";

/// Whether this role may read which migrations were applied.
pub(crate) async fn may_read_version(client: &Client) -> Result<bool, DatabaseError> {
    let sql = r"
        select coalesce(
          bool_and(
            pg_catalog.has_schema_privilege(s.oid, 'usage'::text)
            and pg_catalog.has_table_privilege(c.oid, 'select'::text)
          ),
          true
        )
        from pg_catalog.pg_class c
          join pg_catalog.pg_namespace s on s.oid = c.relnamespace
        where s.nspname = 'gristmill' and c.relname = 'migration'";
    let row = client.query_one(sql, &[]).await;
    Ok(row.map_err(DatabaseError::query(FAILED))?.get(0))
}

/// What this role lacks to run a pipeline, to change it and to replay its dead letters: one
/// sentence that ends in the statements which grant it, ready to be pasted.
pub(crate) async fn missing(
    client: &Client,
    target: Option<&TargetTable>,
    delete: Delete,
) -> Result<Option<String>, DatabaseError> {
    let failed = || DatabaseError::query(FAILED);
    let role = "select pg_catalog.quote_ident(current_user::text), current_user::text";
    let role = client.query_one(role, &[]).await.map_err(failed())?;
    let (quoted, user): (String, String) = (role.get(0), role.get(1));
    let wanted = r"
        with wanted as (
          select c.oid, pg_catalog.format('gristmill.%I'::text, c.relname) as name, p.privilege, p.n
          from pg_catalog.pg_class c
            join pg_catalog.pg_namespace s on s.oid = c.relnamespace,
            pg_catalog.unnest(array['select', 'insert', 'update', 'delete']::text[])
              with ordinality as p (privilege, n)
          where s.nspname = 'gristmill' and c.relkind = 'r'
            and (p.privilege <> 'delete' or c.relname::text = any ($1::text[]))
            and (p.privilege = 'select' or c.relname::text <> all ($2::text[]))
          union all
          select $3::oid, $4::text, p.privilege, p.n
          from pg_catalog.unnest(array['select', 'insert', 'update', 'delete']::text[])
            with ordinality as p (privilege, n)
          where $3::oid <> 0::oid and (p.privilege <> 'delete' or $5::bool)
        ),
        lacking as (
          select name, pg_catalog.string_agg(privilege, ', '::text order by n) as privileges
          from wanted
          where not pg_catalog.has_table_privilege(oid, privilege)
          group by name
        )
        select privileges, pg_catalog.string_agg(name, ', '::text order by name)
        from lacking
        group by privileges
        order by 2";
    let (oid, name) = target.map_or((0, ""), |t| (t.oid, t.sql_name.as_str()));
    let (emptied, read) = (EMPTIED.as_slice(), READ.as_slice());
    let rows = client
        .query(
            wanted,
            &[&emptied, &read, &oid, &name, &(delete == Delete::Hard)],
        )
        .await
        .map_err(failed())?;
    let usage = r"
        select s.nspname::text
        from pg_catalog.pg_namespace s
        where s.nspname = 'gristmill'
          and not pg_catalog.has_schema_privilege(s.oid, 'usage'::text)";
    let usage = client.query_opt(usage, &[]).await.map_err(failed())?;
    let usage = usage.map(|_| format!("grant usage on schema gristmill to {quoted};"));
    let tables = rows.iter().map(|row| {
        let (privileges, tables): (String, String) = (row.get(0), row.get(1));
        format!("grant {privileges} on {tables} to {quoted};")
    });
    let grants: Vec<String> = usage.into_iter().chain(tables).collect();
    Ok((!grants.is_empty()).then(|| {
        let grants = grants.join("\n    ");
        format!(
            "role {user} lacks privileges, which the owner of the tables grants by:\n    {grants}"
        )
    }))
}

/// That this role may not take numbers of sequences that new rows get from a default: one sentence
/// with the statement that grants it. What `fields` write takes none.
pub(crate) async fn sequences(
    client: &Client,
    target: &TargetTable,
    fields: &[Field],
) -> Result<Option<String>, DatabaseError> {
    let sql = r"
        select
          pg_catalog.string_agg(
            distinct pg_catalog.format('%I.%I'::text, n.nspname, s.relname), ', '::text
          ),
          pg_catalog.quote_ident(current_user::text)
        from pg_catalog.pg_attrdef d
          join pg_catalog.pg_attribute a on a.attrelid = d.adrelid and a.attnum = d.adnum
          join pg_catalog.pg_depend p
            on p.classid = 'pg_catalog.pg_attrdef'::regclass and p.objid = d.oid
              and p.refclassid = 'pg_catalog.pg_class'::regclass
          join pg_catalog.pg_class s on s.oid = p.refobjid
          join pg_catalog.pg_namespace n on n.oid = s.relnamespace
        where d.adrelid = $1 and a.attname::text <> all ($2::text[])
          -- It ends the statement where it is asked about something else.
          and case
            when s.relkind = 'S'
            then not pg_catalog.has_sequence_privilege(s.oid, 'usage, update'::text)
          end";
    let written: Vec<&str> = fields.iter().map(|f| f.name.as_str()).collect();
    let row = client.query_one(sql, &[&target.oid, &written]).await;
    let row = row.map_err(DatabaseError::query(FAILED))?;
    let (names, role): (Option<String>, String) = (row.get(0), row.get(1));
    Ok(names.map(|names| {
        format!(
            "new rows of the table {} take numbers of sequences that this role may not use: \
             grant usage on sequence {names} to {role};",
            target.name
        )
    }))
}

/// The schemas of this session's path in which somebody else may create what it would call.
pub async fn open_schemas(client: &Client) -> Result<Vec<String>, DatabaseError> {
    let sql = r"
        select s.nspname::text
        from pg_catalog.pg_namespace s
        where s.nspname = any (pg_catalog.current_schemas(false))
          and exists (
            select
            from pg_catalog.aclexplode(s.nspacl) a
            where a.privilege_type = 'CREATE'
              and a.grantee <> s.nspowner
              and a.grantee <> (
                select r.oid from pg_catalog.pg_roles r where r.rolname = current_user
              )
          )
        order by 1";
    let rows = client.query(sql, &[]).await;
    let rows = rows.map_err(DatabaseError::query(FAILED))?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}
