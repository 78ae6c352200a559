//! What text must look like to mean more than text.

use crate::column::LogicalType;

/// Digits that a `numeric` of Postgres has before its point (its manual, 8.1).
const NUMERIC_DIGITS_MAX: i64 = 131_072;

/// Whether `text` is a UUID in its usual form: 32 hexadecimal digits in groups of 8, 4, 4, 4 and
/// 12.
pub(super) fn is_uuid(text: &str) -> bool {
    let hyphen = |i: usize| matches!(i, 8 | 13 | 18 | 23);
    text.len() == 36
        && text.bytes().enumerate().all(|(i, b)| match hyphen(i) {
            true => b == b'-',
            false => b.is_ascii_hexdigit(),
        })
}

/// Whether `text` is a decimal number with no more digits before the point than `logical_type`
/// holds. Digits beyond the scale are left for Postgres to round.
pub(super) fn is_decimal(text: &str, logical_type: LogicalType) -> bool {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()),
        None => (unsigned, Some(0)),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all_digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    let Some(exponent) = exponent else {
        return false;
    };
    if whole.is_empty() || !all_digits(whole) || !all_digits(fraction) {
        return false;
    }
    let zeros = |s: &str| s.bytes().take_while(|&b| b == b'0').count() as i64;
    // Where the first digit that counts stands: 1 for 5, 2 for 50, 0 for 0.5, -1 for 0.05.
    let first = match (zeros(whole), zeros(fraction)) {
        (w, f) if w == whole.len() as i64 && f == fraction.len() as i64 => return true,
        (w, f) if w == whole.len() as i64 => -f,
        (w, _) => whole.len() as i64 - w,
    };
    let digits_max = match logical_type {
        LogicalType::Decimal { precision, scale } => i64::from(precision) - i64::from(scale),
        _ => NUMERIC_DIGITS_MAX,
    };
    first + i64::from(exponent) <= digits_max
}

/// The integer that a JSON `number` is, whether or not it is written with a fraction or an
/// exponent; none where it is none, or beyond 64 bits.
pub(super) fn exact_integer(number: &str) -> Option<i64> {
    let unsigned = number.strip_prefix('-').unwrap_or(number);
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let significant = digits.trim_end_matches('0').trim_start_matches('0');
    if significant.is_empty() {
        return Some(0);
    }
    let trailing = digits.len() - digits.trim_end_matches('0').len();
    let exponent: i64 = exponent.parse().ok()?;
    let zeros = exponent.checked_add(trailing as i64 - fraction.len() as i64)?;
    // 64 bits are 19 digits.
    let zeros = usize::try_from(zeros).ok().filter(|zeros| *zeros < 19)?;
    let sign = if number.starts_with('-') { "-" } else { "" };
    format!("{sign}{significant}{}", "0".repeat(zeros))
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_has_its_hyphens_where_they_belong() {
        assert!(is_uuid("123e4567-E89B-12d3-a456-426614174000"));
        for text in [
            "",
            "123e4567e89b12d3a456426614174000",
            "123e4567-e89b-12d3-a456-42661417400",
            "123e4567-e89b-12d3-a456-42661417400g",
            "123e4567-e89b-12d3-a4564-26614174000",
            "{123e4567-e89b-12d3-a456-42661417400",
        ] {
            assert!(!is_uuid(text), "{text}");
        }
    }

    #[test]
    fn a_decimal_fits_by_the_digits_before_its_point() {
        let decimal = LogicalType::Decimal {
            precision: 5,
            scale: 2,
        };
        for text in [
            "0",
            "-0.00",
            "999.99",
            "0999.999",
            "1e2",
            "9.99e2",
            "100000e-3",
            "0e9",
            "5.",
        ] {
            assert!(is_decimal(text, decimal), "{text}");
        }
        for text in [
            "", "-", ".", ".5", "+1", "1000", "1e3", "0.1e4", "NaN", "1,5", "1.2.3", "1e", "1e1.0",
            " 1",
        ] {
            assert!(!is_decimal(text, decimal), "{text}");
        }
    }
}
