//! A message is malformed exactly when it is no JSON, by serde_json's reading of the grammar.

use proptest::prelude::*;
use serde::de::IgnoredAny;

use super::documents::{damage, damaged, json};
use super::*;
use crate::decode::format::json::DEPTH_MAX;

/// Reads that walk, skip, and keep text.
fn reads() -> Vec<Vec<Field>> {
    let decimal = T::Decimal {
        precision: 9,
        scale: 2,
    };
    vec![
        vec![field("value.nowhere", T::Text)],
        vec![
            field("value.a.a", T::Text),
            field("value.a.b", T::Int64),
            field("value.c", T::Float64),
        ],
        vec![
            field("value.a", T::Json),
            field("value.b.a", T::Json),
            field("value.c", decimal),
        ],
        vec![
            field("value", T::Json),
            field("value.a", T::Json),
            field("value.a.b.c", T::Uuid),
        ],
    ]
}

/// By the grammar alone: a number may be of any size, an escape may be half of a pair.
fn is_json(message: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(message) else {
        return false;
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let (mut depth, mut depth_max, mut in_text, mut escaped) = (0u32, 0, false, false);
    for b in text.bytes() {
        match (in_text, b) {
            (true, _) if escaped => escaped = false,
            (true, b'\\') => escaped = true,
            (_, b'"') => in_text = !in_text,
            (false, b'[' | b'{') => {
                depth += 1;
                depth_max = depth_max.max(depth);
            }
            (false, b']' | b'}') => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    depth_max <= DEPTH_MAX && serde_json::from_str::<IgnoredAny>(text).is_ok()
}

/// Whether a text of the valid `message` is no Unicode, by what serde_json says of each.
fn has_half_pair(message: &[u8]) -> bool {
    let text = String::from_utf8_lossy(message);
    let mut pieces = text.split('"').peekable();
    let mut found = false;
    while let Some(piece) = pieces.next() {
        let mut quoted = piece.to_owned();
        while quoted.bytes().rev().take_while(|&b| b == b'\\').count() % 2 == 1
            && let Some(more) = pieces.next()
        {
            quoted = format!("{quoted}\"{more}");
        }
        let is_text = quoted.contains("\\u");
        found |= is_text && serde_json::from_str::<String>(&format!("\"{quoted}\"")).is_err();
    }
    found
}

fn check(message: &[u8]) -> Result<(), TestCaseError> {
    // Nothing at all is no value.
    let accepted = message.is_empty() || is_json(message);
    // Half of a surrogate pair is refused where it is read.
    let reads = match accepted && has_half_pair(message) {
        true => reads()[..1].to_vec(),
        false => reads(),
    };
    for reads in reads {
        let decoded = decoder(&reads).decode(&records(&[message]));
        let malformed = decoded.dead_letters.iter().any(|d| d.code == "malformed");
        let shown = String::from_utf8_lossy(message);
        prop_assert_eq!(
            malformed,
            !accepted,
            "{:?} with {:?}",
            shown,
            decoded.dead_letters
        );
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn valid_messages(message in json()) {
        check(message.as_bytes())?;
    }

    #[test]
    fn damaged_messages(message in json(), damages in prop::collection::vec(damage(), 1..4)) {
        check(&damages.iter().fold(message.into_bytes(), damaged))?;
    }

    #[test]
    fn any_bytes(message in prop::collection::vec(any::<u8>(), 0..40)) {
        check(&message)?;
    }
}

#[test]
fn messages_that_parsers_disagree_about() {
    let inner = [
        "01",
        "-",
        "-01",
        "1.",
        ".5",
        "1e",
        "1e+",
        "+1",
        "1.5.5",
        "1e5e5",
        "0x1",
        "NaN",
        "Infinity",
        "-Infinity",
        "1e308",
        "1e309",
        "-1e999",
        "0e999",
        "1e-999",
        "123456789012345678901234567890",
        "-0",
        "-0.0",
        "1_0",
        "\"\\ud800\"",
        "\"\\udc00\"",
        "\"\\ud800\\u0041\"",
        "\"\\ud800\\ud800\"",
        "\"\\udfff\\ud800\"",
        "\"\\ud83d\\ude00\"",
        "\"\\ud800x\"",
        "\"\\ud800\\n\"",
        "\"\\uZZZZ\"",
        "\"\\u12\"",
        "\"\\u\"",
        "\"\\x\"",
        "\"\\",
        "\"\\u00",
        "\"a\tb\"",
        "\"a\u{1f}\"",
        "\"a\u{7f}\"",
        "'a'",
        "nul",
        "nulll",
        "tru",
        "True",
        "[1,]",
        "[,1]",
        "[1 2]",
        "[",
        "[1",
        "]",
        "{\"a\":1,}",
        "{,}",
        "{\"a\"}",
        "{\"a\":}",
        "{a:1}",
        "{\"a\":1 \"b\":2}",
        "{1:1}",
        "{\"a\":1,\"a\":2}",
        "/**/1",
        "1 // x",
        "\u{feff}1",
        "\u{a0}1",
        "1\u{0}",
        "\u{0c}1",
        "",
        " ",
        "\"",
        "\"a",
        "[[]]",
        "[{}]",
        "\"\\/\\b\\f\\n\\r\\t\"",
    ];
    for inner in inner {
        check(inner.as_bytes()).unwrap();
        for name in ["a", "b", "c", "x", "\\u0061"] {
            check(format!("{{\"{name}\":{inner}}}").as_bytes()).unwrap();
            check(format!("{{\"a\":{{\"{name}\":{inner}}}}}").as_bytes()).unwrap();
            check(format!("{{\"x\":[0,{inner}],\"{name}\":0}}").as_bytes()).unwrap();
        }
        check(format!("{{\"a\":0}}{inner}").as_bytes()).unwrap();
    }
    for bytes in [
        &b"\"\xff\""[..],
        b"\xef\xbb\xbf{}",
        b"\"\xed\xa0\x80\"",
        b"\"\xc0\x80\"",
        b"{\"x\":\"\xe9\"}",
    ] {
        check(bytes).unwrap();
    }
}

#[test]
fn depth_has_a_limit_and_nothing_overflows() {
    let nested =
        |open: &str, close: &str, n: usize| format!("{}0{}", open.repeat(n), close.repeat(n));
    let limit = DEPTH_MAX as usize;
    for n in [limit - 1, limit, limit + 1, 100_000] {
        for (open, close) in [("[", "]"), ("{\"a\":", "}"), ("{\"x\":[", "]}")] {
            let message = nested(open, close, n / open.matches(['[', '{']).count());
            check(message.as_bytes()).unwrap();
            check(open.repeat(n).as_bytes()).unwrap();
            if n > limit + 1 {
                for reads in reads() {
                    let (code, reason) = refusal(&reads, &message);
                    assert_eq!(code, "malformed");
                    assert_eq!(
                        reason,
                        "value has more than 127 objects and arrays in one another"
                    );
                }
            }
        }
    }
}

#[test]
fn a_malformed_message_is_told_with_its_byte() {
    let reads = [field("value.a", T::Json)];
    let cases = [
        (
            "{\"a\":1",
            "value is not valid JSON at byte 6: the document ends too early",
        ),
        (
            "{\"a\":[1 2]}",
            "value is not valid JSON at byte 8: expected `,` or `]`",
        ),
        (
            "{} {}",
            "value is not valid JSON at byte 3: there is more after the value",
        ),
        (
            "{\"x\":\"\\uzzzz\"}",
            "value is not valid JSON at byte 6: a `\\` in a text begins no escape",
        ),
        (
            "{\"a\":01}",
            "value is not valid JSON at byte 7: a number begins with 0",
        ),
        (
            "{\"a\":[1,]}",
            "value is not valid JSON at byte 8: nothing stands after a `,`",
        ),
        (
            "{a:1}",
            "value is not valid JSON at byte 1: expected a name in quotation marks",
        ),
        (
            "\u{0}\u{0}{}",
            "value is not valid JSON at byte 0: no value begins here",
        ),
    ];
    for (value, message) in cases {
        let (code, found) = refusal(&reads, value);
        assert_eq!(code, "malformed");
        assert!(found.starts_with(message), "{value}: {found}");
    }
    let decoded = decoder(&reads).decode(&records(&[&b"{\"a\":\"\xff\"}"[..]]));
    assert_eq!(
        decoded.dead_letters[0].message,
        "value is not UTF-8 at byte 6"
    );
}
