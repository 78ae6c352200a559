//! The rules by which the rows of a table have versions, each with a number.

use gristmill_core::column::Field;
use gristmill_core::plan::Roles;
use serde_json::{Value, json};
use tokio_postgres::Client;
use tokio_postgres::types::Type;

use crate::table::target_table::TargetTable;
use crate::wire::database_error::DatabaseError;
use crate::wire::placeholder::{self, Named};

/// The highest number: in those above something else than the event time is to come first.
const MAX: i32 = 127;

/// The number of the rule by which rows of `fields` have versions in `target`: the one that it has,
/// or the next. Versions of one number compare as bytes.
pub async fn number(
    client: &Client,
    target: &TargetTable,
    fields: &[Field],
    roles: &Roles,
) -> Result<u8, DatabaseError> {
    let failed = || DatabaseError::query("number the rule of the table's versions");
    let version = rule(fields, roles);
    let parameters: [Named<'_>; 2] = [
        ("target", Type::TEXT, &target.sql_name),
        ("version", Type::JSONB, &version),
    ];
    let known = "select rule from gristmill.target where target = :target and version = :version";
    let next = r"
        insert into gristmill.target (target, rule, version)
        select :target, coalesce(pg_catalog.max(rule), 0) + 1, :version
        from gristmill.target
        where target = :target
        on conflict do nothing";
    // Somebody else may take the next number meanwhile, for this rule or for another one.
    for _ in 0..=MAX {
        let rows = placeholder::query(client, known, &parameters).await;
        if let Some(row) = rows.map_err(failed())?.first() {
            let number: i32 = row.get(0);
            return u8::try_from(number).map_err(|_| DatabaseError::Unexpected {
                doing: "number the rule of the table's versions",
                found: format!("the rule {number}"),
            });
        }
        placeholder::execute(client, next, &parameters)
            .await
            .map_err(failed())?;
    }
    Err(DatabaseError::Unexpected {
        doing: "number the rule of the table's versions",
        found: "a rule that comes and goes".to_owned(),
    })
}

/// What the bytes of a version hold between event time and log, as `gristmill.target` has it.
fn rule(fields: &[Field], roles: &Roles) -> Value {
    let order = roles.order.iter().map(|name| {
        let field = fields.iter().find(|f| f.name == *name);
        json!([name, field.map(|f| f.logical_type.to_string())])
    });
    json!({"kind": "event-time", "order": order.collect::<Vec<_>>()})
}
