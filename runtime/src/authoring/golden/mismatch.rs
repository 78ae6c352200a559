//! What a case expects and the rule does not answer.

use serde::Serialize;
use serde_json::{Map, Value};

use super::answered::Answered;
use super::case::Expected;

/// One thing that is not as expected, for a line of a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mismatch {
    /// The input row, from 0; `None` where it is the order of the whole answer.
    pub row: Option<usize>,
    /// The column, or what else differs, in brackets.
    pub column: String,
    pub expected: String,
    pub got: String,
}

/// What became of one input row.
#[derive(Default)]
struct Fate<'a> {
    rows: Vec<&'a Value>,
    rejections: Vec<String>,
}

/// What differs, by input row and column. `expected` has been checked against the input.
pub fn mismatches(expected: &Expected, answered: &Answered, input_rows: usize) -> Vec<Mismatch> {
    let mut mismatches = Vec::new();
    let (wanted, got) = (
        fates(expected, input_rows),
        fates(&answered.answer, input_rows),
    );
    for (row, (wanted, got)) in wanted.iter().zip(&got).enumerate() {
        let mut differ = |column: &str, expected: String, got: String| {
            mismatches.push(Mismatch {
                row: Some(row),
                column: column.to_owned(),
                expected,
                got,
            });
        };
        if let Some(failure) = answered.failures.iter().find(|f| f.row == row) {
            differ(
                "(whole row)",
                wanted.to_string(),
                format!("fails: {}", failure.fault),
            );
        } else if wanted.rejections != got.rejections || wanted.rows.len() != got.rows.len() {
            differ("(whole row)", wanted.to_string(), got.to_string());
        } else {
            for (wanted, got) in wanted.rows.iter().zip(&got.rows) {
                for (column, wanted, got) in cells(wanted, got) {
                    differ(column, shown(wanted), shown(got));
                }
            }
        }
    }
    let (wanted, got) = (expected.source_rows(), answered.answer.source_rows());
    if mismatches.is_empty() && wanted != got {
        mismatches.push(Mismatch {
            row: None,
            column: "(source_rows)".to_owned(),
            expected: format!("{wanted:?}"),
            got: format!("{got:?}"),
        });
    }
    mismatches
}

fn fates(answer: &Expected, input_rows: usize) -> Vec<Fate<'_>> {
    let mut fates: Vec<Fate> = (0..input_rows).map(|_| Fate::default()).collect();
    for (row, source) in answer.rows.iter().zip(answer.source_rows()) {
        fates[source as usize].rows.push(row);
    }
    for rejected in &answer.rejections {
        let said = format!("rejected as {}: {}", rejected.code, rejected.message);
        fates[rejected.row as usize].rejections.push(said);
    }
    fates
}

/// The columns in which two rows differ.
fn cells<'a>(
    wanted: &'a Value,
    got: &'a Value,
) -> Vec<(&'a str, Option<&'a Value>, Option<&'a Value>)> {
    let none = Map::new();
    let columns = |row: &'a Value| row.as_object().into_iter().flat_map(Map::keys);
    let only_wanted =
        columns(wanted).filter(|c| !got.as_object().unwrap_or(&none).contains_key(*c));
    let all: Vec<&String> = columns(got).chain(only_wanted).collect();
    all.into_iter()
        .map(|column| (column.as_str(), wanted.get(column), got.get(column)))
        .filter(|(_, wanted, got)| !same(*wanted, *got))
        .collect()
}

/// 30 and 30.0 are one number to people.
fn same(a: Option<&Value>, b: Option<&Value>) -> bool {
    match (a, b) {
        (Some(Value::Number(a)), Some(Value::Number(b))) if a.is_f64() != b.is_f64() => {
            a.as_f64() == b.as_f64()
        }
        _ => a == b,
    }
}

fn shown(value: Option<&Value>) -> String {
    value.map_or_else(|| "absent".to_owned(), Value::to_string)
}

impl std::fmt::Display for Fate<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let rows = self.rows.iter().map(ToString::to_string);
        let all: Vec<String> = rows.chain(self.rejections.iter().cloned()).collect();
        f.write_str(if all.is_empty() { "no row" } else { "" })?;
        f.write_str(&all.join(" and "))
    }
}
