//! What a source sends in the place of a value that it did not send.
//!
//! Debezium writes one text where PostgreSQL left a large value out because it did not change, and
//! makes of it what fits the column: `UnchangedToastedPlaceholder` there.

use std::fmt::Write as _;

use md5::{Digest, Md5};

use super::plain_json::base64;

/// The spellings of one text, by the types of columns.
#[derive(Debug, Default)]
pub(super) struct Placeholder {
    /// As text: itself; in base64 and as hexadecimal digits, of bytes; a UUID made of it; the JSON
    /// of a map.
    texts: Vec<String>,
    /// Bit `n % 64` is set where a text has `n` bytes: what nearly all texts of a record are told
    /// apart by.
    lengths: u64,
    /// As a JSON document, token by token: a list of the one text, of its bytes, a map.
    documents: Vec<Vec<String>>,
}

impl Placeholder {
    pub(super) fn new(text: &str) -> Self {
        let base64 = base64(text.as_bytes());
        let hex = text.bytes().fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        });
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        let list = |of: &str| ["[", &quoted(of), "]"].map(str::to_owned).to_vec();
        let map = ["{", &quoted(text), ":", &quoted(text), "}"].map(str::to_owned);
        let scalars = [
            text.to_owned(),
            base64.replace('+', "-").replace('/', "_"),
            base64,
            hex.to_uppercase(),
            hex,
            uuid(text.as_bytes()),
        ];
        let mut documents: Vec<Vec<String>> = scalars.iter().map(|text| list(text)).collect();
        documents.push(bytes(text.as_bytes()));
        documents.push(map.to_vec());
        let texts: Vec<String> = scalars.into_iter().chain([map.concat()]).collect();
        Self {
            lengths: texts.iter().fold(0, |bits, text| bits | bit(text)),
            texts,
            documents,
        }
    }

    /// Whether the content of a text is the placeholder.
    #[inline]
    pub(super) fn is_text(&self, text: &str) -> bool {
        self.lengths & bit(text) != 0 && self.texts.iter().any(|spelling| spelling == text)
    }

    /// Whether bytes are the placeholder.
    #[inline]
    pub(super) fn is_bytes(&self, bytes: &[u8]) -> bool {
        let text = self.texts.first();
        text.is_some_and(|text| text.as_bytes() == bytes)
    }

    /// Whether a JSON value, as it stands in its document, is the placeholder. One that has it
    /// somewhere inside is not.
    pub(super) fn is_json(&self, json: &str) -> bool {
        match json.as_bytes().first() {
            Some(b'"') => self.is_text(json[1..].strip_suffix('"').unwrap_or_default()),
            Some(b'[' | b'{') => self.documents.iter().any(|tokens| are_all(tokens, json)),
            _ => false,
        }
    }
}

#[inline]
fn bit(text: &str) -> u64 {
    1 << (text.len() % 64)
}

/// Whether `json` is these tokens with any white space between them.
fn are_all(tokens: &[String], json: &str) -> bool {
    let mut rest = json;
    let mut is_next = |token: &String| {
        let behind = rest.trim_ascii_start().strip_prefix(token.as_str());
        rest = behind.unwrap_or_default();
        behind.is_some()
    };
    tokens.iter().all(&mut is_next) && rest.trim_ascii_start().is_empty()
}

/// A list of bytes, which are signed in Java.
fn bytes(text: &[u8]) -> Vec<String> {
    let numbers = text.iter().map(|byte| byte.cast_signed().to_string());
    let mut tokens: Vec<String> = numbers.flat_map(|n| [",".to_owned(), n]).collect();
    match tokens.first_mut() {
        Some(first) => "[".clone_into(first),
        None => tokens.push("[".to_owned()),
    }
    tokens.push("]".to_owned());
    tokens
}

/// What `java.util.UUID.nameUUIDFromBytes` makes of it: the third version of RFC 9562, without a
/// name space.
fn uuid(text: &[u8]) -> String {
    let mut hash: [u8; 16] = Md5::digest(text).into();
    hash[6] = hash[6] & 0x0f | 0x30;
    hash[8] = hash[8] & 0x3f | 0x80;
    let mut uuid = String::with_capacity(36);
    for (i, byte) in hash.iter().enumerate() {
        let hyphen = if matches!(i, 4 | 6 | 8 | 10) { "-" } else { "" };
        let _ = write!(uuid, "{hyphen}{byte:02x}");
    }
    uuid
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debezium_s_own_is_known_in_all_its_spellings() {
        let placeholder = Placeholder::new("__debezium_unavailable_value");
        for text in [
            "__debezium_unavailable_value",
            "X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ==",
            "5f5f646562657a69756d5f756e617661696c61626c655f76616c7565",
            r#"{"__debezium_unavailable_value":"__debezium_unavailable_value"}"#,
        ] {
            assert!(placeholder.is_text(text), "{text}");
            assert!(!placeholder.is_text(&text[1..]) && !placeholder.is_text(&format!("{text} ")));
        }
        for json in [
            r#""__debezium_unavailable_value""#,
            r#"[ "__debezium_unavailable_value" ]"#,
            "[95,95,100,101,98,101,122,105,117,109,95,117,110,97,118,97,105,108,97,98,108,101,95, \
             118,97,108,117,101]",
            r#"{"__debezium_unavailable_value" : "__debezium_unavailable_value"}"#,
            r#"["X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ=="]"#,
        ] {
            assert!(placeholder.is_json(json), "{json}");
        }
        for json in [
            "[]",
            "[95]",
            "[95,95,100,101",
            r#"["__debezium_unavailable_value",1]"#,
            r#"[["__debezium_unavailable_value"]]"#,
            r#"{"a":"__debezium_unavailable_value"}"#,
            r#"{"__debezium_unavailable_value":1}"#,
            "\"",
            "",
            "1",
        ] {
            assert!(!placeholder.is_json(json), "{json}");
        }
    }

    #[test]
    fn any_text_can_be_one() {
        let placeholder = Placeholder::new("ü?>");
        for text in ["ü?>", "w7w/Pg==", "w7w_Pg==", "c3bc3f3e", "C3BC3F3E"] {
            assert!(placeholder.is_text(text), "{text}");
        }
        assert!(placeholder.is_json("[-61,-68,63,62]"));
        // Known from RFC 9562's predecessor and `java.util.UUID`: of no bytes at all.
        assert_eq!(uuid(b""), "d41d8cd9-8f00-3204-a980-0998ecf8427e");
        assert!(!Placeholder::default().is_text(""));
        assert!(!Placeholder::default().is_json("[]"));
    }
}
