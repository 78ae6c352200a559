//! What a column's type may be, by its values.

use std::ops::Range;

use serde_json::Value;

use super::json_node::JsonNode;
use super::source_table::SourceColumn;

/// 2001 and 2096 in microseconds since the Unix epoch: numbers between them are more often times
/// than anything else.
const LIKE_MICROSECONDS: Range<i64> = 1_000_000_000_000_000..4_000_000_000_000_000;
/// The same in milliseconds.
const LIKE_MILLISECONDS: Range<i64> = 1_000_000_000_000..4_000_000_000_000;
/// Below 1983 as a date, and seldom a time: not worth a word.
const LIKE_COUNTS: Range<i64> = -5_000..5_000;

/// What Debezium writes in the place of bytes that were not sent, and of nothing else.
const NOT_SENT_BYTES: &str = "X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ==";

/// The column called `name` that had these values, of which none is null.
pub(super) fn column(name: &str, values: &[&JsonNode]) -> SourceColumn {
    let is = |test: &dyn Fn(&JsonNode) -> bool| values.iter().all(|value| test(value));
    let guessed = |of: &str, note: &str| SourceColumn::certain(name, of).with_note(note);
    if values.is_empty() {
        return guessed("text", "every value was null: a guess");
    }
    if is(&|v| matches!(v, JsonNode::Boolean(_))) {
        return SourceColumn::certain(name, "boolean");
    }
    if is(&is_number) {
        return numbers(name, values);
    }
    if is(&|v| v.get("scale").is_some() && v.get("value").is_some()) {
        return SourceColumn::certain(name, "numeric");
    }
    if is(&|v| v.get("x").is_some() && v.get("y").is_some()) {
        return SourceColumn::certain(name, "point");
    }
    if is(&|v| v.items().is_some()) {
        return array(name, values);
    }
    if is(&|v| v.text().is_some()) {
        return texts(name, values);
    }
    guessed("jsonb", "values of several kinds: a guess")
}

/// Numbers, and the texts that stand for what JSON has no number for.
fn is_number(value: &JsonNode) -> bool {
    let is_special = |text| matches!(text, "NaN" | "Infinity" | "-Infinity");
    matches!(value, JsonNode::Number(_)) || value.text().is_some_and(is_special)
}

fn numbers(name: &str, values: &[&JsonNode]) -> SourceColumn {
    let whole = values.iter().map(|value| match value {
        JsonNode::Number(number) => number.as_i64(),
        _ => None,
    });
    let Some(numbers) = whole.collect::<Option<Vec<i64>>>() else {
        return SourceColumn::certain(name, "double precision");
    };
    let all_in = |range: &Range<i64>| numbers.iter().all(|n| range.contains(n));
    if all_in(&LIKE_MICROSECONDS) {
        return SourceColumn::certain(name, "timestamp")
            .with_note("a guess: numbers like microseconds; may be bigint");
    }
    if all_in(&LIKE_MILLISECONDS) {
        return SourceColumn::certain(name, "timestamp(3)")
            .with_note("a guess: numbers like milliseconds; may be bigint");
    }
    let column = SourceColumn::certain(name, "bigint");
    match numbers.iter().all(|n| LIKE_COUNTS.contains(n)) {
        true => column,
        false => column.with_note("a guess: may be a date, a time or an interval as a number"),
    }
}

fn array(name: &str, values: &[&JsonNode]) -> SourceColumn {
    let items: Vec<&JsonNode> = values
        .iter()
        .filter_map(|value| value.items())
        .flatten()
        .filter(|item| **item != JsonNode::Null)
        .collect();
    let of = column(name, &items);
    let type_name = format!("{}[]", of.type_name.trim_end_matches("[]"));
    SourceColumn::certain(name, type_name).with_note("a guess, by the items")
}

fn texts(name: &str, values: &[&JsonNode]) -> SourceColumn {
    let is = |test: &dyn Fn(&str) -> bool| values.iter().filter_map(|v| v.text()).all(test);
    let guessed = |of: &str| SourceColumn::certain(name, of).with_note("a guess, by the values");
    if is(&is_instant) {
        return guessed("timestamptz");
    }
    if is(&is_uuid) {
        return guessed("uuid");
    }
    if is(&is_document) {
        return guessed("jsonb");
    }
    if is(&is_decimal) {
        return guessed("numeric");
    }
    if values
        .iter()
        .any(|value| value.text() == Some(NOT_SENT_BYTES))
    {
        return SourceColumn::certain(name, "bytea");
    }
    if is(&is_base64) {
        return SourceColumn::certain(name, "text").with_note(
            "a guess: may be bytea, or numeric(p,s) with json_decimals = \"base64\" under [source]",
        );
    }
    SourceColumn::certain(name, "text")
}

fn is_instant(text: &str) -> bool {
    if matches!(text, "infinity" | "-infinity") {
        return true;
    }
    // Years before 1 have a sign, which a timestamp that is read here has not.
    let text = text.strip_prefix('-').unwrap_or(text);
    let behind_seconds = text.get(19..).unwrap_or_default();
    behind_seconds.contains(['Z', '+', '-']) && text.parse::<jiff::Timestamp>().is_ok()
}

fn is_uuid(text: &str) -> bool {
    let is_hyphen = |at: usize| matches!(at, 8 | 13 | 18 | 23);
    let fits = |(at, byte): (usize, u8)| match is_hyphen(at) {
        true => byte == b'-',
        false => byte.is_ascii_hexdigit(),
    };
    text.len() == 36 && text.bytes().enumerate().all(fits)
}

fn is_document(text: &str) -> bool {
    text.starts_with(['{', '[']) && serde_json::from_str::<Value>(text).is_ok()
}

fn is_decimal(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    is_number(whole) && is_number(fraction)
}

/// Words are seldom so: a length of fours, with padding, a digit among the letters, or a sign.
fn is_base64(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    let is_odd = body.len() < text.len() || body.contains(|c: char| c.is_ascii_digit());
    !text.is_empty() && text.len().is_multiple_of(4) && is_odd && body.bytes().all(is_letter)
}
