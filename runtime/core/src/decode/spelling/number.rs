//! Numbers and truth values as text, and decimals as unscaled integers.

use std::fmt::Write as _;

use crate::column::LogicalType;

/// Digits that a `numeric` of Postgres has before its point, and behind it (its manual, 8.1).
const NUMERIC_DIGITS: (i64, i64) = (131_072, 16_383);

/// Longest unscaled integer: as many bytes as the digits of a `numeric` need.
const UNSCALED_BYTES_MAX: usize = 61_232;

/// The whole number that a text is, as Postgres reads one.
pub(crate) fn integer(text: &str) -> Option<i64> {
    text.trim_ascii().parse().ok()
}

/// The number that a text is, as Postgres reads one. `None` also where no double is near.
pub(crate) fn float(text: &str) -> Option<f64> {
    let text = text.trim_ascii();
    let value: f64 = text.parse().ok()?;
    let mut mantissa = text.split(['e', 'E']).next().unwrap_or_default().bytes();
    let is_zero = !mantissa.any(|b| matches!(b, b'1'..=b'9'));
    let is_word = !text.bytes().any(|b| b.is_ascii_digit());
    let is_near = is_word || value.is_finite() && (value != 0.0 || is_zero);
    is_near.then_some(value)
}

/// The truth value that a text is.
pub(crate) fn boolean(text: &str) -> Option<bool> {
    let text = text.trim_ascii();
    let is = |words: &[&str]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    match is(&["true", "t", "1"]) {
        true => Some(true),
        false => is(&["false", "f", "0"]).then_some(false),
    }
}

/// A decimal number as a text spells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DecimalText {
    /// It is taken as it stands.
    Same,
    /// It is this word: not a number, or an infinity.
    Word(&'static str),
}

/// Whether a text is a decimal number that fits `logical_type`: with no more digits before its
/// point, and none but zeros beyond its scale. `None`: it is none, or does not fit.
pub(crate) fn decimal(text: &str, logical_type: LogicalType) -> Option<DecimalText> {
    let (digits_max, scale_max) = match logical_type {
        LogicalType::Decimal { precision, scale } => {
            (i64::from(precision) - i64::from(scale), i64::from(scale))
        }
        _ => NUMERIC_DIGITS,
    };
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    if !unsigned.starts_with(|c: char| c.is_ascii_digit()) {
        return word(text, logical_type).map(DecimalText::Word);
    }
    let (digits, decimals) = extent(unsigned)?;
    (digits <= digits_max && decimals <= scale_max).then_some(DecimalText::Same)
}

/// Whether a text is a number that has more digits behind its point than `scale`: where that is
/// negative, so many before the point may not count either.
pub fn has_more_digits(text: &str, scale: i32) -> bool {
    let extent = extent(text.strip_prefix('-').unwrap_or(text));
    extent.is_some_and(|(_, decimals)| decimals > i64::from(scale))
}

/// Appends bytes, none of them zero, that are the same for all spellings of one decimal number, as
/// `1.0` and `10e-1` are; what is no number is itself.
pub(crate) fn put_number(text: &str, out: &mut Vec<u8>) {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let is_number = unsigned.starts_with(|c: char| c.is_ascii_digit());
    let Some((digits, _)) = extent(unsigned).filter(|_| is_number) else {
        // A byte that no number begins with.
        out.push(b'"');
        out.extend(text.bytes().filter(|b| *b != 0));
        return;
    };
    let mantissa = unsigned.split(['e', 'E']).next().unwrap_or_default();
    let is_digit = |b: &u8| b.is_ascii_digit();
    let mut counting = mantissa
        .bytes()
        .filter(is_digit)
        .skip_while(|b| *b == b'0')
        .peekable();
    if counting.peek().is_none() {
        return out.push(b'0');
    }
    let _ = std::io::Write::write_fmt(out, format_args!("{digits}:"));
    // Behind the count, which has a sign of its own below 0.1.
    if unsigned.len() < text.len() {
        out.push(b'-');
    }
    out.extend(counting);
    let end = out
        .iter()
        .rposition(|b| *b != b'0')
        .map_or(0, |last| last + 1);
    out.truncate(end);
}

/// How many digits a number without a sign has before its point, and behind it; those that do not
/// count are left out, so that either may be negative, and zero has `(0, i64::MIN)`. `None`: it is
/// no number.
fn extent(unsigned: &str) -> Option<(i64, i64)> {
    let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
        Some(at) => (&unsigned[..at], unsigned[at + 1..].parse::<i32>().ok()?),
        None => (unsigned, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all_digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    if !all_digits(whole) || !all_digits(fraction) {
        return None;
    }
    // Where the first and the last digit stand that count: the ones are 1, the tenths 0.
    let place = |i: usize| whole.len() as i64 - i as i64 + i64::from(exponent);
    let counts = |b: &u8| matches!(b, b'1'..=b'9');
    let all = || whole.bytes().chain(fraction.bytes());
    let Some(first) = all().position(|b| counts(&b)) else {
        return Some((0, i64::MIN));
    };
    let behind = fraction.bytes().rev().chain(whole.bytes().rev());
    let last = whole.len() + fraction.len() - 1 - behind.take_while(|b| !counts(b)).count();
    Some((place(first), 1 - place(last)))
}

/// The words that stand for what is no number, as Java and Postgres write them. A `numeric` with a
/// precision holds no infinity.
fn word(text: &str, logical_type: LogicalType) -> Option<&'static str> {
    let (sign, unsigned) = match text.strip_prefix('-') {
        Some(unsigned) => ("-", unsigned),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let is = |word: &str| unsigned.eq_ignore_ascii_case(word);
    match sign {
        "" if is("nan") && unsigned.len() == text.len() => Some("NaN"),
        _ if logical_type != LogicalType::Numeric || !is("infinity") => None,
        "-" => Some("-Infinity"),
        _ => Some("Infinity"),
    }
}

/// Appends to `out` the decimal number that `unscaled`, a signed integer with its first byte first,
/// is with `scale` digits behind its point. `None`: no `numeric` is so long.
pub(crate) fn unscaled(unscaled: &[u8], scale: i32, out: &mut String) -> Option<()> {
    let in_range = i64::from(scale).abs() <= NUMERIC_DIGITS.1;
    if unscaled.is_empty() || unscaled.len() > UNSCALED_BYTES_MAX || !in_range {
        return None;
    }
    let start = out.len();
    let is_negative = unscaled[0] & 0x80 != 0;
    if unscaled.len() <= 16 {
        let fill = if is_negative { 0xff } else { 0 };
        let mut bytes = [fill; 16];
        bytes[16 - unscaled.len()..].copy_from_slice(unscaled);
        write!(out, "{}", i128::from_be_bytes(bytes).unsigned_abs()).ok()?;
    } else {
        digits_of(magnitude(unscaled, is_negative), out);
    }
    let is_zero = &out[start..] == "0";
    if scale > 0 {
        let scale = usize::try_from(scale).ok()?;
        let digits = out.len() - start;
        if digits <= scale {
            out.insert_str(start, &"0".repeat(scale + 1 - digits));
        }
        out.insert(out.len() - scale, '.');
    } else if !is_zero {
        out.extend(std::iter::repeat_n('0', scale.unsigned_abs() as usize));
    }
    if is_negative {
        out.insert(start, '-');
    }
    Some(())
}

/// The magnitude of a signed integer, in pieces of 32 bits, the first the most significant.
fn magnitude(unscaled: &[u8], is_negative: bool) -> Vec<u32> {
    let fill = if is_negative { 0xff } else { 0 };
    let missing = (4 - unscaled.len() % 4) % 4;
    let padded: Vec<u8> = std::iter::repeat_n(fill, missing)
        .chain(unscaled.iter().copied())
        .collect();
    let mut pieces: Vec<u32> = padded
        .chunks_exact(4)
        .map(|b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]))
        .collect();
    if is_negative {
        let mut carries = true;
        for piece in pieces.iter_mut().rev() {
            let (negated, overflows) = (!*piece).overflowing_add(u32::from(carries));
            (*piece, carries) = (negated, overflows);
        }
    }
    pieces
}

/// Appends the decimal digits of a number in pieces of 32 bits, by dividing it again and again.
fn digits_of(mut pieces: Vec<u32>, out: &mut String) {
    // As many digits as a piece holds.
    const BASE: u64 = 1_000_000_000;
    let mut groups = Vec::new();
    while pieces.iter().any(|piece| *piece != 0) {
        let mut rest = 0;
        for piece in &mut pieces {
            let of = rest << 32 | u64::from(*piece);
            // A rest is below BASE, so the quotient fits.
            *piece = (of / BASE) as u32;
            rest = of % BASE;
        }
        groups.push(rest);
        let zeros = pieces.iter().take_while(|piece| **piece == 0).count();
        pieces.drain(..zeros);
    }
    let _ = write!(out, "{}", groups.pop().unwrap_or(0));
    while let Some(group) = groups.pop() {
        let _ = write!(out, "{group:09}");
    }
}

/// Appends to `out` the `length` bits of a bit string, of which `bytes` has the last eight first.
/// `None`: there are more bits.
pub(crate) fn bits(bytes: &[u8], length: u32, out: &mut String) -> Option<()> {
    let is_set = |bit: u32| {
        let byte = bytes.get(bit as usize / 8);
        byte.is_some_and(|byte| byte >> (bit % 8) & 1 == 1)
    };
    let held = u32::try_from(bytes.len() * 8).ok()?;
    if (length..held).any(is_set) {
        return None;
    }
    out.extend(
        (0..length)
            .rev()
            .map(|bit| if is_set(bit) { '1' } else { '0' }),
    );
    Some(())
}

#[cfg(test)]
mod tests;
