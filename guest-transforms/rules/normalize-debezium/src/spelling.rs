//! Values that Debezium sends in a form that Postgres does not read, as text that it does.
//!
//! Each function appends to a text that is kept for all values of a batch.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};

/// The lowest `n` bits of a number whose bytes come the last one first, in base64, without those in
/// front that are zero. Where it has more bits, they are of a longer string: all are written, and
/// Postgres refuses them. What is spelt as so many bits already, or is no base64, stays as it is.
pub(crate) fn bits(found: &str, n: usize, text: &mut String) {
    let is_spelt = found.len() == n && found.bytes().all(|b| matches!(b, b'0' | b'1'));
    let bytes = match is_spelt {
        true => None,
        false => base64(found),
    };
    let Some(bytes) = bytes else {
        text.push_str(found);
        return;
    };
    let is_set = |bit: usize| {
        bytes
            .get(bit / 8)
            .is_some_and(|byte| byte >> (bit % 8) & 1 == 1)
    };
    let held = bytes.len() * 8;
    let count = if (n..held).any(is_set) { held } else { n };
    let bits = (0..count).rev();
    text.extend(bits.map(|bit| if is_set(bit) { '1' } else { '0' }));
}

/// The bytes that a text is in base64, with its padding.
fn base64(text: &str) -> Option<Vec<u8>> {
    let digits = text.trim_end_matches('=');
    if !text.len().is_multiple_of(4) || text.len() - digits.len() > 2 {
        return None;
    }
    let mut bytes = Vec::with_capacity(digits.len() * 3 / 4);
    let (mut held, mut count) = (0_u32, 0);
    for digit in digits.bytes() {
        let six = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        (held, count) = (held << 6 | u32::from(six), count + 6);
        if count >= 8 {
            count -= 8;
            bytes.push((held >> count) as u8);
        }
    }
    Some(bytes)
}

/// `(1.5,2.5)` of `{"x": 1.5, "y": 2.5, ..}`, digit by digit. What is no such object stays as it
/// is, and Postgres says that it is none.
pub(crate) fn point(json: &str, text: &mut String) {
    match (member(json, "x"), member(json, "y")) {
        (Some(x), Some(y)) => text.extend(["(", x, ",", y, ")"]),
        _ => text.push_str(json),
    }
}

/// The digits, or the word in text, that an object calls `name`. Members before it are numbers,
/// words, or texts without escapes.
fn member<'j>(object: &'j str, name: &str) -> Option<&'j str> {
    let mut rest = object.trim_start().strip_prefix('{')?;
    loop {
        let (found, behind) = rest.trim_start().strip_prefix('"')?.split_once('"')?;
        let value = behind.trim_start().strip_prefix(':')?.trim_start();
        let (value, behind) = match value.strip_prefix('"') {
            Some(text) => text.split_once('"')?,
            None => value.split_at(value.find([',', '}'])?),
        };
        if found == name {
            return Some(value.trim_end());
        }
        rest = behind.trim_start().strip_prefix(',')?;
    }
}

/// `"a"=>"1","b"=>NULL` of `{"a": "1", "b": null}`, or of a text that holds it. What is no such
/// object stays as it is.
pub(crate) fn hstore(json: &str, text: &mut String) {
    let start = text.len();
    let object = match json.starts_with('"') {
        true => serde_json::from_str(json).unwrap_or(Cow::Borrowed(json)),
        false => Cow::Borrowed(json),
    };
    let mut deserializer = serde_json::Deserializer::from_str(&object);
    if deserializer.deserialize_map(Pairs(text)).is_err() || deserializer.end().is_err() {
        text.truncate(start);
        text.push_str(&object);
    }
}

/// Writes the members of an object as those of a `hstore`.
struct Pairs<'t>(&'t mut String);

impl<'de> Visitor<'de> for Pairs<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut members: M) -> Result<(), M::Error> {
        let Self(text) = self;
        let mut is_first = true;
        while let Some((Member(name), value)) = members.next_entry()? {
            if !is_first {
                text.push(',');
            }
            is_first = false;
            quote(text, &name);
            text.push_str("=>");
            match value {
                None => text.push_str("NULL"),
                Some(Member(value)) => quote(text, &value),
            }
        }
        Ok(())
    }
}

/// A text, borrowed where it has no escapes.
#[derive(Deserialize)]
struct Member<'a>(#[serde(borrow)] Cow<'a, str>);

fn quote(text: &mut String, value: &str) {
    text.push('"');
    for c in value.chars() {
        if matches!(c, '"' | '\\') {
            text.push('\\');
        }
        text.push(c);
    }
    text.push('"');
}

/// The two places of `source.sequence`, `["lastCommitLsn","lsn"]`, either of which may be null.
/// `None`: the text says no places.
pub(crate) fn sequence(text: &str) -> Option<[Option<i64>; 2]> {
    let inner = text.trim().strip_prefix('[')?.strip_suffix(']')?;
    let (commit, change) = inner.split_once(',')?;
    let place = |text: &str| match text.trim() {
        "null" => Some(None),
        text => Some(Some(text.trim_matches('"').parse().ok()?)),
    };
    Some([place(commit)?, place(change)?])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spelt(spell: impl Fn(&mut String)) -> String {
        let mut text = "before ".to_owned();
        spell(&mut text);
        text["before ".len()..].to_owned()
    }

    #[test]
    fn bits_are_those_of_a_number_with_its_last_byte_first() {
        let bits = |found: &str, n| spelt(|text| bits(found, n, text));
        assert_eq!(bits("Cg==", 4), "1010");
        assert_eq!(bits("AQw=", 12), "110000000001");
        assert_eq!(bits("Cg==", 12), "000000001010");
        assert_eq!(bits("ABCD", 24), "100000110001000000000000");
        // Those of a longer string are not cut.
        assert_eq!(bits("Gg==", 4), "00011010");
        assert_eq!(bits("CgE=", 4), "0000000100001010");
        // Bits that the host has spelt, and what is neither.
        assert_eq!(bits("1010", 4), "1010");
        assert_eq!(bits("1010", 24), "011101000100110111010111");
        assert_eq!(bits("deadbeef0", 24), "deadbeef0");
    }

    #[test]
    fn objects_are_spelt_as_postgres_reads_them() {
        let point = |json: &str| spelt(|text| point(json, text));
        assert_eq!(
            point(r#"{"x":1.5,"y":-2.0,"wkb":"AQ==","srid":null}"#),
            "(1.5,-2.0)"
        );
        // The double next to 0.3, which fewer digits do not name.
        assert_eq!(
            point(r#"{"y":"NaN","x":0.30000000000000004}"#),
            "(0.30000000000000004,NaN)"
        );
        assert_eq!(point("[1]"), "[1]");
        let hstore = |json: &str| spelt(|text| hstore(json, text));
        assert_eq!(
            hstore(r#"{"a":"1","q\"\\":null}"#),
            r#""a"=>"1","q\"\\"=>NULL"#
        );
        assert_eq!(
            hstore(r#""{\"a\": \"\\n\", \"b\": null}""#),
            "\"a\"=>\"\n\",\"b\"=>NULL"
        );
        assert_eq!(hstore("{}"), "");
        for odd in ["[1]", r#"{"a":"1"} x"#, r#"{"a":1}"#, "1", ""] {
            assert_eq!(hstore(odd), odd);
        }
    }

    #[test]
    fn a_sequence_may_lack_either_place() {
        assert_eq!(
            sequence(r#"["26956728","26956730"]"#),
            Some([Some(26_956_728), Some(26_956_730)])
        );
        let places = sequence(r#"[null,"26929584"]"#);
        assert_eq!(places, Some([None, Some(26_929_584)]));
        assert_eq!(sequence(r#"["5",null]"#), Some([Some(5), None]));
        for odd in ["odd", "", r#"["5"]"#, r#"["abc","1"]"#, r#"["1","2","3"]"#] {
            assert_eq!(sequence(odd), None, "{odd}");
        }
    }
}
