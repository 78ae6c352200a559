//! The real table and dead letters, and a readable difference to what they must be.

use std::collections::BTreeMap;
use std::fmt::{Debug, Write};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::oracle::{Expected, User};
use crate::postgres::Postgres;

/// Differences that a failure prints: enough to see the pattern.
const SHOWN_MAX: usize = 20;

/// What a test looks at of `gristmill.dead_letter`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct DeadLetter {
    pub partition: i32,
    pub offset: i64,
    pub stage: String,
    pub code: String,
    pub message: String,
    pub state: String,
    /// The record's value, in hexadecimal.
    pub value: Option<String>,
}

/// All rows of `users_enriched`, by `user_id`.
pub fn users(postgres: &Postgres, database: &str) -> Result<BTreeMap<i64, User>> {
    let select = r#"select user_id, name, email, email_domain, country_code, country_name,
            is_corporate, is_deleted,
            (extract(epoch from updated_at) * 1000000)::bigint as updated_at_us,
            gristmill.partition_of(_gm_version) as partition,
            gristmill.offset_of(_gm_version) as "offset"
        from users_enriched"#;
    let users: Vec<User> = rows(postgres, database, select)?;
    Ok(users.into_iter().map(|u| (u.user_id, u)).collect())
}

/// All dead letters, by partition and offset.
pub fn dead_letters(postgres: &Postgres, database: &str) -> Result<Vec<DeadLetter>> {
    let select = r#"select partition, "offset", stage, code, message, state,
            encode(value, 'hex') as value
        from gristmill.dead_letter order by partition, "offset", ordinal"#;
    rows(postgres, database, select)
}

/// The rows of a query as documents: psql prints one a line.
fn rows<T: for<'de> Deserialize<'de>>(
    postgres: &Postgres,
    database: &str,
    select: &str,
) -> Result<Vec<T>> {
    let lines = postgres.psql(
        database,
        &format!("select row_to_json(t) from ({select}) t"),
    )?;
    lines
        .lines()
        .map(|line| serde_json::from_str(line).with_context(|| line.to_owned()))
        .collect()
}

/// An error that shows what differs between the table and dead letters in `database` and
/// `expected`.
pub fn compare(postgres: &Postgres, database: &str, expected: &Expected) -> Result<()> {
    let actual = users(postgres, database)?;
    let mut differences = Vec::new();
    for (id, user) in &expected.users {
        match actual.get(id) {
            None => differences.push(format!("user {id} is missing: {user:?}")),
            Some(found) => user_differences(user, found, &mut differences),
        }
    }
    let unexpected = actual
        .iter()
        .filter(|(id, _)| !expected.users.contains_key(id));
    differences.extend(unexpected.map(|(id, user)| format!("user {id} should not be: {user:?}")));
    dead_letter_differences(
        &dead_letters(postgres, database)?,
        expected,
        &mut differences,
    );
    if differences.is_empty() {
        return Ok(());
    }
    let mut report = format!("{} differences to the oracle:\n", differences.len());
    for difference in differences.iter().take(SHOWN_MAX) {
        writeln!(report, "  {difference}")?;
    }
    bail!(report)
}

fn user_differences(expected: &User, found: &User, differences: &mut Vec<String>) {
    let mut column = |name: &str, expected: &dyn Debug, actual: &dyn Debug| {
        let (wanted, got) = (format!("{expected:?}"), format!("{actual:?}"));
        if wanted != got {
            differences.push(format!(
                "user {}: {name} is {got}, should be {wanted}",
                found.user_id
            ));
        }
    };
    // What a deleted row holds is what it held: which events had come before the delete did.
    if !(expected.is_deleted && found.is_deleted) {
        column("name", &expected.name, &found.name);
        column("email", &expected.email, &found.email);
        column("email_domain", &expected.email_domain, &found.email_domain);
        column("country_code", &expected.country_code, &found.country_code);
        column("country_name", &expected.country_name, &found.country_name);
        column("is_corporate", &expected.is_corporate, &found.is_corporate);
    }
    column("is_deleted", &expected.is_deleted, &found.is_deleted);
    column(
        "updated_at_us",
        &expected.updated_at_us,
        &found.updated_at_us,
    );
    column(
        "its record",
        &(expected.partition, expected.offset),
        &(found.partition, found.offset),
    );
}

fn dead_letter_differences(
    letters: &[DeadLetter],
    expected: &Expected,
    differences: &mut Vec<String>,
) {
    let mut found: BTreeMap<(i32, i64), &DeadLetter> = BTreeMap::new();
    for letter in letters {
        if let Some(other) = found.insert((letter.partition, letter.offset), letter) {
            differences.push(format!(
                "two dead letters of one record: {other:?} and {letter:?}"
            ));
        }
    }
    for (position, code) in &expected.dead_letters {
        match found.remove(position) {
            None => differences.push(format!(
                "dead letter {code} of partition and offset {position:?} is missing"
            )),
            Some(letter) if letter.code != *code => {
                differences.push(format!("dead letter should be {code}: {letter:?}"))
            }
            Some(_) => {}
        }
    }
    differences.extend(
        found
            .values()
            .map(|letter| format!("should not be a dead letter: {letter:?}")),
    );
}
