//! Writing what a case expects into its text, and leaving the rest as its author wrote it.
//!
//! To write the whole file anew would need `serde_json`'s `preserve_order`, which changes the order
//! of keys in the whole program, and with it the hash of every stored definition.

use std::ops::Range;

use serde_json::Value;

use super::case::Expected;

/// The text of a case with `expect` as its expected answer. `text` is valid JSON, an object.
pub fn updated(text: &str, expect: &Expected) -> String {
    let written = format!("\"expect\": {}", write(expect));
    match member(text, "expect") {
        Some(span) => format!("{}{written}{}", &text[..span.start], &text[span.end..]),
        None => {
            let end = text.rfind('}').unwrap_or(text.len());
            format!("{},\n  {written}\n{}", text[..end].trim_end(), &text[end..])
        }
    }
}

/// A row a line, so that a change to a case reads as one.
fn write(expect: &Expected) -> String {
    let row = |row: &Value| format!("\n      {}", one_line(row));
    let rows: Vec<String> = expect.rows.iter().map(row).collect();
    let mut bundle = vec![format!("\"rows\": {}", list(&rows))];
    if let Some(sources) = &expect.source_rows {
        bundle.push(format!(
            "\"source_rows\": {}",
            one_line(&sources.clone().into())
        ));
    }
    if !expect.rejections.is_empty() {
        let refused = expect.rejections.iter().map(|r| {
            let members = [
                ("row", r.row.into()),
                ("code", r.code.clone().into()),
                ("message", r.message.clone().into()),
            ];
            let members =
                members.map(|(name, value): (&str, Value)| format!("\"{name}\": {value}"));
            format!("\n      {{{}}}", members.join(", "))
        });
        bundle.push(format!(
            "\"rejections\": {}",
            list(&refused.collect::<Vec<_>>())
        ));
    }
    format!("{{\n    {}\n  }}", bundle.join(",\n    "))
}

fn list(lines: &[String]) -> String {
    match lines {
        [] => "[]".to_owned(),
        lines => format!("[{}\n    ]", lines.join(",")),
    }
}

/// JSON in one line, with a space after each comma and colon.
pub fn one_line(value: &Value) -> String {
    let member = |(name, value): (&String, &Value)| {
        format!("{}: {}", Value::from(name.as_str()), one_line(value))
    };
    match value {
        Value::Object(members) => {
            let members: Vec<String> = members.iter().map(member).collect();
            format!("{{{}}}", members.join(", "))
        }
        Value::Array(values) => {
            let values: Vec<String> = values.iter().map(one_line).collect();
            format!("[{}]", values.join(", "))
        }
        other => other.to_string(),
    }
}

/// Where the outermost object of `text` has a member: from its name to the end of its value.
fn member(text: &str, name: &str) -> Option<Range<usize>> {
    let open = text.find('{')?;
    let mut at = open + 1;
    // Every member but the last is read by skipping its value: serde knows where one ends.
    loop {
        at += text[at..].len()
            - text[at..]
                .trim_start_matches([' ', '\t', '\r', '\n', ','])
                .len();
        let start = at;
        let (key, after) = value::<String>(text, at)?;
        let colon = after + text[after..].find(':')? + 1;
        let (_, end) = value::<serde::de::IgnoredAny>(text, colon)?;
        if key == name {
            return Some(start..end);
        }
        at = end;
    }
}

/// The value that begins at `at`, after white space, and where it ends.
fn value<T: serde::de::DeserializeOwned>(text: &str, at: usize) -> Option<(T, usize)> {
    let mut values = serde_json::Deserializer::from_str(&text[at..]).into_iter::<T>();
    let value = values.next()?.ok()?;
    Some((value, at + values.byte_offset()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn expect() -> Expected {
        Expected {
            rows: vec![json!({"a": "x, {y}: z", "b": null})],
            source_rows: Some(vec![1]),
            rejections: Vec::new(),
        }
    }

    const WRITTEN: &str = "\"expect\": {\n    \"rows\": [\n      {\"a\": \"x, {y}: z\", \"b\": \
                           null}\n    ],\n    \"source_rows\": [1]\n  }";

    #[test]
    fn only_the_expected_part_changes() {
        let before = "{\n  \"about\": \"has \\\"expect\\\": {\",\n  \"expect\" : {\"rows\": [1, \
                      {\"expect\": 2}]} ,\n  \"input\": [{\"z\":1,   \"a\":2}]\n}\n";
        let after = format!(
            "{{\n  \"about\": \"has \\\"expect\\\": {{\",\n  {WRITTEN} ,\n  \"input\": \
             [{{\"z\":1,   \"a\":2}}]\n}}\n"
        );
        assert_eq!(updated(before, &expect()), after);
        assert_eq!(updated(&after, &expect()), after);
    }

    #[test]
    fn a_case_without_an_expected_part_gets_one_at_its_end() {
        let after = format!("{{\"input\": [{{}}],\n  {WRITTEN}\n}}\n");
        assert_eq!(updated("{\"input\": [{}]\n}\n", &expect()), after);
    }
}
