//! Texts as values of other types: what PostgreSQL's input functions take.

use crate::function::trim_spaces;

/// A truth: words and beginnings of them that can mean only one.
pub(crate) fn boolean(text: &str) -> Result<bool, String> {
    let word = trim_spaces(text).to_ascii_lowercase();
    let begins = |whole: &str| !word.is_empty() && whole.starts_with(word.as_str());
    match word.as_str() {
        "on" | "1" => Ok(true),
        "off" | "of" | "0" => Ok(false),
        _ if begins("true") || begins("yes") => Ok(true),
        _ if begins("false") || begins("no") => Ok(false),
        _ => Err(format!("invalid input syntax for type boolean: \"{text}\"")),
    }
}

/// Why a text is no number. PostgreSQL takes other bases and underscores from version 16 on, so
/// that neither a value nor its sentence would be right everywhere.
pub(crate) fn no_number(text: &str, type_name: &str) -> String {
    let bare = trim_spaces(text).trim_start_matches(['+', '-']);
    let base = bare.get(..2).unwrap_or("").to_ascii_lowercase();
    let is_number = bare.starts_with(|c: char| c.is_ascii_digit());
    match ["0x", "0o", "0b"].contains(&base.as_str()) || is_number && bare.contains('_') {
        true => format!(
            "numbers with underscores, or in other bases than ten, are not read here: \"{text}\""
        ),
        false => format!("invalid input syntax for type {type_name}: \"{text}\""),
    }
}

/// A whole number up to `max`, and down to one below its negative.
pub(crate) fn whole(text: &str, type_name: &str, max: i64) -> Result<i64, String> {
    let digits = trim_spaces(text);
    let bare = digits.strip_prefix(['+', '-']).unwrap_or(digits);
    if bare.is_empty() || !bare.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(no_number(text, type_name));
    }
    let value: Result<i64, _> = digits.parse();
    value
        .ok()
        .filter(|value| (-max - 1..=max).contains(value))
        .ok_or_else(|| format!("value \"{text}\" is out of range for type {type_name}"))
}

/// A double. Hexadecimal ones are refused.
pub(crate) fn double(text: &str) -> Result<f64, String> {
    let trimmed = trim_spaces(text);
    let invalid = || no_number(text, "double precision");
    let bare = trimmed.strip_prefix(['+', '-']).unwrap_or(trimmed);
    let is_word = ["nan", "inf", "infinity"]
        .iter()
        .any(|w| bare.eq_ignore_ascii_case(w));
    if !is_word && !bare.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return Err(invalid());
    }
    let value: f64 = trimmed.parse().map_err(|_| invalid())?;
    let digits = bare.split(['e', 'E']).next().unwrap_or(bare);
    let is_zero = !digits.contains(|c: char| ('1'..='9').contains(&c));
    if !is_word && (value.is_infinite() || value == 0.0 && !is_zero) {
        return Err(format!(
            "\"{trimmed}\" is out of range for type double precision"
        ));
    }
    Ok(value)
}

/// Thirty-two hexadecimal digits, perhaps with hyphens between fours and in braces.
pub(crate) fn uuid(text: &str, buffer: &mut String) -> Result<(), String> {
    let invalid = || format!("invalid input syntax for type uuid: \"{text}\"");
    let inner = match text.strip_prefix('{') {
        Some(rest) => rest.strip_suffix('}').ok_or_else(invalid)?,
        None => text,
    };
    let mut rest = inner.as_bytes();
    for byte in 0..16 {
        let (pair, more) = rest.split_at_checked(2).ok_or_else(invalid)?;
        if !pair.iter().all(u8::is_ascii_hexdigit) {
            return Err(invalid());
        }
        if matches!(byte, 4 | 6 | 8 | 10) {
            buffer.push('-');
        }
        pair.iter()
            .for_each(|digit| buffer.push(digit.to_ascii_lowercase().into()));
        rest = match more.strip_prefix(b"-") {
            Some(more) if byte % 2 == 1 && byte < 15 => more,
            _ => more,
        };
    }
    if rest.is_empty() {
        Ok(())
    } else {
        Err(invalid())
    }
}

/// Bytes: `\x` with hexadecimal digits, or characters with escapes.
pub(crate) fn bytes(text: &str, buffer: &mut Vec<u8>) -> Result<(), String> {
    if let Some(digits) = text.strip_prefix("\\x") {
        return hexadecimal(digits, buffer);
    }
    let invalid = || "invalid input syntax for type bytea".to_owned();
    unescape(text.as_bytes(), buffer).ok_or_else(invalid)
}

/// Pairs of digits, with blanks between them.
pub(crate) fn hexadecimal(digits: &str, buffer: &mut Vec<u8>) -> Result<(), String> {
    let mut chars = digits.chars();
    let value = |digit: char| {
        let value = digit.to_digit(16);
        value.ok_or_else(|| format!("invalid hexadecimal digit: \"{digit}\""))
    };
    while let Some(first) = chars.next() {
        if matches!(first, ' ' | '\n' | '\t' | '\r') {
            continue;
        }
        let high = value(first)?;
        let odd = || "invalid hexadecimal data: odd number of digits".to_owned();
        let low = value(chars.next().ok_or_else(odd)?)?;
        buffer.push((high * 16 + low) as u8);
    }
    Ok(())
}

/// Bytes whose escapes are `\\` and three octal digits.
pub(crate) fn unescape(mut bytes: &[u8], buffer: &mut Vec<u8>) -> Option<()> {
    while let [first, rest @ ..] = bytes {
        bytes = rest;
        if *first != b'\\' {
            buffer.push(*first);
            continue;
        }
        match rest {
            [b'\\', rest @ ..] => {
                buffer.push(b'\\');
                bytes = rest;
            }
            [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', rest @ ..] => {
                buffer.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
                bytes = rest;
            }
            _ => return None,
        }
    }
    Some(())
}

/// Two digits a byte.
pub(crate) fn write_hexadecimal(bytes: &[u8], buffer: &mut String) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for byte in bytes {
        buffer.push(DIGITS[usize::from(byte >> 4)].into());
        buffer.push(DIGITS[usize::from(byte & 15)].into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_truth_may_be_cut_where_they_mean_one() {
        assert_eq!(boolean(" Tr "), Ok(true));
        assert_eq!(boolean("of"), Ok(false));
        assert!(boolean("o").is_err() && boolean("").is_err() && boolean("truex").is_err());
    }

    #[test]
    fn a_uuid_is_written_in_lower_case_with_hyphens() {
        let mut text = String::new();
        uuid("{A0EEBC99-9C0B4EF8BB6D6BB9BD380A11}", &mut text).unwrap();
        assert_eq!(text, "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11");
    }
}
