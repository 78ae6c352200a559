//! Texts. Their characters are those of Unicode; letters whose case changes are those of ASCII.

use super::part::{
    LENGTH_MAX, TOO_LONG, character, first_chars, initcap, replaced, split_part, substring,
    translate,
};
use super::{Function, refused, strict};
use crate::call::Call;
use crate::column::Column;
use crate::types::Type::{Boolean, Bytea, Int4, Int8, Text};

/// Each text changed, by appending.
fn changed<'a>(call: &Call<'_, 'a>, change: impl Fn(&str, &mut String)) -> Column<'a> {
    let texts = call.texts(0);
    call.to_texts(|row, buffer| {
        change(texts[row], buffer);
        Ok(())
    })
}

fn counts<'a>(call: &Call<'_, 'a>, count: impl Fn(&str) -> usize) -> Column<'a> {
    let texts = call.texts(0);
    call.to_ints(|row| Ok(Some(count(texts[row]) as i64)))
}

fn chars(text: &str) -> usize {
    text.chars().count()
}

fn length<'a>(call: &Call<'_, 'a>) -> Column<'a> {
    counts(call, chars)
}

/// Trims characters of a set.
fn trimmed<'a>(call: &Call<'_, 'a>, is_left: bool, is_right: bool) -> Column<'a> {
    let (texts, sets) = (call.texts(0), call.texts(1));
    let is_default = sets.is_empty();
    call.to_views(|row| {
        let set = if is_default { " " } else { sets[row] };
        let mut text = texts[row];
        if is_left {
            text = text.trim_start_matches(|c| set.contains(c));
        }
        if is_right {
            text = text.trim_end_matches(|c| set.contains(c));
        }
        Ok(Some(text))
    })
}

fn substring_from<'a>(call: &Call<'_, 'a>) -> Column<'a> {
    let (texts, starts) = (call.texts(0), call.ints(1));
    call.to_views(|row| substring(texts[row], starts[row], None).map(Some))
}

fn substring_for<'a>(call: &Call<'_, 'a>) -> Column<'a> {
    let (texts, starts, lengths) = (call.texts(0), call.ints(1), call.ints(2));
    call.to_views(|row| substring(texts[row], starts[row], Some(lengths[row])).map(Some))
}

/// The character at which the second text begins in the first one, from one; zero where it does
/// not.
fn position<'a>(call: &Call<'_, 'a>) -> Column<'a> {
    let (texts, parts) = (call.texts(0), call.texts(1));
    call.to_ints(|row| {
        let found = texts[row].find(parts[row]);
        Ok(Some(
            found.map_or(0, |at| chars(&texts[row][..at]) as i64 + 1),
        ))
    })
}

/// The first characters, or all but the last ones; `is_left` false: the last ones.
fn side<'a>(call: &Call<'_, 'a>, is_left: bool) -> Column<'a> {
    let (texts, counts) = (call.texts(0), call.ints(1));
    call.to_views(|row| {
        let (text, count) = (texts[row], counts[row]);
        let kept = match count >= 0 && is_left {
            true => count as usize,
            false if count >= 0 => chars(text).saturating_sub(count as usize),
            // The smallest number has no negative: PostgreSQL takes all.
            false if !is_left && count == i64::from(i32::MIN) => 0,
            false if is_left => chars(text).saturating_sub(count.unsigned_abs() as usize),
            false => count.unsigned_abs() as usize,
        };
        let first = first_chars(text, kept);
        Ok(Some(if is_left { first } else { &text[first.len()..] }))
    })
}

/// Filled up to a number of characters, or cut off at it.
fn padded<'a>(call: &Call<'_, 'a>, is_left: bool) -> Column<'a> {
    let (texts, lengths, fills) = (call.texts(0), call.ints(1), call.texts(2));
    let is_default = fills.is_empty();
    call.to_texts(|row, buffer| {
        let (text, fill) = (texts[row], if is_default { " " } else { fills[row] });
        let length = usize::try_from(lengths[row]).unwrap_or(0);
        let text = first_chars(text, length);
        let missing = if fill.is_empty() {
            0
        } else {
            length - chars(text)
        };
        if missing.saturating_mul(4) > LENGTH_MAX {
            return Err(TOO_LONG);
        }
        if !is_left {
            buffer.push_str(text);
        }
        buffer.extend(fill.chars().cycle().take(missing));
        if is_left {
            buffer.push_str(text);
        }
        Ok(())
    })
}

fn append(buffer: &mut String, text: &str, change: impl Fn(&mut str)) {
    let start = buffer.len();
    buffer.push_str(text);
    change(&mut buffer[start..]);
}

pub(super) static FUNCTIONS: &[Function] = &[
    strict("lower", &[Text], Text, |call| {
        changed(call, |text, buffer| {
            append(buffer, text, str::make_ascii_lowercase)
        })
    }),
    strict("upper", &[Text], Text, |call| {
        changed(call, |text, buffer| {
            append(buffer, text, str::make_ascii_uppercase)
        })
    }),
    strict("initcap", &[Text], Text, |call| changed(call, initcap)),
    strict("btrim", &[Text], Text, |call| trimmed(call, true, true)),
    strict("btrim", &[Text, Text], Text, |call| {
        trimmed(call, true, true)
    }),
    strict("ltrim", &[Text], Text, |call| trimmed(call, true, false)),
    strict("ltrim", &[Text, Text], Text, |call| {
        trimmed(call, true, false)
    }),
    strict("rtrim", &[Text], Text, |call| trimmed(call, false, true)),
    strict("rtrim", &[Text, Text], Text, |call| {
        trimmed(call, false, true)
    }),
    refused(
        "btrim",
        &[Bytea, Bytea],
        Bytea,
        "bytes are not trimmed here",
    ),
    strict("length", &[Text], Int4, length),
    strict("char_length", &[Text], Int4, length),
    strict("character_length", &[Text], Int4, length),
    strict("octet_length", &[Text], Int4, |call| counts(call, str::len)),
    strict("bit_length", &[Text], Int4, |call| {
        counts(call, |text| text.len() * 8)
    }),
    strict("length", &[Bytea], Int4, |call| {
        call.to_ints(|row| Ok(Some(call.bytes(0)[row].len() as i64)))
    }),
    strict("octet_length", &[Bytea], Int4, |call| {
        call.to_ints(|row| Ok(Some(call.bytes(0)[row].len() as i64)))
    }),
    strict("split_part", &[Text, Text, Int4], Text, |call| {
        let (texts, delimiters, parts) = (call.texts(0), call.texts(1), call.ints(2));
        call.to_views(|row| split_part(texts[row], delimiters[row], parts[row]).map(Some))
    }),
    strict("substring", &[Text, Int4], Text, substring_from),
    strict("substring", &[Text, Int4, Int4], Text, substring_for),
    strict("substr", &[Text, Int4], Text, substring_from),
    strict("substr", &[Text, Int4, Int4], Text, substring_for),
    refused(
        "substring",
        &[Bytea, Int4],
        Bytea,
        "of bytes it is not here",
    ),
    refused(
        "substring",
        &[Bytea, Int4, Int4],
        Bytea,
        "of bytes it is not here",
    ),
    refused("substr", &[Bytea, Int4], Bytea, "of bytes it is not here"),
    refused(
        "substr",
        &[Bytea, Int4, Int4],
        Bytea,
        "of bytes it is not here",
    ),
    strict("position", &[Text, Text], Int4, position),
    strict("strpos", &[Text, Text], Int4, position),
    refused("position", &[Bytea, Bytea], Int4, "of bytes it is not here"),
    strict("left", &[Text, Int4], Text, |call| side(call, true)),
    strict("right", &[Text, Int4], Text, |call| side(call, false)),
    strict("lpad", &[Text, Int4], Text, |call| padded(call, true)),
    strict("lpad", &[Text, Int4, Text], Text, |call| padded(call, true)),
    strict("rpad", &[Text, Int4], Text, |call| padded(call, false)),
    strict("rpad", &[Text, Int4, Text], Text, |call| {
        padded(call, false)
    }),
];

pub(super) static MORE: &[Function] = &[
    strict("replace", &[Text, Text, Text], Text, |call| {
        let [texts, from, to] = [0, 1, 2].map(|index| call.texts(index));
        call.to_texts(|row, buffer| replaced(texts[row], from[row], to[row], buffer))
    }),
    strict("translate", &[Text, Text, Text], Text, |call| {
        let [texts, from, to] = [0, 1, 2].map(|index| call.texts(index));
        call.to_texts(|row, buffer| {
            translate(texts[row], from[row], to[row], buffer);
            Ok(())
        })
    }),
    strict("reverse", &[Text], Text, |call| {
        changed(call, |text, buffer| buffer.extend(text.chars().rev()))
    }),
    strict("repeat", &[Text, Int4], Text, |call| {
        let (texts, counts) = (call.texts(0), call.ints(1));
        call.to_texts(|row, buffer| {
            let count = usize::try_from(counts[row]).unwrap_or(0);
            if texts[row].len().saturating_mul(count) > LENGTH_MAX {
                return Err(TOO_LONG);
            }
            (0..count).for_each(|_| buffer.push_str(texts[row]));
            Ok(())
        })
    }),
    strict("starts_with", &[Text, Text], Boolean, |call| {
        let (texts, parts) = (call.texts(0), call.texts(1));
        call.to_bools(|row| Ok(Some(texts[row].starts_with(parts[row]))))
    }),
    strict("||", &[Text, Text], Text, |call| {
        let (left, right) = (call.texts(0), call.texts(1));
        call.to_texts(|row, buffer| {
            buffer.push_str(left[row]);
            buffer.push_str(right[row]);
            Ok(())
        })
    }),
    strict("||", &[Bytea, Bytea], Bytea, |call| {
        let (left, right) = (call.bytes(0), call.bytes(1));
        call.to_bytes(|row, buffer| {
            buffer.extend_from_slice(left[row]);
            buffer.extend_from_slice(right[row]);
            Ok(())
        })
    }),
    strict("ascii", &[Text], Int4, |call| {
        let texts = call.texts(0);
        call.to_ints(|row| Ok(Some(texts[row].chars().next().map_or(0, |c| c as i64))))
    }),
    strict("chr", &[Int4], Text, |call| {
        let codes = call.ints(0);
        call.to_texts(|row, buffer| {
            buffer.push(character(codes[row])?);
            Ok(())
        })
    }),
    refused("to_char", &[Int4, Text], Text, NUMBERS),
    refused("to_char", &[Int8, Text], Text, NUMBERS),
];

const NUMBERS: &str =
    "of numbers it is not here: cast to text, or to numeric(p,s) and then to text";
