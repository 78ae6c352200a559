//! Environment variables in a pipeline file: `${NAME}` and `${NAME:-default}` in any string but
//! those that are stored, and the numbers and booleans that come out of them.
//!
//! What a variable holds may be a secret: no message quotes it.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A string with variables, filled in.
pub(super) struct Filled {
    span: Range<usize>,
    text: String,
    /// The variables that were set, with what they hold.
    variables: Vec<(String, String)>,
}

/// Replaces `${NAME}` and `${NAME:-default}` in every string below `table`; each with its span goes
/// to `filled`.
pub(super) fn fill_table(
    table: &mut DeTable<'_>,
    variable: &impl Fn(&str) -> Option<String>,
    filled: &mut Vec<Filled>,
    problem: &mut impl FnMut(Range<usize>, String),
) {
    for (_, value) in table.iter_mut() {
        fill(value, variable, filled, problem);
    }
}

fn fill(
    value: &mut Spanned<DeValue<'_>>,
    variable: &impl Fn(&str) -> Option<String>,
    filled: &mut Vec<Filled>,
    problem: &mut impl FnMut(Range<usize>, String),
) {
    let span = value.span();
    match value.get_mut() {
        DeValue::String(text) if text.contains("${") => match substitute(text, variable) {
            Ok(new) => {
                *text = new.text.clone().into();
                filled.push(Filled { span, ..new });
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

/// Files of secrets and `$(...)` in some shells end with one, which belongs to no value.
const LINE_BREAK: [char; 2] = ['\n', '\r'];

/// Whether a value is several lines: only certificates and keys in PEM are.
fn is_broken(value: &str) -> bool {
    value.contains(LINE_BREAK) && !value.contains("-----BEGIN ")
}

fn substitute(text: &str, variable: &impl Fn(&str) -> Option<String>) -> Result<Filled, String> {
    let mut out = String::new();
    let mut variables = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let (inner, tail) = after
            .split_once('}')
            .ok_or("there is a `${` without its `}`")?;
        let (name, default) = match inner.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (inner, None),
        };
        let set = variable(name).map(|value| value.trim_end_matches(LINE_BREAK).to_owned());
        let set = set.filter(|value| !value.is_empty());
        if set.as_ref().is_some_and(|value| is_broken(value)) {
            return Err(format!(
                "the environment variable {name} holds a line break: set it to one line"
            ));
        }
        variables.extend(set.iter().map(|value| (name.to_owned(), value.clone())));
        let value = set.or(default.map(str::to_owned));
        out.push_str(before);
        out.push_str(&value.ok_or_else(|| {
            // What stands between the brackets is no name where a bracket was forgotten.
            let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
            match !name.is_empty() && name.chars().all(is_word) {
                true => format!(
                    "the environment variable {name} is not set: set it, or write \
                     `${{{name}:-default}}`"
                ),
                false => "`${` must be followed by the name of an environment variable and `}`, \
                          or by `:-`, a default and `}`"
                    .to_owned(),
            }
        })?);
        rest = tail;
    }
    out.push_str(rest);
    Ok(Filled {
        span: 0..0,
        text: out,
        variables,
    })
}

/// Refuses variables in what a revision stores in clear, and all hosts must agree about.
pub(super) fn refuse_in_stored(root: &DeTable<'_>, problem: &mut impl FnMut(Range<usize>, String)) {
    let mut refuse = |value: &Spanned<DeValue<'_>>, what: &str| {
        for span in with_variables(value) {
            problem(
                span,
                format!(
                    "{what} takes no `${{NAME}}`: it is stored in gristmill.revision as it is, \
                     where others could read a secret, and all hosts must agree about it: write \
                     the value itself"
                ),
            );
        }
    };
    for (key, section) in root.iter() {
        match (key.get_ref().as_ref(), section.get_ref()) {
            ("transform", DeValue::Array(transforms)) => {
                let tables = transforms.iter().filter_map(|t| t.get_ref().as_table());
                tables
                    .filter_map(|table| table.get("config"))
                    .for_each(|config| refuse(config, "a transform's config"));
            }
            ("only", DeValue::Array(only)) => {
                for table in only.iter().filter_map(|only| only.get_ref().as_table()) {
                    let stored = ["config", "transform"].map(|key| table.get(key));
                    let stored = stored.into_iter().flatten();
                    stored.for_each(|value| refuse(value, "[[only]]"));
                }
            }
            ("dimension", DeValue::Table(dimensions)) => {
                let tables = dimensions
                    .iter()
                    .filter_map(|(_, d)| d.get_ref().as_table());
                tables
                    .filter_map(|table| table.get("query"))
                    .for_each(|query| refuse(query, "a dimension's query"));
            }
            _ => {}
        }
    }
}

/// Where strings with variables stand.
fn with_variables(value: &Spanned<DeValue<'_>>) -> Vec<Range<usize>> {
    match value.get_ref() {
        DeValue::String(text) if text.contains("${") => vec![value.span()],
        DeValue::Array(items) => items.iter().flat_map(with_variables).collect(),
        DeValue::Table(table) => table.iter().flat_map(|(_, v)| with_variables(v)).collect(),
        _ => Vec::new(),
    }
}

/// `message` with the names of variables where it quotes what they hold.
pub(super) fn without_values(message: &str, filled: &[Filled]) -> String {
    // Shorter ones are no secret, and would be found in any sentence.
    const SECRET_MIN_BYTES: usize = 4;
    let mut variables: Vec<_> = filled.iter().flat_map(|f| &f.variables).collect();
    variables.retain(|(_, value)| value.len() >= SECRET_MIN_BYTES);
    variables.sort_by_key(|(_, value)| std::cmp::Reverse(value.len()));
    variables
        .iter()
        .fold(message.to_owned(), |message, (name, value)| {
            let quoted = format!("{value:?}");
            let escaped = &quoted[1..quoted.len() - 1];
            let name = format!("${{{name}}}");
            message.replace(value, &name).replace(escaped, &name)
        })
}

/// The names of the variables in the string that was filled in at `span`; none where none was.
pub(super) fn variables_at(filled: &[Filled], span: &Range<usize>) -> Option<String> {
    let found = filled.iter().find(|f| f.span == *span)?;
    let names = found
        .variables
        .iter()
        .map(|(name, _)| format!("${{{name}}}"));
    Some(names.collect::<Vec<_>>().join(" and ")).filter(|names| !names.is_empty())
}

/// The number or boolean in the string that was filled in at `span`.
pub(super) fn retyped<'a>(filled: &'a [Filled], span: &Range<usize>) -> Option<DeValue<'a>> {
    let found = filled.iter().find(|f| f.span == *span)?;
    let value = DeValue::parse(&found.text).ok()?.into_inner();
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
