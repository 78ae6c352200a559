//! What text must look like to mean more than text.

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
}
