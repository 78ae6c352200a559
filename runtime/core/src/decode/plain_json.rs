//! JSON that is written here, not read: numbers, texts, bytes.

use std::fmt::Write as _;

/// Appends a number as JSON has it; one that JSON has none for as its word, without quotation
/// marks: `NaN`, `Infinity`, `-Infinity`.
pub(crate) fn put_number(out: &mut String, value: f64) {
    let _ = match value {
        _ if value.is_nan() => out.write_str("NaN"),
        f64::INFINITY => out.write_str("Infinity"),
        f64::NEG_INFINITY => out.write_str("-Infinity"),
        _ => write!(out, "{value:?}"),
    };
}

/// Appends `text` in quotation marks.
pub(crate) fn put_text(out: &mut String, text: &str) {
    out.push('"');
    let mut rest = text;
    let is_escaped = |byte: u8| byte < b' ' || matches!(byte, b'"' | b'\\');
    while let Some(at) = rest.bytes().position(is_escaped) {
        out.push_str(&rest[..at]);
        let _ = match rest.as_bytes()[at] {
            b'"' => out.write_str("\\\""),
            b'\\' => out.write_str("\\\\"),
            b'\n' => out.write_str("\\n"),
            b'\r' => out.write_str("\\r"),
            b'\t' => out.write_str("\\t"),
            control => write!(out, "\\u{control:04x}"),
        };
        rest = &rest[at + 1..];
    }
    out.push_str(rest);
    out.push('"');
}

/// The base64 of `bytes`, with padding.
pub fn base64(bytes: &[u8]) -> String {
    let mut text = String::new();
    put_base64(&mut text, bytes);
    text
}

/// Appends the base64 of `bytes`, with padding.
pub(crate) fn put_base64(out: &mut String, bytes: &[u8]) {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    out.reserve(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let of = |i: usize| u32::from(group.get(i).copied().unwrap_or_default());
        let bits = of(0) << 16 | of(1) << 8 | of(2);
        for place in 0..4 {
            let digit = ALPHABET[(bits >> (18 - 6 * place) & 0x3f) as usize];
            out.push(if place > group.len() {
                '='
            } else {
                char::from(digit)
            });
        }
    }
}

/// The double that the shortest decimal spelling of a number of single precision is.
pub(crate) fn widened(value: f32) -> f64 {
    let same = f64::from(value);
    // Small whole numbers are spelled as they are.
    const WHOLE_MAX: f32 = 16_777_216.0;
    if value.fract() == 0.0 && value.abs() < WHOLE_MAX || !value.is_finite() {
        return same;
    }
    // The longest has nine digits, a point, two signs and an exponent of two.
    let mut room = [0; 32];
    let left = {
        let mut rest = &mut room[..];
        let _ = std::io::Write::write_fmt(&mut rest, format_args!("{value:e}"));
        rest.len()
    };
    let spelled = std::str::from_utf8(&room[..room.len() - left]).ok();
    spelled.and_then(|text| text.parse().ok()).unwrap_or(same)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn single_precision_is_what_its_digits_say() {
        for (value, same) in [(0.1, 0.1), (1.5, 1.5), (-3.4e38, -3.4e38), (1e-45, 1e-45)] {
            assert_eq!(widened(value), same);
        }
        assert!(widened(f32::NAN).is_nan());
    }

    proptest! {
        #[test]
        fn texts_and_numbers_are_json(text: String, number in any::<f64>()) {
            let mut out = String::new();
            put_text(&mut out, &text);
            prop_assert_eq!(serde_json::from_str::<String>(&out).unwrap(), text);
            out.clear();
            put_number(&mut out, number);
            if number.is_finite() {
                prop_assert_eq!(out.parse::<f64>().unwrap(), number);
                prop_assert!(serde_json::from_str::<serde_json::Value>(&out).is_ok());
            }
        }
    }
}
