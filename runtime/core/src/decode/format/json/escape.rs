//! Escapes in texts and names.

use std::borrow::Cow;

/// The bytes of the escape with which `text` begins; none where it is no escape.
#[inline]
pub(super) fn escape_bytes(text: &[u8]) -> Option<usize> {
    match text.get(1)? {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(2),
        b'u' if text.get(2..6)?.iter().all(u8::is_ascii_hexdigit) => Some(6),
        _ => None,
    }
}

/// Appends to `out` what the content of a text says, whose escapes are such. `None`: it has half of
/// a surrogate pair.
pub(super) fn unescape_into(content: &str, out: &mut String) -> Option<()> {
    let mut rest = content;
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
        out.push_str(&rest[..at]);
        let (character, bytes) = escaped(&rest[at..])?;
        out.push(character);
        rest = &rest[at + bytes..];
    }
    out.push_str(rest);
    Some(())
}

/// What a text in quotation marks says, whose escapes are such. `None`: it has half of a surrogate
/// pair.
pub(super) fn unescape(quoted: &str) -> Option<Cow<'_, str>> {
    let content = &quoted[1..quoted.len() - 1];
    if !content.contains('\\') {
        return Some(content.into());
    }
    let mut out = String::with_capacity(content.len());
    unescape_into(content, &mut out)?;
    Some(out.into())
}

/// The character of the escape with which `text` begins, and how many bytes it takes. `None`: it is
/// half of a surrogate pair.
fn escaped(text: &str) -> Option<(char, usize)> {
    let character = match text.as_bytes().get(1)? {
        b'u' => return coded(text),
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        other => char::from(*other),
    };
    Some((character, 2))
}

fn coded(text: &str) -> Option<(char, usize)> {
    let first = unit(text)?;
    if let Some(character) = char::from_u32(first.into()) {
        return Some((character, 6));
    }
    let pair = [first, unit(text.get(6..)?)?];
    let character = char::decode_utf16(pair).next()?.ok()?;
    Some((character, 12))
}

/// The unit of UTF-16 that the escape is with which `text` begins.
fn unit(text: &str) -> Option<u16> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    u16::from_str_radix(digits, 16).ok()
}

/// What the texts and names of a piece of JSON hold that no text of Postgres can.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Unstorable {
    /// U+0000, which stands in JSON as an escape alone.
    pub(crate) zero_byte: bool,
    /// Half of a surrogate pair.
    pub(crate) half_pair: bool,
}

impl Unstorable {
    /// Looks through `json`, which is JSON.
    pub(super) fn of(json: &str) -> Self {
        let mut found = Self::default();
        let mut rest = json;
        while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
            let bytes = match escaped(&rest[at..]) {
                Some((character, bytes)) => {
                    found.zero_byte |= character == '\0';
                    bytes
                }
                None => {
                    found.half_pair = true;
                    6
                }
            };
            rest = rest.get(at + bytes..).unwrap_or_default();
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_of_pairs_and_zeros_are_found() {
        let found = |zero_byte, half_pair| Unstorable {
            zero_byte,
            half_pair,
        };
        for (json, expected) in [
            (r#"{"a":[1,"b\n\"\\u0000"]}"#, found(false, false)),
            (r#""\ud83d\ude00 \u00e9""#, found(false, false)),
            (r#""\\\u0000""#, found(true, false)),
            (r#"{"\u0000":1}"#, found(true, false)),
            (r#""\ud83d""#, found(false, true)),
            (r#""\ude00\ud83d""#, found(false, true)),
            (r#""\ud83d\u0000""#, found(true, true)),
            (r#""\ud83d\n""#, found(false, true)),
            (r#""\ud83d\ud83d\ude00""#, found(false, true)),
        ] {
            assert_eq!(Unstorable::of(json), expected, "{json}");
            if json.starts_with('"') {
                assert_eq!(unescape(json).is_none(), expected.half_pair, "{json}");
            }
        }
    }
}
