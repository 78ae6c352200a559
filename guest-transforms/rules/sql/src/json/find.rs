//! What stands in a document in normal form.

use std::borrow::Cow;

use crate::numeric::Numeric;

/// The end of the value that begins at the start of `text`.
fn value_end(text: &str) -> usize {
    let bytes = text.as_bytes();
    match bytes.first() {
        Some(b'"') => string_end(text),
        Some(b'{' | b'[') => {
            let (mut depth, mut at) = (0_usize, 0);
            while let Some(byte) = bytes.get(at) {
                match byte {
                    b'"' => {
                        at += string_end(&text[at..]);
                        continue;
                    }
                    b'{' | b'[' => depth += 1,
                    b'}' | b']' => {
                        depth -= 1;
                        if depth == 0 {
                            return at + 1;
                        }
                    }
                    _ => {}
                }
                at += 1;
            }
            text.len()
        }
        _ => text.find([',', '}', ']']).unwrap_or(text.len()),
    }
}

fn string_end(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut at = 1;
    loop {
        match memchr::memchr2(b'"', b'\\', &bytes[at.min(bytes.len())..]) {
            Some(more) if bytes[at + more] == b'\\' => at += more + 2,
            Some(more) => return at + more + 1,
            None => return text.len(),
        }
    }
}

/// The value of the member `name` of an object.
pub(crate) fn member<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let mut rest = text.strip_prefix('{')?;
    while rest.starts_with('"') {
        let end = string_end(rest);
        let value = rest[end..].strip_prefix(": ")?;
        let value_end = value_end(value);
        if *unquoted(&rest[..end]) == *name {
            return Some(&value[..value_end]);
        }
        rest = value[value_end..].strip_prefix(", ").unwrap_or("");
    }
    None
}

fn elements(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text
        .strip_prefix('[')
        .filter(|rest| !rest.starts_with(']'))
        .unwrap_or("");
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (value, more) = rest.split_at(value_end(rest));
        rest = more.strip_prefix(", ").unwrap_or("");
        Some(value)
    })
}

/// The element at `index` of an array, from the end where it is negative. What is neither object
/// nor array counts as an array of itself.
pub(crate) fn element(text: &str, index: i64) -> Option<&str> {
    if !matches!(text.as_bytes().first(), Some(b'{' | b'[')) {
        return matches!(index, 0 | -1).then_some(text);
    }
    match usize::try_from(index) {
        Ok(index) => elements(text).nth(index),
        Err(_) => {
            let all: Vec<&str> = elements(text).collect();
            let from_end = usize::try_from(index.unsigned_abs()).ok()?;
            all.get(all.len().checked_sub(from_end)?).copied()
        }
    }
}

/// How many elements an array has.
pub(crate) fn length(text: &str) -> Result<i64, String> {
    match text.as_bytes().first() {
        Some(b'[') => Ok(elements(text).count() as i64),
        Some(b'{') => Err("cannot get array length of a non-array".to_owned()),
        _ => Err("cannot get array length of a scalar".to_owned()),
    }
}

/// A string without its quotes; any other value as it is.
pub(crate) fn unquoted(text: &str) -> Cow<'_, str> {
    let Some(inner) = text.strip_prefix('"') else {
        return text.into();
    };
    let inner = &inner[..inner.len() - 1];
    if !inner.contains('\\') {
        return inner.into();
    }
    let mut found = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            found.push(c);
            continue;
        }
        match chars.next() {
            Some('b') => found.push('\x08'),
            Some('f') => found.push('\x0c'),
            Some('n') => found.push('\n'),
            Some('r') => found.push('\r'),
            Some('t') => found.push('\t'),
            Some('u') => {
                let code = chars
                    .by_ref()
                    .take(4)
                    .fold(0, |code, digit| code * 16 + digit.to_digit(16).unwrap_or(0));
                found.extend(char::from_u32(code));
            }
            other => found.extend(other),
        }
    }
    found.into()
}

/// What kind of value it is, as `jsonb_typeof` has it.
pub(crate) fn kind(text: &str) -> &'static str {
    match text.as_bytes().first() {
        Some(b'{') => "object",
        Some(b'[') => "array",
        Some(b'"') => "string",
        Some(b't' | b'f') => "boolean",
        Some(b'n') => "null",
        _ => "number",
    }
}

/// Whether it is null.
pub(crate) fn is_kind(text: &str, wanted: &str) -> bool {
    kind(text) == wanted
}

/// The words that PostgreSQL has for what cannot be cast. A null is null from version 18 on, and an
/// error before.
fn cannot(text: &str, type_name: &str) -> String {
    let kind = match kind(text) {
        "null" => {
            return format!(
                "the null of JSON is not cast to type {type_name} here: take `->>`, which gives \
                 null for it"
            );
        }
        kind @ ("array" | "object") => {
            return format!("cannot cast jsonb {kind} to type {type_name}");
        }
        kind => kind,
    };
    let kind = if kind == "number" { "numeric" } else { kind };
    format!("cannot cast jsonb {kind} to type {type_name}")
}

pub(crate) fn number(text: &str, type_name: &str) -> Result<Numeric, String> {
    match kind(text) {
        "number" => Numeric::parse(text),
        _ => Err(cannot(text, type_name)),
    }
}

pub(crate) fn truth(text: &str) -> Result<bool, String> {
    match text {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(cannot(text, "boolean")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_and_elements_are_found() {
        let text = r#"{"a": [1, {"b": "x, }\""}], "": null, "bb": {}}"#;
        assert_eq!(member(text, "bb"), Some("{}"));
        assert_eq!(member(text, ""), Some("null"));
        assert_eq!(member(text, "c"), None);
        let list = member(text, "a").unwrap();
        assert_eq!(element(list, -1), Some(r#"{"b": "x, }\""}"#));
        assert_eq!((element(list, 0), element(list, 2)), (Some("1"), None));
        assert_eq!(
            unquoted(member(element(list, 1).unwrap(), "b").unwrap()),
            "x, }\""
        );
    }
}
