//! Whether the table is what the oracle says, row by row, all columns that the job asks for; of a
//! deleted row that it is deleted, and when: what else it holds is what it held.

use std::fmt::Write;

use anyhow::Result;
use gristmill_tests::oracle::{Expected, User};
use gristmill_tests::postgres::Postgres;
use serde_json::json;

/// Rows of `users_enriched` that are missing, should not be, or differ in a column.
pub(crate) fn wrong_rows(postgres: &Postgres, database: &str, expected: &Expected) -> Result<u64> {
    let folder = gristmill_tests::process::Folder::new("gristmill-truth-")?;
    let file = folder.path().join("expected.json");
    let mut lines = String::new();
    for user in expected.users.values() {
        writeln!(lines, "{}", row(user))?;
    }
    std::fs::write(&file, lines)?;
    // \copy reads the file as us; the quotes and delimiter are bytes that JSON text does not have.
    let copy = format!(
        "\\copy gristmill_truth from '{}' with (format csv, quote e'\\x01', delimiter e'\\x02')",
        file.display()
    );
    postgres.psql(
        database,
        "create unlogged table gristmill_truth (document jsonb)",
    )?;
    postgres.psql(database, &copy)?;
    let values = "name, email, email_domain, country_code, country_name, is_corporate";
    let living = |name| format!("case when not is_deleted then {name} end as {name}");
    let living: Vec<String> = values.split(", ").map(living).collect();
    let columns = format!("user_id, is_deleted, updated_at, {}", living.join(", "));
    let count = format!(
        "select count(*) from (select {columns} from users_enriched) a full join (select {columns} \
         from gristmill_truth, jsonb_to_record(document) as e (user_id bigint, name text, email \
         text, email_domain text, country_code text, country_name text, is_corporate boolean, \
         is_deleted boolean, updated_at timestamptz)) b using (user_id) where a is distinct from b"
    );
    Ok(postgres.psql(database, &count)?.parse()?)
}

fn row(user: &User) -> serde_json::Value {
    let time = jiff::Timestamp::from_microsecond(user.updated_at_us);
    json!({
        "user_id": user.user_id,
        "name": user.name,
        "email": user.email,
        "email_domain": user.email_domain,
        "country_code": user.country_code,
        "country_name": user.country_name,
        "is_corporate": user.is_corporate,
        "is_deleted": user.is_deleted,
        "updated_at": time.map(|t| t.to_string()).unwrap_or_default(),
    })
}
