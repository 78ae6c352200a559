//! What is of the wrong type, in words that do not need Rust.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A deserializer's sentence about the value at a place of the file: which type is right, and what
/// stands there, which is left out where it came from the environment (`variable`). Other
/// sentences stay as they are.
pub(super) fn told(message: &str, value: Option<&DeValue<'_>>, variable: Option<&str>) -> String {
    // What toml says of a value that is one of a few words.
    let message = match message {
        "wanted string or table" => "invalid type: expected one, expected string",
        message => message,
    };
    let is_about_type = message.starts_with("invalid type") || message.starts_with("invalid value");
    let expected = message.rsplit_once(", expected ").map(|(_, e)| e);
    let Some(expected) = expected.filter(|_| is_about_type) else {
        return message.to_owned();
    };
    let expected = match expected {
        "usize" | "u64" | "u32" | "u8" => "a whole number from 0 on",
        "i64" | "i32" => "a whole number",
        "f64" => "a number",
        "a string" | "string" => "text in quotation marks",
        "a boolean" => "true or false",
        "a sequence" => "an array",
        other if other.starts_with("struct") || other == "a map" => "a table",
        other => other,
    };
    let found = match (value, variable) {
        (_, Some(variable)) => format!("what {variable} holds"),
        (Some(DeValue::String(text)), _) => format!("the text {text:?}"),
        (Some(DeValue::Integer(number)), _) => format!("the number {number}"),
        (Some(DeValue::Float(number)), _) => format!("the number {number}"),
        (Some(DeValue::Boolean(value)), _) => value.to_string(),
        (Some(DeValue::Datetime(time)), _) => format!("the time {time}"),
        (Some(DeValue::Array(_)), _) => "an array".to_owned(),
        (Some(DeValue::Table(_)), _) => "a table".to_owned(),
        (None, _) => return format!("expected {expected}"),
    };
    format!("expected {expected}, found {found}")
}

/// The value at `span`.
pub(super) fn value_at<'t, 'a>(
    table: &'t DeTable<'a>,
    span: &Range<usize>,
) -> Option<&'t DeValue<'a>> {
    fn within<'t, 'a>(
        value: &'t Spanned<DeValue<'a>>,
        span: &Range<usize>,
    ) -> Option<&'t DeValue<'a>> {
        let below = match value.get_ref() {
            DeValue::Table(table) => value_at(table, span),
            DeValue::Array(items) => items.iter().find_map(|item| within(item, span)),
            _ => None,
        };
        below.or_else(|| (value.span() == *span).then_some(value.get_ref()))
    }
    table.iter().find_map(|(_, value)| within(value, span))
}

/// Takes librdkafka's properties out that are no text, and tells each: `security.protocol` without
/// quotation marks is a table `security`.
pub(super) fn take_unquoted_properties(
    root: &mut DeTable<'_>,
    problem: &mut impl FnMut(Range<usize>, String),
) {
    let source = root.get_mut("source").map(Spanned::get_mut);
    let Some(DeValue::Table(source)) = source else {
        return;
    };
    let Some(DeValue::Table(properties)) = source.get_mut("properties").map(Spanned::get_mut)
    else {
        return;
    };
    let mut wrong = Vec::new();
    for (key, value) in properties.iter() {
        let key = key.get_ref().as_ref();
        let message = match value.get_ref() {
            DeValue::String(_) => continue,
            DeValue::Table(table) => {
                let name = format!("{key}{}", rest_of_name(table));
                format!("a name with dots needs quotation marks: write `\"{name}\" = ..`")
            }
            _ => format!("a property's value is text: write `\"{key}\" = \"..\"`"),
        };
        wrong.push((key.to_owned(), value.span(), message));
    }
    for (key, span, message) in wrong {
        properties.remove(key.as_str());
        problem(span, message);
    }
}

/// The first name below a table, as it follows what led there.
fn rest_of_name(table: &DeTable<'_>) -> String {
    let Some((key, value)) = table.iter().next() else {
        return String::new();
    };
    let rest = match value.get_ref() {
        DeValue::Table(below) => rest_of_name(below),
        _ => String::new(),
    };
    format!(".{}{rest}", key.get_ref())
}
