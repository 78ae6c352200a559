//! What gristmill keeps of a target beside its rows.

use gristmill_core::column::Field;
use gristmill_core::dedup::Guard;
use gristmill_core::plan::Roles;
use tokio_postgres::Client;
use tokio_postgres::types::Type;

use crate::table::identifier::ABSENT;
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
    /// Whether rows were deleted for good, so that older ones must not come back.
    pub(crate) has_tombstones: bool,
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
        let rule = rule_number::number(client, target, fields, roles).await?;
        let number = number(client, target).await?;
        let bits = match target.column(ABSENT) {
            Some(_) => bits(client, number, fields, roles).await?,
            None => Vec::new(),
        };
        let sql = "select exists (select from gristmill.tombstone where target = :target)";
        let tombstones = placeholder::query_one(client, sql, &of(&number)).await;
        Ok(Some(Self {
            rule,
            target: number,
            bits,
            has_tombstones: tombstones.map_err(DatabaseError::query(DOING))?.get(0),
        }))
    }
}

fn of(number: &i32) -> [Named<'_>; 1] {
    [("target", Type::INT4, number)]
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
        set oid = :oid, at = now()
        where t.name = :name
          and not exists (select from pg_catalog.pg_class c where c.oid = t.oid)
          and not exists (select from gristmill.target_table t where t.oid = :oid)";
    let next = r"
        insert into gristmill.target_table (name, oid)
        values (:name, :oid)
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

/// The bits of all columns that may be absent.
async fn bits(
    client: &Client,
    number: i32,
    fields: &[Field],
    roles: &Roles,
) -> Result<Vec<(String, u32)>, DatabaseError> {
    let failed = || DatabaseError::query(DOING);
    let names = fields.iter().map(|f| f.name.as_str());
    let names: Vec<&str> = names.filter(|name| !roles.include(name)).collect();
    let parameters: [Named<'_>; 2] = [
        ("target", Type::INT4, &number),
        ("names", Type::TEXT_ARRAY, &names),
    ];
    let next = r"
        insert into gristmill.target_column (target, name, bit)
        select
          :target,
          n.name,
          pg_catalog.row_number() over (order by n.place) + (
            select coalesce(pg_catalog.max(bit), -1)
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
        let rows = placeholder::query(client, read, &parameters).await;
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
