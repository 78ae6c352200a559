//! Documents that are no value: nothing at all, `null`, and Connect's wrapper around `null`, which
//! converters write for Kafka's null.

use super::wrapper::{is_first, payload_behind, schema_of_null};

/// The same of a value that begins with a wrapper's head, behind which `rest` lies.
#[inline]
pub(crate) fn is_no_value_behind(rest: &[u8]) -> bool {
    payload_behind(rest).map(<[u8]>::trim_ascii) == Some(b"null")
}

/// Whether a value says that there is none.
#[inline]
pub(crate) fn is_no_value(value: &[u8]) -> bool {
    match value {
        [] => true,
        // Nearly every document: one that begins with another name than a wrapper's.
        [b'{', b'"', first, ..] if !is_first(*first) => false,
        _ => is_null_document(value),
    }
}

#[inline(never)]
fn is_null_document(value: &[u8]) -> bool {
    let document = value
        .strip_prefix(b"\xef\xbb\xbf")
        .unwrap_or(value)
        .trim_ascii();
    match document {
        [.., b'}'] => schema_of_null(document).is_some(),
        _ => document == b"null",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_null_and_a_wrapped_null_are_no_value() {
        let deep = format!(
            r#"{{"schema":{}1{},"payload":null}}"#,
            "[".repeat(90),
            "]".repeat(90)
        );
        for value in [
            "",
            "null",
            " null\n",
            "\u{feff}null",
            r#"{"schema":null,"payload":null}"#,
            r#"{"schema":{"type":"struct","fields":[{"a":1}]},"payload":null}"#,
            " { \"schema\" : 1 , \"payload\" : null }\n",
            r#"{"payload":null,"schema":{"optional":true}}"#,
            &deep,
        ] {
            assert!(is_no_value(value.as_bytes()), "{value}");
        }
        let too_deep = deep.replace('[', "[[").replace(']', "]]");
        for value in [
            "  ",
            "\u{feff}",
            "nul",
            "nullnull",
            "{}",
            "{",
            "}",
            "null}",
            r#"{"payload":null}"#,
            r#"{"schema":null}"#,
            r#"{"schema":null,"payload":{}}"#,
            r#"{"schema":,"payload":null}"#,
            r#"{"schema":1,"other":2,"payload":null}"#,
            r#"{"schema":{},"payload":null,"payload":null}"#,
            r#"{"payload":null,"schema":{},"a":1}"#,
            r#"{"op":"u","after":null}"#,
            r#"{"schema":"a"b","payload":null}"#,
            &too_deep,
        ] {
            assert!(!is_no_value(value.as_bytes()), "{value}");
        }
    }
}
