//! Doubles as texts: the shortest that reads back as the same.

use std::fmt::Write as _;

use num_bigint::BigUint;

/// From this power of ten on, and below that one, a double is written with an exponent.
const EXPONENT_FROM: i32 = 15;
const EXPONENT_BELOW: i32 = -4;
/// Digits that tell any double from all others.
const DIGITS_MAX: usize = 17;
/// Of smaller doubles no short text is half-way to another one, nor are two as near as each other.
const TIES_FROM: f64 = 1e14;
/// From 2^53 on doubles are whole numbers, and so are those half-way.
const WHOLE_FROM: f64 = 9_007_199_254_740_992.0;

/// Appends the text that PostgreSQL has for `value`.
pub(crate) fn write(value: f64, buffer: &mut String) {
    if value.is_nan() {
        buffer.push_str("NaN");
        return;
    }
    if value.is_infinite() {
        buffer.push_str(if value > 0.0 { "Infinity" } else { "-Infinity" });
        return;
    }
    if value.is_sign_negative() {
        buffer.push('-');
    }
    let value = value.abs();
    if value < 1e15 && value.trunc() == value {
        let _ = write!(buffer, "{}", value as u64);
        return;
    }
    let shortest = shortest(value);
    let (digits, exponent) = shortest.split_once('e').unwrap_or((&shortest, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (EXPONENT_BELOW..EXPONENT_FROM).contains(&exponent) {
        let after_first = digits
            .split_once('.')
            .map_or(0, |(_, rest)| rest.len() as i32);
        let places = usize::try_from(after_first - exponent).unwrap_or(0);
        let _ = write!(buffer, "{value:.places$}");
    } else {
        let sign = if exponent < 0 { '-' } else { '+' };
        let _ = write!(buffer, "{digits}e{sign}{:02}", exponent.abs());
    }
}

/// The shortest digits between the neighbours of `value`, with an exponent. Rust takes those that
/// are just half-way to a neighbour, too; PostgreSQL does not. Of two that are as near it takes the
/// even one.
fn shortest(value: f64) -> String {
    let text = format!("{value:e}");
    if value < TIES_FROM {
        return text;
    }
    let mantissa = text.split('e').next().unwrap_or(&text);
    let digits = mantissa.bytes().filter(u8::is_ascii_digit).count();
    (digits.saturating_sub(1)..DIGITS_MAX)
        .map(|places| format!("{value:.places$e}"))
        .find(|text| text.parse() == Ok(value) && !is_half_way(text, value))
        .unwrap_or(text)
}

/// Whether a text is as far from `value` as from the next double.
fn is_half_way(text: &str, value: f64) -> bool {
    // There it would have more digits than are written.
    if value < WHOLE_FROM {
        return false;
    }
    let (digits, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let places = digits
        .split_once('.')
        .map_or(0, |(_, fraction)| fraction.len());
    let digits: String = digits.chars().filter(char::is_ascii_digit).collect();
    let power = exponent.parse::<i64>().unwrap_or(0) - places as i64;
    let Ok(power) = u32::try_from(power) else {
        return false;
    };
    let Some(number) = BigUint::parse_bytes(digits.as_bytes(), 10) else {
        return false;
    };
    let twice = number * BigUint::from(10_u32).pow(power) * 2_u32;
    let whole = |value: f64| {
        let bits = value.to_bits();
        let exponent = ((bits >> 52) & 0x7ff) as i64 - 1075;
        let mantissa = BigUint::from(bits & ((1 << 52) - 1) | 1 << 52);
        if exponent >= 0 {
            mantissa << exponent
        } else {
            mantissa >> -exponent
        }
    };
    let value = (value, whole(value));
    [value.0.next_up(), value.0.next_down()]
        .into_iter()
        .filter(|next| next.is_finite())
        .any(|next| whole(next) + &value.1 == twice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_are_written_as_postgres_writes_them() {
        for (value, expected) in [
            (1e23, "9.999999999999999e+22"),
            (5e-324, "5e-324"),
            (9_007_199_254_740_992.0, "9.007199254740992e+15"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (-0.0, "-0"),
            (100.0, "100"),
            (1e15, "1e+15"),
            (123_456_789_012_345.6, "123456789012345.6"),
            (2_f64.powi(49) + 0.25, "562949953421312.2"),
            (0.1 + 0.2, "0.30000000000000004"),
            (f64::MAX, "1.7976931348623157e+308"),
        ] {
            let mut text = String::new();
            write(value, &mut text);
            assert_eq!(text, expected);
        }
    }
}
