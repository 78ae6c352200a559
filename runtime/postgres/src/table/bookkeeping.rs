//! What gristmill keeps of a target beside its rows.

use gristmill_core::column::Field;
use gristmill_core::dedup::Guard;
use gristmill_core::plan::Roles;
use tokio_postgres::Client;
use tokio_postgres::types::Type;

use crate::table::identifier::{ABSENT, REVISION, quote};
use crate::table::later_columns::{self, LaterColumns};
use crate::table::rule_number;
use crate::table::target_table::TargetTable;
use crate::wire::database_error::DatabaseError;
use crate::wire::placeholder::{self, Named};

const DOING: &str = "read what is known of the target table";

/// What a sink must know of a table whose rows have versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bookkeeping {
    /// The number of the rule by which the rows that are written have versions.
    pub(crate) rule: u8,
    /// The table in `gristmill.target_table`.
    pub(crate) target: i32,
    /// The bits of `_gm_absent`, by column.
    pub(crate) bits: Vec<(String, u32)>,
    pub(crate) later: LaterColumns,
}

impl Bookkeeping {
    /// Reads it, and gives out the numbers that are missing. `None`: rows have no versions.
    pub async fn load(
        client: &Client,
        target: &TargetTable,
        fields: &[Field],
        roles: &Roles,
        guard: Guard,
    ) -> Result<Option<Self>, DatabaseError> {
        if guard == Guard::Columns {
            return Ok(None);
        }
        let find = "select gristmill.find_tables()";
        let found = client.execute_typed(find, &[]).await;
        found.map_err(DatabaseError::query(DOING))?;
        let rule = rule_number::number(client, target, fields, roles).await?;
        let number = number(client, target).await?;
        let bits = match target.column(ABSENT) {
            Some(_) => bits(client, target, number, fields, roles).await?,
            None => Vec::new(),
        };
        Ok(Some(Self {
            rule,
            target: number,
            bits,
            later: LaterColumns::default(),
        }))
    }

    /// Takes what is known of the columns that a revision of a pipeline writes beside those of
    /// revisions before it: they are unknown in rows that those wrote. It is remembered as one that
    /// writes all of them.
    pub async fn of_revision(
        mut self,
        client: &Client,
        target: &TargetTable,
        (pipeline, revision): (&str, i32),
    ) -> Result<Self, DatabaseError> {
        let names = self.bits.iter().map(|(name, _)| name.as_str());
        let names: Vec<&str> = names.filter(|name| target.column(name).is_some()).collect();
        later_columns::remember(client, pipeline, revision, &names).await?;
        if target.column(REVISION).is_some() {
            self.later = LaterColumns::load(client, self.target, pipeline, revision).await?;
        }
        Ok(self)
    }
}

/// The table's number: the one that it has, or the one of a table of this name that is gone, or the
/// next.
pub(crate) async fn number(client: &Client, target: &TargetTable) -> Result<i32, DatabaseError> {
    let failed = || DatabaseError::query(DOING);
    let named: [Named<'_>; 2] = [
        ("name", Type::TEXT, &target.sql_name),
        ("oid", Type::OID, &target.oid),
    ];
    let known = "select target from gristmill.target_table where oid = :oid";
    let adopt = r"
        update gristmill.target_table t
        set oid = :oid, database = gristmill.this_database(), at = now()
        where t.target = (
            select pg_catalog.max(g.target)
            from gristmill.target_table g
            where g.name = :name
              and not exists (select from pg_catalog.pg_class c where c.oid = g.oid)
          )
          and not exists (select from gristmill.target_table t where t.oid = :oid)";
    let next = r"
        insert into gristmill.target_table (name, oid, database)
        values (:name, :oid, gristmill.this_database())
        on conflict (oid) do nothing";
    let rename = r"
        update gristmill.target_table
        set name = :name
        where oid = :oid and name <> :name";
    let find = || placeholder::query(client, known, &named[1..]);
    if find().await.map_err(failed())?.is_empty() {
        placeholder::execute(client, adopt, &named)
            .await
            .map_err(failed())?;
        placeholder::execute(client, next, &named)
            .await
            .map_err(failed())?;
    }
    placeholder::execute(client, rename, &named)
        .await
        .map_err(failed())?;
    let rows = find().await.map_err(failed())?;
    rows.first()
        .map(|row| row.get(0))
        .ok_or_else(|| DatabaseError::Unexpected {
            doing: DOING,
            found: "a table that comes and goes".to_owned(),
        })
}

/// The bits of all columns that may be absent. A table that has none begins above those of its
/// rows, which came with them from somewhere else.
async fn bits(
    client: &Client,
    target: &TargetTable,
    number: i32,
    fields: &[Field],
    roles: &Roles,
) -> Result<Vec<(String, u32)>, DatabaseError> {
    let failed = || DatabaseError::query(DOING);
    let names = fields.iter().map(|f| f.name.as_str());
    let names: Vec<&str> = names.filter(|name| !roles.include(name)).collect();
    let above = highest_of_rows(client, target, number).await?;
    let parameters: [Named<'_>; 3] = [
        ("target", Type::INT4, &number),
        ("names", Type::TEXT_ARRAY, &names),
        ("above", Type::INT4, &above),
    ];
    let next = r"
        insert into gristmill.target_column (target, name, bit)
        select
          :target,
          n.name,
          pg_catalog.row_number() over (order by n.place) + (
            select coalesce(pg_catalog.max(bit), :above)
            from gristmill.target_column
            where target = :target
          )
        from pg_catalog.unnest(:names) with ordinality as n (name, place)
        where not exists (
          select from gristmill.target_column c where c.target = :target and c.name = n.name
        )
        on conflict do nothing";
    let read = r"
        select name, bit
        from gristmill.target_column
        where target = :target and name = any (:names)
        order by bit";
    // Somebody else may take the next bits meanwhile.
    for _ in 0..names.len() + 1 {
        let rows = placeholder::query(client, read, &parameters[..2]).await;
        let rows = rows.map_err(failed())?;
        if rows.len() == names.len() {
            let bit = |row: &tokio_postgres::Row| (row.get(0), row.get::<_, i32>(1) as u32);
            return Ok(rows.iter().map(bit).collect());
        }
        placeholder::execute(client, next, &parameters)
            .await
            .map_err(failed())?;
    }
    Err(DatabaseError::Unexpected {
        doing: DOING,
        found: "columns whose bits come and go".to_owned(),
    })
}

/// The highest bit that the rows of a table have place for which has none in
/// `gristmill.target_column`; -1 where there is none. Read once in a table's life, by reading all
/// of it.
async fn highest_of_rows(
    client: &Client,
    target: &TargetTable,
    number: i32,
) -> Result<i32, DatabaseError> {
    let failed = || DatabaseError::query(DOING);
    let known = "select exists (select from gristmill.target_column where target = $1)";
    let known = client.query_one(known, &[&number]).await;
    if known.map_err(failed())?.get(0) {
        return Ok(-1);
    }
    let highest = format!(
        "select coalesce(pg_catalog.max(pg_catalog.length({column})) * 8, 0) - 1 from {} where \
         {column} is not null",
        target.own_rows,
        column = quote(ABSENT),
    );
    // A large table takes longer than a flush may.
    let no_limit = "begin; set local statement_timeout = 0";
    client.batch_execute(no_limit).await.map_err(failed())?;
    let highest = client.query_one(&highest, &[]).await;
    client.batch_execute("rollback").await.map_err(failed())?;
    Ok(highest.map_err(failed())?.get(0))
}
