//! Instants in the one spelling that nearly all have: `2024-09-17T12:34:56.789012Z`, as Java and
//! Debezium write them. [`super::time`] reads all others.

use crate::calendar::{days_in_month, days_of};

/// Microseconds since the Unix epoch. `None`: it is spelled otherwise, or no instant.
#[inline]
pub(crate) fn instant(text: &str) -> Option<i64> {
    let (seconds, fraction) = text.strip_suffix('Z')?.as_bytes().split_at_checked(19)?;
    let has_marks = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')]
        .iter()
        .all(|&(at, mark)| seconds[at] == mark);
    if !has_marks {
        return None;
    }
    let pair = |at: usize| number(&seconds[at..at + 2]);
    let year = number(&seconds[..4])?;
    let (month, day) = (pair(5)?, pair(8)?);
    let (hour, minute, second) = (pair(11)?, pair(14)?, pair(17)?);
    let is_date = (1..=12).contains(&month) && day >= 1 && day <= days_in_month(year.into(), month);
    if !is_date || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let days = days_of(year.into(), month, day);
    let of_day = hour * 3600 + minute * 60 + second;
    Some((days * 86_400 + i64::from(of_day)) * 1_000_000 + i64::from(micros(fraction)?))
}

/// What a point and up to six digits are, or nothing at all.
#[inline]
fn micros(fraction: &[u8]) -> Option<u32> {
    const UNITS: [u32; 7] = [1_000_000, 100_000, 10_000, 1_000, 100, 10, 1];
    match fraction {
        [] => Some(0),
        [b'.', digits @ ..] if !digits.is_empty() => {
            Some(UNITS.get(digits.len())? * number(digits)?)
        }
        _ => None,
    }
}

/// The number that a few digits are: nine at most, so that 32 bits hold it.
#[inline(always)]
fn number(digits: &[u8]) -> Option<u32> {
    let mut value = 0;
    for byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value * 10 + u32::from(digit);
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::decode::spelling::time;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(5_000))]

        #[test]
        fn an_instant_is_what_it_is_in_other_spellings(
            (year, month, day) in (0..10_000u32, 0..14u32, 0..33u32),
            (hour, minute, second) in (0..26u32, 0..62u32, 0..62u32),
            fraction in "(\\.[0-9]{0,6})?",
        ) {
            let date = format!("{year:04}-{month:02}-{day:02}");
            let text = format!("{date}T{hour:02}:{minute:02}:{second:02}{fraction}Z");
            let found = instant(&text);
            if hour < 24 && second < 60 {
                prop_assert_eq!(found, time::instant(&text), "{}", text);
            } else {
                prop_assert_eq!(found, None, "{}", text);
            }
        }
    }

    #[test]
    fn other_spellings_are_not_its_own() {
        assert_eq!(
            instant("2024-09-17T12:34:56.789012Z"),
            Some(1_726_576_496_789_012)
        );
        for text in [
            "",
            "Z",
            "2024-09-17Z",
            "2024-09-17 12:34:56Z",
            "2024-09-17T12:34:56",
            "2024-09-17T12:34:56.7890123Z",
            "2024-09-17T12:34:56.-1Z",
            "+024-09-17T12:34:56Z",
            "2024-09-17T12:34:5éZ",
            "\u{e9}024-09-17T12:34:56Z",
        ] {
            assert_eq!(instant(text), None, "{text}");
        }
    }
}
