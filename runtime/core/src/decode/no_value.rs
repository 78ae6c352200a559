//! The ways in which a record says that it has no value.

use super::format::json::{is_first_of_wrapper, payload_behind, schema_of_null};
use crate::record::{Record, Value};

/// How a topic's values are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ValueForm {
    /// As JSON documents. Nothing at all, `null` and Connect's wrapper around `null` are no value:
    /// converters write them for Kafka's null.
    Document,
    /// Otherwise, or not at all: only Kafka's null is no value.
    Opaque,
}

impl ValueForm {
    /// Whether the record has no value: whether it is a tombstone.
    #[inline]
    pub(crate) fn is_tombstone(self, record: &Record<'_>) -> bool {
        match (record.value, self) {
            (None, _) => true,
            (Some(_), Self::Opaque) => false,
            (Some(value), Self::Document) => match value.head() {
                None => is_null(value.rest()),
                Some(_) => is_null_behind(value),
            },
        }
    }
}

/// The same of a value that begins with a wrapper's head.
#[inline]
fn is_null_behind(value: Value<'_>) -> bool {
    let payload = payload_behind(value.rest()).map(<[u8]>::trim_ascii);
    payload == Some(b"null")
}

#[inline]
fn is_null(value: &[u8]) -> bool {
    match value {
        [] => true,
        // Nearly every document: one that begins with another name than a wrapper's.
        [b'{', b'"', first, ..] if !is_first_of_wrapper(*first) => false,
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
            assert!(is_null(value.as_bytes()), "{value}");
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
            assert!(!is_null(value.as_bytes()), "{value}");
        }
    }
}
