//! How a target differs from its source.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::design::{Table, quoted};
use super::fold::{Key, Unknown, fold};
use super::stream::{Rows, Stream};
use crate::postgres::Postgres;

/// Differences that a failure prints: enough to see the pattern.
const SHOWN_MAX: usize = 12;
/// Characters of a cell that a failure prints.
const CELL_MAX: usize = 120;

/// A row of the target.
#[derive(Deserialize)]
struct Row {
    /// The key as the records have it.
    key: Key,
    cells: Vec<Option<String>>,
    /// Columns that gristmill says nobody knows.
    unknown: Option<BTreeSet<String>>,
}

/// An error unless the table `target` in `database` holds the rows of the stream's source, each
/// cell equal but those that nobody can know, and gristmill says of just these that it does not
/// know them. Its columns are the source's, under names of their own. `where_there` is true of rows
/// that are not deleted.
///
/// A cell that no record since the row came to be had may be known all the same: the row before a
/// change of its key had it. Then it must be right.
pub fn compare(
    postgres: &Postgres,
    database: &str,
    stream: &Stream,
    target: &Table,
    where_there: &str,
) -> Result<()> {
    let found = rows(postgres, database, target, where_there)?;
    let unknown = fold(stream)?;
    let tables = (&stream.head.table, target);
    let differences = differences(tables, &stream.rows, &found, &unknown);
    if differences.is_empty() {
        return Ok(());
    }
    let mut report = format!("{} differences to the source:\n", differences.len());
    for difference in differences.iter().take(SHOWN_MAX) {
        writeln!(report, "  {difference}")?;
    }
    bail!(report)
}

fn differences(
    tables: (&Table, &Table),
    source: &Rows,
    found: &[Row],
    unknown: &Unknown,
) -> Vec<String> {
    let (table, _) = tables;
    let by_key: BTreeMap<_, _> = found.iter().map(|r| (&r.cells[..table.key], r)).collect();
    let mut differences = Vec::new();
    for cells in source {
        let key = &cells[..table.key];
        match by_key.get(key) {
            None => differences.push(format!("row {} is missing", shown_key(key))),
            Some(row) => {
                let nothing = BTreeSet::new();
                let unknown = unknown.get(&row.key).unwrap_or(&nothing);
                let cells = cells.iter().enumerate();
                let differ = |(at, cell)| differs(tables, at, cell, row, unknown);
                differences.extend(cells.filter_map(differ));
            }
        }
    }
    let wanted: BTreeSet<_> = source.iter().map(|cells| &cells[..table.key]).collect();
    let further = by_key.keys().filter(|key| !wanted.contains(*key));
    differences.extend(further.map(|key| format!("row {} should not be", shown_key(key))));
    differences
}

fn differs(
    (table, target): (&Table, &Table),
    at: usize,
    source: &Option<String>,
    row: &Row,
    unknown: &BTreeSet<String>,
) -> Option<String> {
    let column = &table.columns[at];
    let found = &row.cells[at];
    let is_said_unknown = row
        .unknown
        .as_ref()
        .is_some_and(|names| names.contains(&target.columns[at].name));
    let what = match (unknown.contains(&column.name), is_said_unknown) {
        (true, true) => return None,
        (false, true) => "is said to be unknown".to_owned(),
        _ if found == source => return None,
        _ => format!("is {}", shown(found)),
    };
    let key = shown_key(&row.cells[..table.key]);
    Some(format!(
        "row {key}: {} ({}) {what}, the source has {}",
        column.name,
        column.kind,
        shown(source)
    ))
}

fn rows(postgres: &Postgres, database: &str, table: &Table, where_there: &str) -> Result<Vec<Row>> {
    let select = format!(
        "select json_build_object('key', {}, 'cells', {},
            'unknown', gristmill.absent_columns('{name}', _gm_absent))
        from {name} where {where_there}",
        in_records(table),
        table.texts(),
        name = table.name
    );
    let lines = postgres.psql(database, &select)?;
    let row = |line: &str| serde_json::from_str(line).with_context(|| line.to_owned());
    lines.lines().map(row).collect()
}

/// An expression of SQL: the key's values as the records have them.
fn in_records(table: &Table) -> String {
    let columns = table.columns[..table.key].iter().map(|column| {
        let name = quoted(&column.name);
        match column.kind.as_str() {
            "date" => format!("({name} - date '1970-01-01')::text"),
            "timestamp" => format!("(extract(epoch from {name}) * 1000000)::bigint::text"),
            "timestamptz" => {
                format!("to_char({name} at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')")
            }
            _ => format!("{name}::text"),
        }
    });
    format!("array[{}]", columns.collect::<Vec<_>>().join(", "))
}

fn shown_key(key: &[Option<String>]) -> String {
    key.iter().map(shown).collect::<Vec<_>>().join(", ")
}

fn shown(cell: &Option<String>) -> String {
    let Some(text) = cell else {
        return "null".to_owned();
    };
    let start: String = text.chars().take(CELL_MAX).collect();
    match start.len() < text.len() {
        true => format!("{start:?} and so on"),
        false => format!("{start:?}"),
    }
}
