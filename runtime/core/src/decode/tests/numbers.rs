//! An integer is exact however it is written, or refused.

use arrow_array::Array;
use proptest::prelude::*;

use super::*;

/// The integer that `digits` shifted by `exponent` places is, by whole numbers alone.
fn oracle(is_negative: bool, digits: u64, exponent: i32) -> Option<i64> {
    let mut value = i128::from(digits);
    for _ in 0..exponent.max(0) {
        value = value.checked_mul(10)?;
    }
    for _ in exponent..0 {
        if value % 10 != 0 {
            return None;
        }
        value /= 10;
    }
    i64::try_from(if is_negative { -value } else { value }).ok()
}

fn read(number: &str) -> Option<i64> {
    let document = format!(r#"{{"a":{number}}}"#);
    let decoded = decoder(&[field("value.a", T::Int64)]).decode(&records(&[&document]));
    let values = decoded.batch.columns[0].values.as_primitive::<Int64Type>();
    assert_eq!(values.null_count(), 0);
    assert!(decoded.dead_letters.iter().all(|d| d.code == "wrong-type"));
    values.iter().next().flatten()
}

/// Digits with a point `places` from their end, and an exponent.
fn spelled(is_negative: bool, digits: u64, places: usize, exponent: i32) -> String {
    let digits = format!("{digits:0>width$}", width = places + 1);
    let (whole, fraction) = digits.split_at(digits.len() - places);
    let sign = if is_negative { "-" } else { "" };
    let point = if places > 0 { "." } else { "" };
    match exponent {
        0 => format!("{sign}{whole}{point}{fraction}"),
        _ => format!("{sign}{whole}{point}{fraction}e{exponent}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(5_000))]

    #[test]
    fn an_integer_is_exact_or_refused(
        is_negative: bool,
        digits in prop_oneof![any::<u64>(), (1u64 << 53) - 9..(1 << 53) + 9, 0..1000u64],
        places in 0..22usize,
        exponent in -25..25i32,
    ) {
        let number = spelled(is_negative, digits, places, exponent);
        let expected = oracle(is_negative, digits, exponent - places as i32);
        prop_assert_eq!(read(&number), expected, "{}", number);
    }
}

#[test]
fn integers_that_a_double_cannot_tell() {
    for (number, expected) in [
        ("9007199254740993.0", Some(9_007_199_254_740_993)),
        ("9007199254740993e0", Some(9_007_199_254_740_993)),
        ("1e17", Some(100_000_000_000_000_000)),
        ("9223372036854775807.000", Some(i64::MAX)),
        ("-9223372036854775808.0", Some(i64::MIN)),
        ("9223372036854775808.0", None),
        ("9007199254740992.5", None),
        ("1.0000000000000000000001", None),
        ("1.7265312E12", Some(1_726_531_200_000)),
        ("-0.0e9", Some(0)),
    ] {
        assert_eq!(read(number), expected, "{number}");
    }
}
