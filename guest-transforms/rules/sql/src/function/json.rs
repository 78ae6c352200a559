//! Looks into JSON.

use super::{Function, Prepared, strict};
use crate::call::{Call, Failure};
use crate::column::Column;
use crate::json;
use crate::types::Type::{Int4, Jsonb, Text, TextArray};
use crate::value::Value;

/// A value found, as JSON.
fn found<'a>(call: &Call<'_, 'a>, find: impl Fn(&'a str, usize) -> Option<&'a str>) -> Column<'a> {
    let texts = call.texts(0);
    call.to_views(|row| Ok(find(texts[row], row)))
}

/// A value found, as text; null of JSON is null.
fn found_text<'a>(
    call: &Call<'_, 'a>,
    find: impl Fn(&'a str, usize) -> Option<&'a str>,
) -> Column<'a> {
    let texts = call.texts(0);
    call.to_texts_or_nulls(|row, buffer| {
        let found = find(texts[row], row).filter(|text| !json::is_kind(text, "null"));
        if let Some(text) = found {
            buffer.push_str(&json::unquoted(text));
        }
        Ok(found.is_some())
    })
}

/// A step is a name in an object and a place in an array; elsewhere it leads nowhere.
fn at_path<'a>(text: &'a str, path: &[Option<String>]) -> Option<&'a str> {
    path.iter().try_fold(text, |text, step| {
        let step = step.as_deref()?;
        match json::kind(text) {
            "object" => json::member(text, step),
            "array" => json::element(text, index(step)?),
            _ => None,
        }
    })
}

/// A place in an array, as `strtol` reads it.
fn index(step: &str) -> Option<i64> {
    let digits = step.trim_start_matches([' ', '\t', '\n', '\x0b', '\x0c', '\r']);
    let bare = digits.strip_prefix(['+', '-']).unwrap_or(digits);
    let is_number = !bare.is_empty() && bare.bytes().all(|byte| byte.is_ascii_digit());
    digits
        .parse::<i32>()
        .ok()
        .filter(|_| is_number)
        .map(i64::from)
}

fn path<'c>(call: &'c Call<'_, '_>) -> &'c [Option<String>] {
    match call.prepared {
        Some(Prepared::Path(path)) => path,
        _ => &[],
    }
}

fn constant_path(arguments: &[Option<&Value>]) -> Result<Option<Prepared>, (usize, String)> {
    match arguments.get(1).copied().flatten() {
        Some(Value::Path(path)) => Ok(Some(Prepared::Path(path.clone()))),
        _ => Err((
            1,
            "the path must be a constant, as in '{address,city}'".to_owned(),
        )),
    }
}

/// A literal of a path: `{a,b}`.
pub(crate) fn parse_path(text: &str) -> Result<Value, String> {
    let wrong = || format!("\"{text}\" is no path here: write names between commas, '{{a,b}}'");
    let inner = super::trim_spaces(text)
        .strip_prefix('{')
        .and_then(|t| t.strip_suffix('}'));
    let inner = inner.ok_or_else(wrong)?;
    if inner.contains(['"', '\\', '{', '}']) {
        return Err(wrong());
    }
    if inner.trim().is_empty() {
        return Ok(Value::Path(Vec::new()));
    }
    let steps = inner.split(',').map(|step| match super::trim_spaces(step) {
        "" => Err(wrong()),
        step if step.eq_ignore_ascii_case("null") => Ok(None),
        step => Ok(Some(step.to_owned())),
    });
    steps.collect::<Result<_, _>>().map(Value::Path)
}

pub(super) static FUNCTIONS: &[Function] = &[
    strict("->", &[Jsonb, Text], Jsonb, |call| {
        let names = call.texts(1);
        found(call, |text, row| json::member(text, names[row]))
    })
    .nullable(),
    strict("->", &[Jsonb, Int4], Jsonb, |call| {
        let indexes = call.ints(1);
        found(call, |text, row| json::element(text, indexes[row]))
    })
    .nullable(),
    strict("->>", &[Jsonb, Text], Text, |call| {
        let names = call.texts(1);
        found_text(call, |text, row| json::member(text, names[row]))
    })
    .nullable(),
    strict("->>", &[Jsonb, Int4], Text, |call| {
        let indexes = call.ints(1);
        found_text(call, |text, row| json::element(text, indexes[row]))
    })
    .nullable(),
    strict("#>", &[Jsonb, TextArray], Jsonb, |call| {
        found(call, |text, _| at_path(text, path(call)))
    })
    .with(constant_path)
    .nullable(),
    strict("#>>", &[Jsonb, TextArray], Text, |call| {
        found_text(call, |text, _| at_path(text, path(call)))
    })
    .with(constant_path)
    .nullable(),
    strict("jsonb_typeof", &[Jsonb], Text, |call| {
        let texts = call.texts(0);
        call.to_views(|row| Ok(Some(json::kind(texts[row]))))
    }),
    strict("jsonb_array_length", &[Jsonb], Int4, |call| {
        let texts = call.texts(0);
        call.to_ints(|row| json::length(texts[row]).map(Some).map_err(Failure::Owned))
    }),
];
