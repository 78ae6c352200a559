//! Expressions of `builtin:sql` against `select` on a PostgreSQL: each function and operator on
//! generated values.
//!
//! `GRISTMILL_ORACLE_ROWS` is how many values an expression is run on; `GRISTMILL_ORACLE_ONLY` runs
//! the expressions that have it in their text.

mod expressions;
mod formats;
mod nested;
mod patterns;
mod server;
mod tally;
mod values;

use anyhow::{Result, ensure};
use expressions::Expressions;
use gristmill_tests::seed::seed;
use server::Oracle;
use tally::Tally;
use values::{Kind, Values};

/// Values that an expression is run on by default: ten expressions or more stand for each function,
/// and so thousands of values.
const ROWS: usize = 400;

fn rows() -> usize {
    let set = std::env::var("GRISTMILL_ORACLE_ROWS").ok();
    set.and_then(|rows| rows.parse().ok()).unwrap_or(ROWS)
}

/// Runs the expressions that `make` makes.
fn check(name: &str, make: impl FnOnce(&mut Values) -> Expressions) -> Result<()> {
    let mut oracle = Oracle::connect(name)?;
    let mut values = Values::new(seed(name));
    let expressions = make(&mut values);
    let only = std::env::var("GRISTMILL_ORACLE_ONLY").unwrap_or_default();
    let (mut total, mut count) = (Tally::default(), 0);
    for (text, columns) in expressions.iter().filter(|(text, _)| text.contains(&only)) {
        let columns: Vec<(&str, Kind)> = columns
            .split_whitespace()
            .filter_map(|column| column.split_once(':'))
            .map(|(name, kind)| (name, Kind::of_name(kind)))
            .collect();
        let rows = if columns.is_empty() { 1 } else { rows() };
        let tally = Tally::of(text, &columns, &values.rows(&columns, rows), &mut oracle);
        if tally.is_noteworthy() {
            println!("{text}: {tally}");
        }
        count += 1;
        total.add(tally);
    }
    println!("{name}: {count} expressions: {total}");
    ensure!(total.wrong.is_empty(), "{name}: {total}");
    Ok(())
}

#[test]
fn numbers() -> Result<()> {
    check("numbers", |_| expressions::numbers())
}

#[test]
fn comparisons() -> Result<()> {
    check("comparisons", |_| expressions::comparisons())
}

#[test]
fn texts() -> Result<()> {
    check("texts", |_| expressions::texts())
}

#[test]
fn times() -> Result<()> {
    check("times", |_| expressions::times())
}

#[test]
fn documents() -> Result<()> {
    check("documents", |_| expressions::documents())
}

#[test]
fn casts() -> Result<()> {
    check("casts", |_| expressions::casts())
}

#[test]
fn shapes() -> Result<()> {
    check("shapes", |_| expressions::shapes())
}

#[test]
fn constants() -> Result<()> {
    check("constants", |_| expressions::constants())
}

#[test]
fn generated_patterns() -> Result<()> {
    check("patterns", patterns::patterns)
}

#[test]
fn generated_formats() -> Result<()> {
    check("formats", formats::formats)
}

#[test]
fn generated_expressions() -> Result<()> {
    check("nested", nested::nested)
}
