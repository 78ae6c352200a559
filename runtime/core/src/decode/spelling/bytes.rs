//! Bytes that stand in text: base64, hexadecimal digits.

/// Appends to `out` what `text` stands for in base64: of both alphabets (RFC 4648, 4 and 5), with
/// or without padding. `None`: it is none, and `out` may have grown.
pub(crate) fn base64(text: &str, out: &mut Vec<u8>) -> Option<()> {
    out.reserve(text.len() / 4 * 3 + 2);
    each_of_base64(text, |byte| out.push(byte))
}

/// Hands over each byte that `text` stands for in base64, as [`base64`].
pub(crate) fn each_of_base64(text: &str, mut take: impl FnMut(u8)) -> Option<()> {
    let digits = text.trim_ascii().as_bytes();
    let padding = digits.iter().rev().take_while(|b| **b == b'=').count();
    let has_padding = padding > 0;
    if padding > 2 || has_padding && !digits.len().is_multiple_of(4) {
        return None;
    }
    let digits = &digits[..digits.len() - padding];
    for group in digits.chunks(4) {
        let mut bits = 0;
        for &digit in group {
            bits = bits << 6 | u32::from(sextet(digit)?);
        }
        let bits = bits << (6 * (4 - group.len()));
        let bytes = bits.to_be_bytes();
        // One digit alone holds no byte.
        let held = match group.len() {
            4 => 3,
            3 => 2,
            2 => 1,
            _ => return None,
        };
        if bytes[1 + held..].iter().any(|rest| *rest != 0) {
            return None;
        }
        bytes[1..1 + held].iter().for_each(|byte| take(*byte));
    }
    Some(())
}

fn sextet(digit: u8) -> Option<u8> {
    Some(match digit {
        b'A'..=b'Z' => digit - b'A',
        b'a'..=b'z' => digit - b'a' + 26,
        b'0'..=b'9' => digit - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    })
}

/// Appends to `out` what `text` stands for in pairs of hexadecimal digits, behind `\x` or not, as
/// Postgres writes bytes. `None`: it is none, and `out` may have grown.
pub(crate) fn hex(text: &str, out: &mut Vec<u8>) -> Option<()> {
    let text = text.trim_ascii();
    let digits = text.strip_prefix("\\x").unwrap_or(text).as_bytes();
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    let digit = |d: u8| char::from(d).to_digit(16);
    for pair in digits.chunks_exact(2) {
        // Two digits of 16 are a byte.
        out.push((digit(pair[0])? * 16 + digit(pair[1])?) as u8);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(of: fn(&str, &mut Vec<u8>) -> Option<()>, text: &str) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        of(text, &mut out).map(|()| out)
    }

    #[test]
    fn what_is_no_base64_or_hex_is_refused() {
        for text in [
            "A", "AAAAA", "AP8Q=", "AP8=Q", "A===", "AP 8", "=", "AP9", "é", "AB",
        ] {
            assert_eq!(read(base64, text), None, "{text}");
        }
        for (text, bytes) in [
            ("", &b""[..]),
            ("AP8Q", b"\x00\xff\x10"),
            ("AP8", b"\x00\xff"),
            ("AP8=", b"\x00\xff"),
            ("-_-_", b"\xfb\xff\xbf"),
            ("+/+/", b"\xfb\xff\xbf"),
        ] {
            assert_eq!(read(base64, text).as_deref(), Some(bytes), "{text}");
        }
        for text in ["0", "0g", "0x00", "é0"] {
            assert_eq!(read(hex, text), None, "{text}");
        }
        assert_eq!(read(hex, "\\x00fF10").unwrap(), b"\x00\xff\x10");
    }

    proptest! {
        #[test]
        fn bytes_come_back(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let text = crate::decode::base64(&bytes);
            prop_assert_eq!(read(base64, &text), Some(bytes.clone()));
            prop_assert_eq!(read(base64, text.trim_end_matches('=')), Some(bytes.clone()));
            let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            prop_assert_eq!(read(hex, &digits), Some(bytes));
        }
    }
}
