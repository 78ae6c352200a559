//! Files of change events, a JSON array or one event a line, and what makes an event usable.

use serde_json::Value;

/// One event of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Where it begins, from 1.
    pub line: usize,
    /// The bytes as they stand in the file.
    pub text: &'a str,
}

/// Cuts a file into its events. An array's elements may span lines; without an array every line
/// that is not blank is one. What an event is made of is left to [`check`]: a malformed one ends
/// where its array or line ends.
pub fn entries(text: &str) -> Vec<Entry<'_>> {
    let body = text.trim_start_matches('\u{feff}').trim();
    match body.strip_prefix('[') {
        Some(inner) => elements(text, inner.strip_suffix(']').unwrap_or(inner)),
        None => text
            .lines()
            .enumerate()
            .map(|(i, line)| (i + 1, line.trim_start_matches('\u{feff}').trim()))
            .filter(|(_, line)| !line.is_empty())
            .map(|(line, text)| Entry { line, text })
            .collect(),
    }
}

/// The elements of `inner`, a part of `text`: parted by the commas that stand in no string, object
/// or list.
fn elements<'a>(text: &'a str, inner: &'a str) -> Vec<Entry<'a>> {
    let mut commas = Vec::new();
    let (mut depth, mut in_string, mut escaped) = (0i32, false, false);
    for (i, byte) in inner.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            b',' if depth == 0 => commas.push(i),
            _ => {}
        }
    }
    let mut entries = Vec::new();
    let (mut start, mut line, mut counted) = (0, 1, 0);
    let base = inner.as_ptr().addr() - text.as_ptr().addr();
    for end in commas.into_iter().chain([inner.len()]) {
        let element = &inner[start..end];
        let at = base + start + (element.len() - element.trim_start().len());
        line += text[counted..at].matches('\n').count();
        counted = at;
        start = end + 1;
        if !element.trim().is_empty() {
            let text = element.trim();
            entries.push(Entry { line, text });
        }
    }
    entries
}

/// Checks an event and returns its key, the user id; the error is a sentence without a place.
pub fn check(event: &[u8]) -> Result<i64, String> {
    let event: Value = serde_json::from_slice(event).map_err(|e| format!("no valid JSON: {e}"))?;
    if !event.is_object() {
        return Err("an event is a JSON object".to_owned());
    }
    let op = match &event["op"] {
        Value::String(op) if ["c", "u", "d"].contains(&op.as_str()) => op,
        Value::Null => return Err("`op` is missing: \"c\", \"u\" or \"d\"".to_owned()),
        other => return Err(format!("`op` is {other}: it is \"c\", \"u\" or \"d\"")),
    };
    let image = if op == "d" { "before" } else { "after" };
    for other in ["before", "after"] {
        if !event[other].is_null() {
            check_row(other, &event[other])?;
        }
    }
    let row = &event[image];
    if row.is_null() {
        return Err(format!(
            "`{image}` is missing: an event with op {op} has its row there"
        ));
    }
    let user_id = match &row["user_id"] {
        Value::Null => return Err(format!("`{image}.user_id` is missing: it is the key")),
        id => id
            .as_i64()
            .ok_or_else(|| format!("`{image}.user_id` is {id}: it is an integer"))?,
    };
    match &event["timestamp_ms"] {
        Value::Null => Err("`timestamp_ms` is missing: the event time in milliseconds".to_owned()),
        time if time.as_i64().is_some() => Ok(user_id),
        time => Err(format!(
            "`timestamp_ms` is {time}: it is an integer, milliseconds since 1970"
        )),
    }
}

fn check_row(image: &str, row: &Value) -> Result<(), String> {
    if !row.is_object() {
        return Err(format!("`{image}` is {row}: a row is a JSON object"));
    }
    for column in ["name", "email", "country_code"] {
        match &row[column] {
            Value::Null => {}
            Value::String(text) if text.contains('\0') => {
                return Err(format!(
                    "`{image}.{column}` holds a zero byte, which Postgres cannot store"
                ));
            }
            Value::String(_) => {}
            other => return Err(format!("`{image}.{column}` is {other}: it is text")),
        }
    }
    Ok(())
}

/// The key of an event that is sent unchecked, as far as it has one.
pub fn key(event: &[u8]) -> Option<i64> {
    let event: Value = serde_json::from_slice(event).ok()?;
    let id = |image: &str| event.get(image)?.get("user_id")?.as_i64();
    id("after").or_else(|| id("before"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str) -> Vec<(usize, &str)> {
        entries(text).iter().map(|e| (e.line, e.text)).collect()
    }

    #[test]
    fn arrays_and_lines_are_cut_with_their_line_numbers() {
        assert_eq!(cut("[]"), []);
        assert_eq!(cut(" \n"), []);
        assert_eq!(
            cut("[\n  {\"a\": [1, 2]},\n\n  {\n\"b\": \",]\\\",{\"}\n, 3]\n"),
            [
                (2, "{\"a\": [1, 2]}"),
                (4, "{\n\"b\": \",]\\\",{\"}"),
                (6, "3")
            ]
        );
        assert_eq!(
            cut("\u{feff}{\"a\":1}\n\n  x \n"),
            [(1, "{\"a\":1}"), (3, "x")]
        );
        // An array that is not closed: its last element says what is wrong.
        assert_eq!(cut("[1,\n{"), [(1, "1"), (2, "{")]);
    }

    #[test]
    fn each_thing_that_makes_an_event_unusable_is_named() {
        let row = r#"{"user_id":1,"name":"n","email":"e","country_code":"US"}"#;
        let good = format!(r#"{{"op":"c","before":null,"after":{row},"timestamp_ms":1}}"#);
        assert_eq!(check(good.as_bytes()), Ok(1));
        let delete = format!(r#"{{"op":"d","before":{row},"timestamp_ms":1}}"#);
        assert_eq!(check(delete.as_bytes()), Ok(1));
        for (from, to, named) in [
            ("\"op\":\"c\"", "\"op\":\"x\"", "`op` is \"x\""),
            ("\"op\":\"c\",", "", "`op` is missing"),
            ("\"op\":\"c\"", "\"op\":\"d\"", "`before` is missing"),
            ("\"user_id\":1,", "", "`after.user_id` is missing"),
            ("\"user_id\":1", "\"user_id\":1.5", "`after.user_id` is 1.5"),
            (",\"timestamp_ms\":1", "", "`timestamp_ms` is missing"),
            ("_ms\":1", "_ms\":\"1\"", "`timestamp_ms` is \"1\""),
            ("\"name\":\"n\"", "\"name\":3", "`after.name` is 3"),
            (
                "\"name\":\"n\"",
                "\"name\":\"\\u0000\"",
                "`after.name` holds a zero byte",
            ),
            ("\"before\":null", "\"before\":[]", "`before` is []"),
            ("}", "", "no valid JSON"),
        ] {
            let bad = good.replacen(from, to, 1);
            let error = check(bad.as_bytes()).unwrap_err();
            assert!(error.contains(named), "{bad}: {error}");
        }
    }
}
