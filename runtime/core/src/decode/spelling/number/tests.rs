use proptest::prelude::*;

use super::*;

fn of_size(precision: u8, scale: u8) -> LogicalType {
    LogicalType::Decimal { precision, scale }
}

fn fits(text: &str, logical_type: LogicalType) -> bool {
    decimal(text, logical_type) == Some(DecimalText::Same)
}

#[test]
fn a_decimal_fits_by_its_digits_on_both_sides_of_the_point() {
    for text in [
        "0",
        "-0.00",
        "999.99",
        "0999.990",
        "1e2",
        "9.99e2",
        "9.99E+2",
        "100000e-3",
        "0e9",
        "5.",
        "0.000",
        "00.01",
        "0.00000e9",
    ] {
        assert!(fits(text, of_size(5, 2)), "{text}");
    }
    for text in [
        "",
        "-",
        ".",
        ".5",
        "+1",
        "1000",
        "1e3",
        "0.1e4",
        "1,5",
        "1.2.3",
        "1e",
        "1e1.0",
        " 1",
        "999.999",
        "0.001",
        "1e-3",
        "0x1",
        "Infinity",
        "BAg=",
        "1e99999999999",
    ] {
        assert_eq!(decimal(text, of_size(5, 2)), None, "{text}");
    }
    assert!(fits("0.333333333333333333333333", LogicalType::Numeric));
    assert!(!fits("1e131072", LogicalType::Numeric) && fits("1e131071", LogicalType::Numeric));
    let word = |text| decimal(text, LogicalType::Numeric);
    assert_eq!(word("NAN"), Some(DecimalText::Word("NaN")));
    assert_eq!(word("-infinity"), Some(DecimalText::Word("-Infinity")));
    assert_eq!(word("-nan"), None);
    let of_size = decimal("nan", of_size(5, 2));
    assert_eq!(of_size, Some(DecimalText::Word("NaN")));
}

#[test]
fn text_is_a_number_or_a_truth_value() {
    assert_eq!(integer("9007199254740993"), Some(9_007_199_254_740_993));
    assert_eq!(integer(" -007 "), Some(-7));
    for text in ["", "1.0", "1e3", "0x1", "9223372036854775808", "one"] {
        assert_eq!(integer(text), None, "{text}");
    }
    for (text, value) in [
        ("1.5", 1.5),
        (" -0 ", -0.0),
        ("Infinity", f64::INFINITY),
        ("-Infinity", f64::NEG_INFINITY),
        ("1e-300", 1e-300),
        ("0e-999", 0.0),
    ] {
        assert_eq!(float(text), Some(value), "{text}");
    }
    assert!(float("NaN").is_some_and(f64::is_nan));
    for text in ["", "1e400", "-1e400", "1e-400", "1,5", "0x10"] {
        assert_eq!(float(text), None, "{text}");
    }
    for (text, value) in [
        ("true", true),
        ("T", true),
        ("1", true),
        ("f", false),
        ("0", false),
    ] {
        assert_eq!(boolean(text), Some(value), "{text}");
    }
    assert_eq!(
        (boolean("2"), boolean(""), boolean("trueish")),
        (None, None, None)
    );
}

/// The digits of a number whose magnitude is `bytes`, by schoolbook.
fn schoolbook(bytes: &[u8]) -> String {
    let mut digits = vec![0u32];
    for byte in bytes {
        let mut carry = u32::from(*byte);
        for digit in &mut digits {
            let value = *digit * 256 + carry;
            (*digit, carry) = (value % 10, value / 10);
        }
        while carry > 0 {
            digits.push(carry % 10);
            carry /= 10;
        }
    }
    digits
        .iter()
        .rev()
        .map(|digit| char::from(b'0' + *digit as u8))
        .collect()
}

proptest! {
    #[test]
    fn an_unscaled_integer_is_what_schoolbook_says(
        bytes in prop::collection::vec(any::<u8>(), 1..60),
        is_negative: bool,
        scale in 0..40usize,
    ) {
        let mut signed = [&[0], &bytes[..]].concat();
        let digits = schoolbook(&bytes);
        let is_negative = is_negative && digits != "0";
        if is_negative {
            let mut carries = true;
            for byte in signed.iter_mut().rev() {
                (*byte, carries) = (!*byte).overflowing_add(u8::from(carries));
            }
        }
        let padded = format!("{digits:0>width$}", width = scale + 1);
        let (whole, fraction) = padded.split_at(padded.len() - scale);
        let sign = if is_negative { "-" } else { "" };
        let point = if scale > 0 { "." } else { "" };
        let mut out = "before ".to_owned();
        unscaled(&signed, scale as i32, &mut out).unwrap();
        prop_assert_eq!(out, format!("before {sign}{whole}{point}{fraction}"));
    }
}

#[test]
fn unscaled_integers_that_debezium_wrote() {
    let of = |base64: &str, scale| {
        let (mut bytes, mut out) = (Vec::new(), String::new());
        super::super::bytes::base64(base64, &mut bytes).unwrap();
        unscaled(&bytes, scale, &mut out).map(|()| out)
    };
    assert_eq!(of("B1vNFQ==", 2).unwrap(), "1234567.89");
    assert_eq!(of("BNI=", 2).unwrap(), "12.34");
    let long = "123456789012345678901234567890.123456789";
    assert_eq!(of("XODppWAV/sWq36MorjmBFQ==", 9).unwrap(), long);
    assert_eq!(of("BQ==", -3).unwrap(), "5000");
    assert_eq!(of("AA==", -3).unwrap(), "0");
    assert_eq!(of("+w==", 2).unwrap(), "-0.05");
    assert_eq!((of("", 2), of("AA==", 20_000)), (None, None));
}

#[test]
fn bits_stand_last_byte_first() {
    let of = |bytes: &[u8], length| {
        let mut out = String::new();
        bits(bytes, length, &mut out).map(|()| out)
    };
    assert_eq!(of(b"\x0a", 4).unwrap(), "1010");
    assert_eq!(of(b"\x01\x80", 16).unwrap(), "1000000000000001");
    assert_eq!(of(b"\x01", 10).unwrap(), "0000000001");
    assert_eq!(
        (of(b"\x10", 4), of(b"\x00\x00", 4).as_deref()),
        (None, Some("0000"))
    );
}
