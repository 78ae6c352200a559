//! A difference between two rules as tables for a terminal.

use serde_json::{Map, Value};

use super::table;
use crate::fleet::difference::{Difference, Example, RowChange};

/// A value longer than this is cut: a line of the table stays a line.
const SHOWN_MAX: usize = 40;

/// The lines of a difference, without the line break at the end. `before` and `after` head the
/// columns of values, for instance `table has` and `rule gives`.
pub(super) fn text(difference: &Difference, before: &str, after: &str) -> String {
    let mut parts = vec![counts(difference)];
    if !difference.columns.is_empty() {
        let mut columns = table::borderless();
        columns.add_row(["column", "rows that differ"]);
        for (name, rows) in &difference.columns {
            columns.add_row([name.clone(), rows.to_string()]);
        }
        parts.push(table::text(columns));
    }
    if !difference.dead_letters.is_empty() {
        let mut letters = table::borderless();
        letters.add_row(["dead letters", "more", "fewer", "for example"]);
        for (code, change) in &difference.dead_letters {
            let (come, go) = (change.come.to_string(), change.go.to_string());
            let example = change.example.clone().unwrap_or_default();
            letters.add_row([code.clone(), come, go, example]);
        }
        parts.push(table::text(letters));
    }
    if !difference.examples.is_empty() {
        parts.push(examples(&difference.examples, before, after));
    }
    parts.join("\n\n")
}

fn counts(difference: &Difference) -> String {
    let mut rows = table::borderless();
    let counts = [
        (difference.compared, "rows compared"),
        (difference.differ, "of them differ"),
        (difference.come, "rows more"),
        (difference.go, "rows fewer"),
        (
            difference.replaced,
            "since replaced: a newer event made the row, so it is not compared",
        ),
    ];
    for (i, (count, what)) in counts.into_iter().enumerate() {
        // The first two are the answer; the others are news only when there are some.
        if i < 2 || count > 0 {
            rows.add_row([count.to_string(), what.to_owned()]);
        }
    }
    table::text(rows)
}

fn examples(examples: &[Example], before: &str, after: &str) -> String {
    let mut lines = table::borderless();
    lines.add_row(["row", "column", before, after]);
    for Example { key, change } in examples {
        let (column, was, is) = match change {
            RowChange::Comes => ("", "no row".to_owned(), "a row".to_owned()),
            RowChange::Goes => ("", "a row".to_owned(), "no row".to_owned()),
            RowChange::Column {
                name,
                before,
                after,
            } => (name.as_str(), value(before), value(after)),
        };
        lines.add_row([&row(key), column, &was, &is]);
    }
    table::text(lines)
}

fn row(key: &Map<String, Value>) -> String {
    let parts = key.iter().map(|(name, v)| format!("{name}={}", value(v)));
    parts.collect::<Vec<_>>().join(" ")
}

fn value(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(SHOWN_MAX) {
        Some((end, _)) => format!("{}..", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn it_reads_as_tables() {
        let mut difference = Difference::default();
        let key = |id: i64| Map::from_iter([("user_id".to_owned(), json!(id))]);
        difference.compare(&key(1), vec![("age".to_owned(), json!(36), json!(37))]);
        difference.compare(&key(2), Vec::new());
        let long = json!("x".repeat(100));
        difference.compare(&key(3), vec![("name".to_owned(), Value::Null, long)]);
        difference.goes(&key(4));
        difference.letter_comes("unborn", 17, "so young");
        let cut = format!("\"{}..", "x".repeat(39));
        let expected = format!(
            "3  rows compared\n2  of them differ\n1  rows fewer\n\n\
             column  rows that differ\nage     1\nname    1\n\n\
             dead letters  more  fewer  for example\n\
             unborn        1     0      offset 17: so young\n\n\
             row        column  table has  rule gives\nuser_id=1  age     36         37\n\
             user_id=3  name    null       {cut}\nuser_id=4          a row      no row"
        );
        assert_eq!(text(&difference, "table has", "rule gives"), expected);
        let same = text(&Difference::default(), "", "");
        assert_eq!(same, "0  rows compared\n0  of them differ");
    }
}
