//! Values that Debezium sends in a form that Postgres does not read, as text that it does.

use std::fmt::Write;

use serde_json::Value;

/// The lowest `n` bits of a number whose bytes come the last one first.
pub(crate) fn bits(bytes: &[u8], n: usize) -> String {
    let is_set = |bit: usize| {
        bytes
            .get(bit / 8)
            .is_some_and(|byte| byte >> (bit % 8) & 1 == 1)
    };
    (0..n)
        .rev()
        .map(|bit| if is_set(bit) { '1' } else { '0' })
        .collect()
}

/// `(1.5,2.5)` of `{"x": 1.5, "y": 2.5, ..}`. What is no such object stays as it is, and Postgres
/// says that it is none.
pub(crate) fn point(json: &str) -> String {
    let Ok(value) = serde_json::from_str::<Value>(json) else {
        return json.to_owned();
    };
    let part = |name| match value.get(name)? {
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) => Some(text.clone()),
        _ => None,
    };
    match (part("x"), part("y")) {
        (Some(x), Some(y)) => format!("({x},{y})"),
        _ => json.to_owned(),
    }
}

/// `"a"=>"1","b"=>NULL` of `{"a": "1", "b": null}`. What is no such object stays as it is.
pub(crate) fn hstore(json: &str) -> String {
    let Ok(Value::Object(members)) = serde_json::from_str::<Value>(json) else {
        return json.to_owned();
    };
    let mut text = String::new();
    for (name, value) in &members {
        if !text.is_empty() {
            text.push(',');
        }
        quote(&mut text, name);
        text.push_str("=>");
        match value {
            Value::Null => text.push_str("NULL"),
            Value::String(value) => quote(&mut text, value),
            other => quote(&mut text, &other.to_string()),
        }
    }
    text
}

fn quote(text: &mut String, value: &str) {
    text.push('"');
    for c in value.chars() {
        if matches!(c, '"' | '\\') {
            text.push('\\');
        }
        text.push(c);
    }
    let _ = text.write_char('"');
}

/// The two places of `source.sequence`, `["lastCommitLsn","lsn"]`, either of which may be null.
pub(crate) fn sequence(text: &str) -> [Option<i64>; 2] {
    let inner = text.trim().trim_start_matches('[').trim_end_matches(']');
    let mut places = inner.split(',');
    let mut next = || places.next()?.trim().trim_matches('"').parse().ok();
    [next(), next()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_those_of_a_number_with_its_last_byte_first() {
        assert_eq!(bits(&[0x0a], 4), "1010");
        assert_eq!(bits(&[0x01, 0x0c], 12), "110000000001");
        assert_eq!(bits(&[], 3), "000");
    }

    #[test]
    fn objects_are_spelt_as_postgres_reads_them() {
        assert_eq!(
            point(r#"{"x":1.5,"y":-2.0,"wkb":"AQ==","srid":null}"#),
            "(1.5,-2.0)"
        );
        assert_eq!(point("[1]"), "[1]");
        assert_eq!(
            hstore(r#"{"a":"1","q\"\\":null}"#),
            r#""a"=>"1","q\"\\"=>NULL"#
        );
        assert_eq!(hstore("{}"), "");
    }

    #[test]
    fn a_sequence_may_lack_either_place() {
        assert_eq!(
            sequence(r#"["26956728","26956730"]"#),
            [Some(26_956_728), Some(26_956_730)]
        );
        assert_eq!(sequence(r#"[null,"26929584"]"#), [None, Some(26_929_584)]);
        assert_eq!(sequence(r#"["5",null]"#), [Some(5), None]);
        assert_eq!(sequence("odd"), [None, None]);
        assert_eq!(sequence(""), [None, None]);
    }
}
