//! Parts and forms of one text.

use crate::call::Failure;

/// No text becomes longer: a gigabyte is PostgreSQL's limit, and a rule has 64 MiB.
pub(super) const LENGTH_MAX: usize = 16 << 20;

pub(super) const TOO_LONG: Failure =
    Failure::Borrowed("the text would have more than 16 MiB, which is the limit here");

/// Without the blanks at both ends: those that input functions pass over.
pub(crate) fn trim_spaces(text: &str) -> &str {
    text.trim_matches([' ', '\t', '\n', '\x0b', '\x0c', '\r'])
}

/// The first `count` characters.
pub(super) fn first_chars(text: &str, count: usize) -> &str {
    match text.char_indices().nth(count) {
        Some((end, _)) => &text[..end],
        None => text,
    }
}

/// What follows the first `count` characters.
pub(super) fn after_chars(text: &str, count: usize) -> &str {
    &text[first_chars(text, count).len()..]
}

/// The part of `text` between delimiters that has the number `part`; from the end when it is
/// negative.
pub(super) fn split_part<'a>(
    text: &'a str,
    delimiter: &str,
    part: i64,
) -> Result<&'a str, Failure> {
    if part == 0 {
        return Err("field position must not be zero".into());
    }
    if text.is_empty() {
        return Ok("");
    }
    let index = usize::try_from(part.unsigned_abs() - 1).unwrap_or(usize::MAX);
    if delimiter.is_empty() {
        return Ok(if index == 0 { text } else { "" });
    }
    let found = match (part > 0, delimiter.as_bytes()) {
        (true, _) => text.split(delimiter).nth(index),
        (false, [byte]) if index == 0 => {
            let at = memchr::memrchr(*byte, text.as_bytes());
            Some(at.map_or(text, |at| &text[at + 1..]))
        }
        (false, _) => return Ok(split_part_from_end(text, delimiter, index)),
    };
    Ok(found.unwrap_or(""))
}

/// Delimiters are counted from the start, also where they overlap.
fn split_part_from_end<'a>(text: &'a str, delimiter: &str, index: usize) -> &'a str {
    let parts: Vec<&str> = text.split(delimiter).collect();
    match parts.len().checked_sub(index.saturating_add(1)) {
        Some(at) => parts[at],
        None => "",
    }
}

/// Characters from `start`, which counts from one, `length` of them or all.
pub(super) fn substring(text: &str, start: i64, length: Option<i64>) -> Result<&str, Failure> {
    let end = match length {
        Some(length) if length < 0 => return Err("negative substring length not allowed".into()),
        Some(length) => start.saturating_add(length),
        None => i64::MAX,
    };
    let from = start.max(1);
    let rest = after_chars(text, (from - 1) as usize);
    Ok(first_chars(rest, (end - from).max(0) as usize))
}

pub(super) fn replaced(
    text: &str,
    from: &str,
    to: &str,
    buffer: &mut String,
) -> Result<(), Failure> {
    if from.is_empty() {
        buffer.push_str(text);
        return Ok(());
    }
    let start = buffer.len();
    for (index, part) in text.split(from).enumerate() {
        if index > 0 {
            buffer.push_str(to);
        }
        buffer.push_str(part);
        if buffer.len() - start > LENGTH_MAX {
            return Err(TOO_LONG);
        }
    }
    Ok(())
}

/// Letters and digits make words; the first letter of each is a capital.
pub(super) fn initcap(text: &str, buffer: &mut String) {
    let mut is_inside = false;
    for c in text.chars() {
        buffer.push(match is_inside {
            true => c.to_ascii_lowercase(),
            false => c.to_ascii_uppercase(),
        });
        is_inside = c.is_ascii_alphanumeric();
    }
}

pub(super) fn translate(text: &str, from: &str, to: &str, buffer: &mut String) {
    for c in text.chars() {
        match from.chars().position(|known| known == c) {
            None => buffer.push(c),
            Some(at) => buffer.extend(to.chars().nth(at)),
        }
    }
}

/// The character of a code.
pub(super) fn character(code: i64) -> Result<char, Failure> {
    match code {
        0 => Err("null character not permitted".into()),
        ..0 => Err("character number must be positive".into()),
        0x11_0000.. => Err(format!("requested character too large for encoding: {code}").into()),
        _ => u32::try_from(code)
            .ok()
            .and_then(char::from_u32)
            .ok_or_else(|| format!("requested character not valid for encoding: {code}").into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_count_from_either_end() {
        for (text, delimiter, part, expected) in [
            ("a@b@c", "@", 1, "a"),
            ("a@b@c", "@", -1, "c"),
            ("a@b@c", "@", -3, "a"),
            ("a@b@c", "@", -4, ""),
            ("abc", "", -1, "abc"),
            ("", "@", 1, ""),
        ] {
            assert_eq!(split_part(text, delimiter, part).unwrap(), expected);
        }
    }

    #[test]
    fn parts_begin_before_the_text() {
        assert_eq!(substring("Thomas", -1, Some(4)).unwrap(), "Th");
        assert_eq!(substring("Thömas", 3, None).unwrap(), "ömas");
        assert!(substring("x", 1, Some(-1)).is_err());
    }
}
