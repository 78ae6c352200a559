//! Texts against patterns.

use std::rc::Rc;

use super::{Function, Prepared, refused, strict};
use crate::call::{Call, Failure};
use crate::column::Column;
use crate::like::{self, Like};
use crate::regex::{Pattern, Replacement, Use};
use crate::types::Type::{Boolean, Int4, Text, TextArray};
use crate::value::Value;

type Prepares = Result<Option<Prepared>, (usize, String)>;

const ARRAY: &str = "it gives arrays, which are not here: take `substring(text from 'pattern')`";

fn text<'a>(arguments: &[Option<&'a Value>], index: usize) -> Option<&'a str> {
    arguments
        .get(index)
        .copied()
        .flatten()
        .and_then(Value::as_text)
}

/// A pattern that is a constant; none where it is null.
fn constant<'a>(
    arguments: &[Option<&'a Value>],
    index: usize,
    what: &str,
) -> Result<Option<&'a str>, (usize, String)> {
    match arguments.get(index).copied().flatten() {
        Some(Value::Null) => Ok(None),
        Some(Value::Text(text)) => Ok(Some(text)),
        _ => Err((
            index,
            format!("the {what} must be a constant: it is made ready once"),
        )),
    }
}

fn prepare_like(arguments: &[Option<&Value>], is_exact: bool) -> Prepares {
    let Some(pattern) = text(arguments, 1) else {
        return Ok(None);
    };
    Ok(Some(Prepared::Like(Like::new(pattern, is_exact))))
}

fn prepare_like_escape(arguments: &[Option<&Value>], is_exact: bool) -> Prepares {
    let pattern = constant(arguments, 1, "pattern with `escape`")?;
    let escape = constant(arguments, 2, "escape character")?;
    let (Some(pattern), Some(escape)) = (pattern, escape) else {
        return Ok(None);
    };
    let pattern = like::with_escape(pattern, escape).map_err(|why| (2, why))?;
    Ok(Some(Prepared::Like(Like::new(&pattern, is_exact))))
}

fn likes<'a>(call: &Call<'_, 'a>, is_exact: bool) -> Column<'a> {
    let (texts, patterns) = (call.texts(0), call.texts(1));
    match call.prepared {
        Some(Prepared::Like(like)) => call.to_bools(|row| {
            like.matches(texts[row])
                .map(Some)
                .map_err(Failure::Borrowed)
        }),
        _ => call.to_bools(|row| {
            let like = Like::new(patterns[row], is_exact);
            like.matches(texts[row])
                .map(Some)
                .map_err(Failure::Borrowed)
        }),
    }
}

fn prepare_test(arguments: &[Option<&Value>], is_exact: bool) -> Prepares {
    let Some(pattern) = constant(arguments, 1, "pattern")? else {
        return Ok(None);
    };
    let pattern = Pattern::new(pattern, is_exact, Use::Test).map_err(|why| (1, why))?;
    Ok(Some(Prepared::Pattern(Rc::new(pattern))))
}

fn tests<'a>(call: &Call<'_, 'a>) -> Column<'a> {
    let texts = call.texts(0);
    match call.prepared {
        Some(Prepared::Pattern(pattern)) => {
            call.to_bools(|row| Ok(Some(pattern.is_match(texts[row]))))
        }
        _ => call.to_bools(|_| Ok(None)),
    }
}

fn prepare_substring(arguments: &[Option<&Value>]) -> Prepares {
    let Some(pattern) = constant(arguments, 1, "pattern")? else {
        return Ok(None);
    };
    let pattern = Pattern::new(pattern, true, Use::Groups).map_err(|why| (1, why))?;
    Ok(Some(Prepared::Pattern(Rc::new(pattern))))
}

/// The first group of the match, or the match where there is none.
fn substring<'a>(call: &Call<'_, 'a>) -> Column<'a> {
    let texts = call.texts(0);
    let Some(Prepared::Pattern(pattern)) = call.prepared else {
        return call.to_views(|_| Ok(None));
    };
    call.to_views(|row| {
        let text = texts[row];
        let found = pattern
            .find(text, 0)
            .and_then(|found| match pattern.group_count {
                0 => Some(found),
                _ => pattern.groups(text, found)[1],
            });
        Ok(found.map(|(start, end)| &text[start..end]))
    })
}

fn prepare_replace(arguments: &[Option<&Value>]) -> Prepares {
    let pattern = constant(arguments, 1, "pattern")?;
    let replacement = constant(arguments, 2, "replacement")?;
    let flags = match arguments.len() {
        4.. => constant(arguments, 3, "flags")?,
        _ => Some(""),
    };
    let (Some(pattern), Some(replacement), Some(flags)) = (pattern, replacement, flags) else {
        return Ok(None);
    };
    if let Some(other) = flags.chars().find(|flag| !matches!(flag, 'g' | 'i')) {
        return Err((
            3,
            format!("the flag `{other}` is not here: `g` and `i` are"),
        ));
    }
    let replacement = Replacement::parse(replacement);
    let used = if replacement.needs_groups() {
        Use::Groups
    } else {
        Use::Find
    };
    let mut pattern = Pattern::new(pattern, !flags.contains('i'), used).map_err(|why| (1, why))?;
    pattern.is_global = flags.contains('g');
    pattern.replacement = Some(replacement);
    Ok(Some(Prepared::Pattern(Rc::new(pattern))))
}

fn replaced<'a>(call: &Call<'_, 'a>) -> Column<'a> {
    let texts = call.texts(0);
    let Some(Prepared::Pattern(pattern)) = call.prepared else {
        return call.to_views(|_| Ok(None));
    };
    call.to_texts(|row, buffer| {
        replace(pattern, texts[row], buffer);
        Ok(())
    })
}

fn replace(pattern: &Pattern, text: &str, buffer: &mut String) {
    let (mut copied, mut from) = (0, 0);
    while from <= text.len() {
        let Some((start, end)) = pattern.find(text, from) else {
            break;
        };
        buffer.push_str(&text[copied..start]);
        if let Some(replacement) = &pattern.replacement {
            match replacement.needs_groups() {
                true => replacement.write(text, &pattern.groups(text, (start, end)), buffer),
                false => replacement.write(text, &[Some((start, end))], buffer),
            }
        }
        copied = end;
        if !pattern.is_global {
            break;
        }
        // After an empty match the search goes on one character later.
        let next = text[end..].chars().next().map_or(1, char::len_utf8);
        from = if start == end { end + next } else { end };
    }
    buffer.push_str(&text[copied..]);
}

fn negated<'a>(mut column: Column<'a>) -> Column<'a> {
    column.negate();
    column
}

pub(super) static FUNCTIONS: &[Function] = &[
    strict("like", &[Text, Text], Boolean, |call| likes(call, true))
        .with(|arguments| prepare_like(arguments, true)),
    strict("ilike", &[Text, Text], Boolean, |call| likes(call, false))
        .with(|arguments| prepare_like(arguments, false)),
    strict("like", &[Text, Text, Text], Boolean, |call| {
        likes(call, true)
    })
    .with(|arguments| prepare_like_escape(arguments, true)),
    strict("ilike", &[Text, Text, Text], Boolean, |call| {
        likes(call, false)
    })
    .with(|arguments| prepare_like_escape(arguments, false)),
    strict("~~", &[Text, Text], Boolean, |call| likes(call, true))
        .with(|arguments| prepare_like(arguments, true)),
    strict("~~*", &[Text, Text], Boolean, |call| likes(call, false))
        .with(|arguments| prepare_like(arguments, false)),
    strict("!~~", &[Text, Text], Boolean, |call| {
        negated(likes(call, true))
    })
    .with(|arguments| prepare_like(arguments, true)),
    strict("!~~*", &[Text, Text], Boolean, |call| {
        negated(likes(call, false))
    })
    .with(|arguments| prepare_like(arguments, false)),
    strict("~", &[Text, Text], Boolean, tests).with(|arguments| prepare_test(arguments, true)),
    strict("~*", &[Text, Text], Boolean, tests).with(|arguments| prepare_test(arguments, false)),
    strict("!~", &[Text, Text], Boolean, |call| negated(tests(call)))
        .with(|arguments| prepare_test(arguments, true)),
    strict("!~*", &[Text, Text], Boolean, |call| negated(tests(call)))
        .with(|arguments| prepare_test(arguments, false)),
    strict("regexp_like", &[Text, Text], Boolean, tests)
        .with(|arguments| prepare_test(arguments, true)),
    strict("regexp_replace", &[Text, Text, Text], Text, replaced).with(prepare_replace),
    strict("regexp_replace", &[Text, Text, Text, Text], Text, replaced).with(prepare_replace),
    refused(
        "regexp_replace",
        &[Text, Text, Text, Int4],
        Text,
        "of a start it is not here",
    ),
    strict("substring", &[Text, Text], Text, substring)
        .with(prepare_substring)
        .nullable(),
    refused("regexp_match", &[Text, Text], TextArray, ARRAY),
    refused("regexp_matches", &[Text, Text], TextArray, ARRAY),
    refused(
        "string_to_array",
        &[Text, Text],
        TextArray,
        "there are no arrays here: `split_part` \
                                                          takes a part",
    ),
];
