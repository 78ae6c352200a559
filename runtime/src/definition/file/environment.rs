//! Environment variables in a pipeline file: `${NAME}` and `${NAME:-default}` in any string, and
//! the numbers and booleans that come out of them.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Replaces `${NAME}` and `${NAME:-default}` in every string below `table`; each with its span goes
/// to `filled`.
pub(super) fn fill_table(
    table: &mut DeTable<'_>,
    variable: &impl Fn(&str) -> Option<String>,
    filled: &mut Vec<(Range<usize>, String)>,
    problem: &mut impl FnMut(Range<usize>, String),
) {
    for (_, value) in table.iter_mut() {
        fill(value, variable, filled, problem);
    }
}

fn fill(
    value: &mut Spanned<DeValue<'_>>,
    variable: &impl Fn(&str) -> Option<String>,
    filled: &mut Vec<(Range<usize>, String)>,
    problem: &mut impl FnMut(Range<usize>, String),
) {
    let span = value.span();
    match value.get_mut() {
        DeValue::String(text) if text.contains("${") => match substitute(text, variable) {
            Ok(new) => {
                *text = new.clone().into();
                filled.push((span, new));
            }
            Err(message) => problem(span, message),
        },
        DeValue::Array(items) => {
            for item in items.iter_mut() {
                fill(item, variable, filled, problem);
            }
        }
        DeValue::Table(table) => fill_table(table, variable, filled, problem),
        _ => {}
    }
}

fn substitute(text: &str, variable: &impl Fn(&str) -> Option<String>) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let (inner, tail) = after
            .split_once('}')
            .ok_or_else(|| format!("`{text}` has a `${{` without its `}}`"))?;
        let (name, default) = match inner.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (inner, None),
        };
        let value = variable(name)
            .filter(|v| !v.is_empty())
            .or(default.map(str::to_owned));
        out.push_str(before);
        out.push_str(&value.ok_or_else(|| {
            format!(
                "the environment variable {name} is not set: set it, or write \
                 `${{{name}:-default}}`"
            )
        })?);
        rest = tail;
    }
    out.push_str(rest);
    Ok(out)
}

/// The number or boolean in the string that was filled in at `span`.
pub(super) fn retyped<'a>(
    filled: &'a [(Range<usize>, String)],
    span: &Range<usize>,
) -> Option<DeValue<'a>> {
    let (_, text) = filled.iter().find(|(s, _)| s == span)?;
    let value = DeValue::parse(text).ok()?.into_inner();
    (value.is_integer() || value.is_float() || value.is_bool()).then_some(value)
}

/// Puts `value` in the place of the string at `span`.
pub(super) fn replace<'a>(
    table: &mut DeTable<'a>,
    span: &Range<usize>,
    value: &DeValue<'a>,
) -> bool {
    table
        .iter_mut()
        .any(|(_, old)| replace_value(old, span, value))
}

fn replace_value<'a>(
    old: &mut Spanned<DeValue<'a>>,
    span: &Range<usize>,
    value: &DeValue<'a>,
) -> bool {
    let here = old.span() == *span;
    match old.get_mut() {
        old @ DeValue::String(_) if here => {
            *old = value.clone();
            true
        }
        DeValue::Array(items) => items
            .iter_mut()
            .any(|item| replace_value(item, span, value)),
        DeValue::Table(table) => replace(table, span, value),
        _ => false,
    }
}
