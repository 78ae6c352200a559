//! The rules by which the rows of a table have versions, each with a number.

use std::ops::RangeInclusive;

use gristmill_core::column::Field;
use gristmill_core::dedup::{VersionKind, VersionLayout};
use gristmill_core::plan::Roles;
use serde_json::{Value, json};
use tokio_postgres::Client;
use tokio_postgres::types::Type;

use crate::table::identifier::{VERSION, quote};
use crate::table::target_table::TargetTable;
use crate::wire::database_error::DatabaseError;
use crate::wire::placeholder::{self, Named};

/// The numbers of rules by which the event time comes first, and of the others.
const TIME_FIRST: RangeInclusive<i32> = 1..=VersionLayout::TIME_LAST as i32 - 1;
const TIME_LAST: RangeInclusive<i32> =
    VersionLayout::TIME_LAST as i32..=VersionLayout::RULE_MAX as i32;

const DOING: &str = "number the rule of the table's versions";

/// The number of the rule by which rows of `fields` have versions in `target`: the one that it has,
/// or the next. Versions of one number compare as bytes. The table is known by its oid, which
/// follows it through renames: one that comes with rows of somewhere else begins above theirs.
pub async fn number(
    client: &Client,
    target: &TargetTable,
    fields: &[Field],
    roles: &Roles,
) -> Result<u8, DatabaseError> {
    let failed = || DatabaseError::query(DOING);
    let version = rule(fields, roles);
    let numbers = match roles.version.kind {
        VersionKind::EventTime => TIME_FIRST,
        VersionKind::OrderFirst | VersionKind::Offset => TIME_LAST,
    };
    let above = highest_of_rows(client, target, &numbers).await?;
    let parameters: [Named<'_>; 6] = [
        ("target", Type::TEXT, &target.sql_name),
        ("oid", Type::OID, &target.oid),
        ("version", Type::JSONB, &version),
        ("above", Type::INT4, &above),
        ("first", Type::INT4, numbers.start()),
        ("last", Type::INT4, numbers.end()),
    ];
    let known = "select rule from gristmill.target where oid = :oid and version = :version";
    // Another table may have had the name before.
    let next = r"
        insert into gristmill.target (target, oid, rule, version)
        select :target, :oid, greatest(pg_catalog.max(rule), :above) + 1, :version
        from gristmill.target
        where (oid = :oid or target = :target) and rule between :first and :last
        on conflict do nothing";
    // Somebody else may take the next number meanwhile, for this rule or for another one.
    for _ in numbers.clone() {
        let rows = placeholder::query(client, known, &parameters[1..3]).await;
        if let Some(row) = rows.map_err(failed())?.first() {
            let number: i32 = row.get(0);
            return u8::try_from(number).map_err(|_| DatabaseError::Unexpected {
                doing: DOING,
                found: format!("the rule {number}"),
            });
        }
        placeholder::execute(client, next, &parameters)
            .await
            .map_err(failed())?;
    }
    Err(DatabaseError::Unexpected {
        doing: DOING,
        found: "a rule that comes and goes".to_owned(),
    })
}

/// The highest of `numbers` in the rows of a table that has none of them in `gristmill.target`: a
/// copy, or of a database that was restored in part. One less than the first where there is none.
/// Read once in a table's life, by reading all of it.
async fn highest_of_rows(
    client: &Client,
    target: &TargetTable,
    numbers: &RangeInclusive<i32>,
) -> Result<i32, DatabaseError> {
    let failed = || DatabaseError::query(DOING);
    let (first, last) = (numbers.start(), numbers.end());
    let none = first - 1;
    let known = r"
        select exists (
          select from gristmill.target where oid = $1 and rule between $2 and $3
        )";
    let known = client.query_one(known, &[&target.oid, first, last]).await;
    if known.map_err(failed())?.get(0) {
        return Ok(none);
    }
    let (table, column) = (&target.own_rows, quote(VERSION));
    let highest = format!(
        r"
        select coalesce(pg_catalog.max(pg_catalog.get_byte({column}, 0)), {none})
        from {table}
        where {column} >= e'\\x{first:02x}' and {column} < e'\\x{end:02x}'",
        end = last + 1
    );
    // A large table takes longer than a flush may.
    let no_limit = "begin; set local statement_timeout = 0";
    client.batch_execute(no_limit).await.map_err(failed())?;
    let highest = client.query_one(&highest, &[]).await;
    client.batch_execute("rollback").await.map_err(failed())?;
    Ok(highest.map_err(failed())?.get(0))
}

/// What the bytes of a version hold beside time and place, as `gristmill.target` has it, and which
/// life of the source's log it is.
fn rule(fields: &[Field], roles: &Roles) -> Value {
    let order = roles.order.iter().map(|name| {
        let field = fields.iter().find(|f| f.name == *name);
        json!([name, field.map(|f| f.logical_type.to_string())])
    });
    let order: Vec<Value> = match roles.version.kind {
        VersionKind::Offset => Vec::new(),
        VersionKind::EventTime | VersionKind::OrderFirst => order.collect(),
    };
    let mut rule = json!({"kind": roles.version.kind, "order": order});
    if roles.version.epoch != 0 {
        rule["epoch"] = json!(roles.version.epoch);
    }
    rule
}
