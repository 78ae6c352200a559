//! Expressions against `select` on a PostgreSQL: each function and operator on generated values.
//!
//! Run by hand with a PostgreSQL whose database has the encoding UTF8 and the collation C:
//!
//!     ORACLE_URL=postgres://user:password@host/database cargo test -p sql --test oracle -- \
//!         --ignored --nocapture
//!
//! `ORACLE_ROWS` is how many values an expression is run on, 10,000 by default; `ORACLE_ONLY` runs
//! the expressions that have it in their text.

mod expressions;
mod patterns;
mod postgres;
mod values;

use postgres::Oracle;
use sql::probe::probe;
use values::{Kind, Values};

/// Values for which both must agree, by default.
const ROWS: usize = 10_000;

/// What came of one expression.
#[derive(Default)]
struct Tally {
    same: usize,
    /// Both fail.
    failed: usize,
    /// An error here that says so, where PostgreSQL has a value.
    honest: usize,
    /// Both fail, in other words.
    worded: usize,
    wrong: Vec<String>,
}

fn rows() -> usize {
    std::env::var("ORACLE_ROWS")
        .ok()
        .and_then(|rows| rows.parse().ok())
        .unwrap_or(ROWS)
}

/// Runs expressions with the columns that follow them: `a:int8 b:text`.
fn check(name: &str, expressions: &[(String, String)]) {
    let mut oracle = Oracle::connect();
    let only = std::env::var("ORACLE_ONLY").unwrap_or_default();
    let mut values = Values::new(7);
    let (mut total, mut count) = (Tally::default(), 0);
    for (text, columns) in expressions.iter().filter(|(text, _)| text.contains(&only)) {
        let columns: Vec<(&str, Kind)> = columns
            .split_whitespace()
            .map(|column| column.split_once(':').expect("name:kind"))
            .map(|(name, kind)| (name, Kind::of_name(kind)))
            .collect();
        let tally = compare(&mut oracle, &mut values, text, &columns);
        count += 1;
        if !tally.wrong.is_empty() || tally.honest + tally.worded > 0 {
            println!(
                "{text}: {} same, {} fail, {} honest, {} in other words, {} wrong",
                tally.same,
                tally.failed,
                tally.honest,
                tally.worded,
                tally.wrong.len()
            );
            tally
                .wrong
                .iter()
                .take(3)
                .for_each(|wrong| println!("    {wrong}"));
        }
        total.same += tally.same;
        total.failed += tally.failed;
        total.honest += tally.honest;
        total.worded += tally.worded;
        total.wrong.extend(tally.wrong);
    }
    println!(
        "{name}: {count} expressions, {} same, {} fail alike, {} honest errors, {} in other words, \
         {} wrong",
        total.same,
        total.failed,
        total.honest,
        total.worded,
        total.wrong.len()
    );
    assert!(
        total.wrong.is_empty(),
        "{} values differ",
        total.wrong.len()
    );
}

fn compare(
    oracle: &mut Oracle,
    values: &mut Values,
    text: &str,
    columns: &[(&str, Kind)],
) -> Tally {
    let count = if columns.is_empty() { 1 } else { rows() };
    let rows: Vec<Vec<Option<String>>> = (0..count)
        .map(|_| {
            columns
                .iter()
                .map(|(_, kind)| values.value(*kind))
                .collect()
        })
        .collect();
    let typed: Vec<_> = columns
        .iter()
        .map(|(name, kind)| (*name, kind.of_type()))
        .collect();
    let expected = oracle.ask(text, &typed, &rows);
    let mut tally = Tally::default();
    let found = match (probe(text, &typed, &rows), &expected) {
        (Ok(found), Ok(_)) => found,
        // Only a constant expression may fail as a whole.
        (Err(_), Err(_)) if columns.is_empty() => {
            tally.failed = 1;
            return tally;
        }
        (Err(here), Err(there)) => {
            tally
                .wrong
                .push(format!("the whole fails: {here} | {there}"));
            return tally;
        }
        (Err(error), Ok((_, rows))) => {
            // A constant that fails is found before a row flows.
            match rows.iter().all(Result::is_err) {
                true => tally.failed = 1,
                false => tally.wrong.push(format!("refused: {error}")),
            }
            return tally;
        }
        (Ok(found), Err(error)) => {
            tally
                .wrong
                .push(format!("{} here, PostgreSQL says {error}", found.of_type));
            return tally;
        }
    };
    let Ok((of_type, expected)) = expected else {
        return tally;
    };
    if of_type != found.of_type.name() && of_type != "character varying" {
        tally
            .wrong
            .push(format!("of type {} here, {of_type} there", found.of_type));
    }
    for ((row, found), expected) in rows.iter().zip(found.rows).zip(expected) {
        match (found, expected) {
            (Ok(found), Ok(expected)) if found == expected => tally.same += 1,
            (Err(found), Err(expected)) if found == expected => tally.failed += 1,
            (Err(found), Err(expected)) => {
                tally.worded += 1;
                if tally.worded == 1 {
                    println!("    {text}: in other words: {found} | {expected}");
                }
            }
            (Err(found), Ok(_)) if found.contains(" here") || found.contains("range") => {
                tally.honest += 1;
                if tally.honest == 1 {
                    println!("    {text}: honest: {found}");
                }
            }
            (found, expected) => {
                tally
                    .wrong
                    .push(format!("{row:?}: {found:?} here, {expected:?} there"));
            }
        }
    }
    tally
}

#[test]
#[ignore = "needs a PostgreSQL"]
fn numbers() {
    check("numbers", &expressions::numbers());
}

#[test]
#[ignore = "needs a PostgreSQL"]
fn comparisons() {
    check("comparisons", &expressions::comparisons());
}

#[test]
#[ignore = "needs a PostgreSQL"]
fn texts() {
    check("texts", &expressions::texts());
}

#[test]
#[ignore = "needs a PostgreSQL"]
fn times() {
    check("times", &expressions::times());
}

#[test]
#[ignore = "needs a PostgreSQL"]
fn documents() {
    check("documents", &expressions::documents());
}

#[test]
#[ignore = "needs a PostgreSQL"]
fn casts() {
    check("casts", &expressions::casts());
}

#[test]
#[ignore = "needs a PostgreSQL"]
fn shapes() {
    check("shapes", &expressions::shapes());
}

#[test]
#[ignore = "needs a PostgreSQL"]
fn generated_patterns() {
    check("patterns", &patterns::patterns());
}

#[test]
#[ignore = "needs a PostgreSQL"]
fn constants() {
    check("constants", &expressions::constants());
}
