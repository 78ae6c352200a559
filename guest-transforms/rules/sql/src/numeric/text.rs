//! Decimals as texts.

use std::fmt;

use num_bigint::BigInt;

use super::{Numeric, OVERFLOW, SCALE_MAX, WHOLE_DIGITS_MAX, big_power, small_power};

/// The first exponent that PostgreSQL refuses, of a zero, too.
const EXPONENT_END: i64 = (i32::MAX / 2) as i64;
/// Digits that always fit an `i128`.
const SMALL_DIGITS: usize = 38;

impl Numeric {
    /// A decimal of its text: digits with a point and an exponent, `NaN`, or an infinity.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let invalid = || crate::input::no_number(text, "numeric");
        let trimmed = crate::function::trim_spaces(text);
        let (is_negative, rest) = match trimmed.as_bytes().first() {
            Some(b'-') => (true, &trimmed[1..]),
            Some(b'+') => (false, &trimmed[1..]),
            _ => (false, trimmed),
        };
        if !rest.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
            return special(rest, is_negative, rest.len() < trimmed.len()).ok_or_else(invalid);
        }
        let (digits, exponent) = match rest.find(['e', 'E']) {
            Some(at) => (&rest[..at], Some(&rest[at + 1..])),
            None => (rest, None),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.len() + fraction.len() == 0 || !is_digits(whole) || !is_digits(fraction) {
            return Err(invalid());
        }
        let exponent = match exponent {
            Some(text) => exponent_of(text).ok_or_else(invalid)?,
            None => 0,
        };
        let scale = fraction.len() as i64 - exponent;
        let mut units = match whole.len() + fraction.len() <= SMALL_DIGITS {
            true => small(whole, fraction),
            false => big(whole, fraction),
        };
        if !(-WHOLE_DIGITS_MAX..=SCALE_MAX).contains(&scale) {
            // Zeros alone take no room.
            if scale > SCALE_MAX || units.signum() != 0 || exponent == EXPONENT_END {
                return Err(OVERFLOW.to_owned());
            }
            return Ok(Self::Small(0, 0));
        }
        if is_negative {
            units = units.negate();
        }
        units.with_scale(scale).map_err(str::to_owned)
    }

    /// These units, which are whole, as of another scale: below zero they become larger.
    fn with_scale(self, scale: i64) -> super::Answer {
        match self {
            Self::Small(units, _) if scale >= 0 => Ok(Self::Small(units, scale as u16)),
            Self::Small(units, _)
                if small_power(-scale as u32)
                    .is_some_and(|power| units.checked_mul(power).is_some()) =>
            {
                Ok(Self::Small(
                    units * small_power(-scale as u32).unwrap_or(1),
                    0,
                ))
            }
            _ => {
                let (units, _) = self.parts().unwrap_or_default();
                match scale >= 0 {
                    true => Self::of_parts(units, scale),
                    false => Self::of_parts(units * big_power(-scale as u32), 0),
                }
            }
        }
    }
}

fn small(whole: &str, fraction: &str) -> Numeric {
    let digits = whole.bytes().chain(fraction.bytes());
    let units = digits.fold(0, |units: i128, digit| {
        units * 10 + i128::from(digit - b'0')
    });
    Numeric::Small(units, 0)
}

fn big(whole: &str, fraction: &str) -> Numeric {
    let digits = [whole, fraction].concat();
    let units = BigInt::parse_bytes(digits.as_bytes(), 10).unwrap_or_default();
    Numeric::of_parts(units, 0).unwrap_or(Numeric::NaN)
}

fn special(text: &str, is_negative: bool, has_sign: bool) -> Option<Numeric> {
    let is = |word: &str| text.eq_ignore_ascii_case(word);
    match () {
        () if is("nan") && !has_sign => Some(Numeric::NaN),
        () if !is("infinity") && !is("inf") => None,
        () if is_negative => Some(Numeric::NegativeInfinity),
        () => Some(Numeric::Infinity),
    }
}

/// As C's `strtol` reads it, with blanks before it. Larger ones than any that fits count as one
/// that does not.
fn exponent_of(text: &str) -> Option<i64> {
    let text = text.trim_start_matches([' ', '\t', '\n', '\x0b', '\x0c', '\r']);
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let size = digits.parse::<i64>().unwrap_or(i64::MAX).min(EXPONENT_END);
    Some(if text.starts_with('-') { -size } else { size })
}

impl fmt::Display for Numeric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NaN => f.write_str("NaN"),
            Self::Infinity => f.write_str("Infinity"),
            Self::NegativeInfinity => f.write_str("-Infinity"),
            Self::Small(units, 0) => write!(f, "{units}"),
            Self::Small(units, scale) => {
                let digits = units.unsigned_abs();
                match small_power((*scale).into()).map(i128::unsigned_abs) {
                    Some(unit) => {
                        let (whole, part) = (digits / unit, digits % unit);
                        let sign = if *units < 0 { "-" } else { "" };
                        let width = usize::from(*scale);
                        write!(f, "{sign}{whole}.{part:0width$}")
                    }
                    None => point(f, *units < 0, &digits.to_string(), (*scale).into()),
                }
            }
            Self::Big(big) => {
                let digits = big.0.magnitude().to_string();
                let is_negative = big.0.sign() == num_bigint::Sign::Minus;
                point(f, is_negative, &digits, big.1.into())
            }
        }
    }
}

fn point(f: &mut fmt::Formatter<'_>, is_negative: bool, digits: &str, scale: usize) -> fmt::Result {
    let sign = if is_negative { "-" } else { "" };
    if scale == 0 {
        return write!(f, "{sign}{digits}");
    }
    let padded = format!("{digits:0>width$}", width = scale + 1);
    let (whole, part) = padded.split_at(padded.len() - scale);
    write!(f, "{sign}{whole}.{part}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_back_as_postgres_writes_them() {
        for (text, expected) in [
            (" 1.50 ", "1.50"),
            ("1.50e1", "15.0"),
            ("-0", "0"),
            ("-.5", "-0.5"),
            ("5.", "5"),
            ("1e40", "10000000000000000000000000000000000000000"),
            ("1e-40", "0.0000000000000000000000000000000000000001"),
            ("inf", "Infinity"),
            ("-Infinity", "-Infinity"),
            ("nan", "NaN"),
        ] {
            assert_eq!(Numeric::parse(text).unwrap().to_string(), expected);
        }
        for text in ["", ".", "1e", "1 2", "--1", "e5"] {
            let error = Numeric::parse(text).unwrap_err();
            assert_eq!(
                error,
                format!("invalid input syntax for type numeric: \"{text}\"")
            );
        }
        for text in ["1_000", "-0x1"] {
            let error = Numeric::parse(text).unwrap_err();
            assert!(error.starts_with("numbers with underscores"), "{error}");
        }
        assert_eq!(Numeric::parse("1e200000").unwrap_err(), OVERFLOW);
    }
}
