//! The reader of nearly every document: it validates the whole of it and stops at the first thing
//! that it cannot tell, of which [`super::exact`] then makes a value or a message.
//!
//! Texts and names that have half of a surrogate pair are JSON, and it refuses those that are read.

use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;

use super::cursor::{JsonCursor, Refused, must};
use super::depth::Depth;
use super::escape::unescape_into;

/// A document, how much of it has been read, and what that needs.
pub(super) struct FastReader<'b, 'r> {
    cursor: JsonCursor<'r>,
    /// Holds the text at hand where it has escapes.
    room: &'b mut String,
}

type Result<T> = std::result::Result<T, Refused>;

impl<'b, 'r> FastReader<'b, 'r> {
    /// `text` lies as deep as `depth` in a document.
    #[inline]
    pub(super) fn new(text: &'r str, depth: Depth, room: &'b mut String) -> Self {
        Self {
            cursor: JsonCursor::new(text, depth),
            room,
        }
    }

    /// Nothing but white space may follow.
    #[inline]
    pub(super) fn end(&mut self) -> Result<()> {
        self.cursor.end()
    }

    #[inline(always)]
    fn visit_text<V: Visitor<'r>>(&mut self, visitor: V) -> Result<V::Value> {
        let (content, has_escapes) = self.cursor.quoted()?;
        let text = self.cursor.text.get(content).ok_or(Refused)?;
        match has_escapes {
            false => visitor.visit_borrowed_str(text),
            true => visitor.visit_str(self.unescaped(text)?),
        }
    }

    /// What the content of a text says.
    #[inline(never)]
    fn unescaped(&mut self, content: &str) -> Result<&str> {
        self.room.clear();
        unescape_into(content, self.room).ok_or(Refused)?;
        Ok(self.room)
    }

    #[inline(always)]
    fn visit_number<V: Visitor<'r>>(&mut self, visitor: V) -> Result<V::Value> {
        // Digits of which 64 bits hold any number.
        const DIGITS_SURE: usize = 18;
        let (number, is_integer) = self.cursor.number()?;
        match &self.cursor.text.as_bytes()[number.clone()] {
            digits if is_integer && digits.len() <= DIGITS_SURE && digits[0] != b'-' => {
                let add = |value, digit: &u8| value * 10 + u64::from(digit - b'0');
                visitor.visit_u64(digits.iter().fold(0, add))
            }
            _ => visit_long(self.cursor.text.get(number).ok_or(Refused)?, visitor),
        }
    }
}

/// A number that is negative, long, or no integer. -0 is a double: no integer has a sign then.
#[inline(never)]
fn visit_long<'r, V: Visitor<'r>>(number: &str, visitor: V) -> Result<V::Value> {
    match (number.parse::<i64>(), number.parse::<u64>()) {
        (Ok(integer), _) if integer != 0 => visitor.visit_i64(integer),
        (_, Ok(integer)) => visitor.visit_u64(integer),
        _ => visitor.visit_f64(number.parse().map_err(|_| Refused)?),
    }
}

impl<'de> Deserializer<'de> for &mut FastReader<'_, 'de> {
    type Error = Refused;

    #[inline]
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.cursor.token() {
            b'"' => self.visit_text(visitor),
            b'-' | b'0'..=b'9' => self.visit_number(visitor),
            b'{' => {
                self.cursor.enter()?;
                visitor.visit_map(Inside::new(self))
            }
            b'n' => {
                self.cursor.word("null")?;
                visitor.visit_unit()
            }
            b'[' => {
                self.cursor.enter()?;
                visitor.visit_seq(Inside::new(self))
            }
            b't' => {
                self.cursor.word("true")?;
                visitor.visit_bool(true)
            }
            b'f' => {
                self.cursor.word("false")?;
                visitor.visit_bool(false)
            }
            _ => Err(Refused),
        }
    }

    /// A name, whose quotation mark is next.
    #[inline(always)]
    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        let (content, has_escapes) = self.cursor.quoted()?;
        match has_escapes {
            false => visitor.visit_borrowed_bytes(&self.cursor.text.as_bytes()[content]),
            true => {
                let text = self.cursor.text.get(content).ok_or(Refused)?;
                visitor.visit_str(self.unescaped(text)?)
            }
        }
    }

    #[inline]
    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.cursor.skip()?;
        visitor.visit_unit()
    }

    /// The only newtype is the one that asks for a value's text.
    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value> {
        self.cursor.token();
        let start = self.cursor.at;
        self.cursor.skip()?;
        let text = self.cursor.text.get(start..self.cursor.at).ok_or(Refused)?;
        match text.starts_with('"') && text.contains('\\') {
            true => visitor.visit_str(text),
            false => visitor.visit_borrowed_str(text),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string byte_buf option
        unit unit_struct seq tuple tuple_struct map struct enum identifier
    }
}

/// What lies between two brackets.
struct Inside<'a, 'b, 'r> {
    reader: &'a mut FastReader<'b, 'r>,
    is_first: bool,
}

impl<'a, 'b, 'r> Inside<'a, 'b, 'r> {
    #[inline]
    fn new(reader: &'a mut FastReader<'b, 'r>) -> Self {
        Self {
            reader,
            is_first: true,
        }
    }

    /// Goes to the next member, or past the bracket `close`.
    #[inline(always)]
    fn advance(&mut self, close: u8) -> Result<bool> {
        match (self.reader.cursor.token(), self.is_first) {
            (found, _) if found == close => {
                self.reader.cursor.at += 1;
                self.reader.cursor.depth.leave();
                return Ok(false);
            }
            (_, true) => self.is_first = false,
            (b',', false) => {
                self.reader.cursor.at += 1;
                self.reader.cursor.token();
            }
            _ => return Err(Refused),
        }
        Ok(true)
    }
}

impl<'r> SeqAccess<'r> for Inside<'_, '_, 'r> {
    type Error = Refused;

    #[inline]
    fn next_element_seed<T: DeserializeSeed<'r>>(&mut self, seed: T) -> Result<Option<T::Value>> {
        match self.advance(b']')? {
            true => seed.deserialize(&mut *self.reader).map(Some),
            false => Ok(None),
        }
    }
}

impl<'r> MapAccess<'r> for Inside<'_, '_, 'r> {
    type Error = Refused;

    #[inline(always)]
    fn next_key_seed<K: DeserializeSeed<'r>>(&mut self, seed: K) -> Result<Option<K::Value>> {
        if !self.advance(b'}')? {
            return Ok(None);
        }
        must(self.reader.cursor.is_at(b'"'))?;
        seed.deserialize(&mut *self.reader).map(Some)
    }

    #[inline(always)]
    fn next_value_seed<V: DeserializeSeed<'r>>(&mut self, seed: V) -> Result<V::Value> {
        self.reader.cursor.take(b':')?;
        seed.deserialize(&mut *self.reader)
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not for the fast reader")
    }
}

impl std::error::Error for Refused {}

impl de::Error for Refused {
    #[cold]
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Deserialize;
    use serde_json::Value;

    use super::*;
    use crate::decode::format::json::cursor::is_json;
    use crate::decode::tests::documents::{damage, damaged, json};

    fn read(text: &str) -> Result<Value> {
        let mut room = String::new();
        let mut reader = FastReader::new(text, Depth::default(), &mut room);
        let value = Value::deserialize(&mut reader)?;
        reader.end().map(|()| value)
    }

    /// Whether two values are the same, but for the last digit of doubles: serde_json reads those
    /// by a faster way than an exact one.
    fn are_alike(a: &Value, b: &Value) -> bool {
        match (a, b) {
            (Value::Number(a), Value::Number(b)) if a.is_f64() && b.is_f64() => {
                let (a, b) = (a.as_f64().unwrap(), b.as_f64().unwrap());
                (a - b).abs() <= a.abs() * 1e-15
            }
            (Value::Array(a), Value::Array(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| are_alike(a, b))
            }
            (Value::Object(a), Value::Object(b)) => {
                let is_alike = |((n, a), (m, b))| n == m && are_alike(a, b);
                a.len() == b.len() && a.iter().zip(b).all(is_alike)
            }
            (a, b) => a == b,
        }
    }

    fn check(text: &str) -> std::result::Result<(), TestCaseError> {
        let expected = serde_json::from_str::<Value>(text);
        match (read(text), &expected) {
            (Ok(found), Ok(expected)) => {
                prop_assert!(
                    are_alike(&found, expected),
                    "{} {} {}",
                    text,
                    found,
                    expected
                );
            }
            // A number that no double holds is one of JSON all the same.
            (Ok(_), Err(e)) if e.to_string().starts_with("number out of range") => {}
            (found, _) => prop_assert_eq!(found.is_ok(), expected.is_ok(), "{}", text),
        }
        let is_skipped = serde_json::from_str::<de::IgnoredAny>(text).is_ok();
        prop_assert_eq!(is_json(text, Depth::default()), is_skipped, "{}", text);
        Ok(())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(3_000))]

        #[test]
        fn it_reads_what_serde_json_reads(text in json()) {
            check(&text)?;
        }

        #[test]
        fn it_refuses_what_serde_json_refuses(
            text in json(),
            damages in prop::collection::vec(damage(), 1..3),
        ) {
            let bytes = damages.iter().fold(text.into_bytes(), damaged);
            check(&String::from_utf8_lossy(&bytes))?;
        }
    }

    #[test]
    fn the_deepest_document_is_read_and_no_deeper() {
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            for n in [127, 128, 100_000] {
                let text = format!("{}0{}", open.repeat(n), close.repeat(n));
                assert_eq!(is_json(&text, Depth::default()), n == 127, "{n}");
            }
        }
    }
}
