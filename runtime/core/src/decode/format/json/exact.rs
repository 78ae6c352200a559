//! A second reader, for what the fast one refuses though it is JSON: halves of surrogate pairs. It
//! also tells exactly which integer a number with a fraction or an exponent is, and at which byte a
//! document ends to be JSON.
//!
//! It takes several times as long, so it reads only what the fast one gave up.

use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, forward_to_deserialize_any};

use super::depth::{DEPTH_MAX, Depth};
use super::escape::{escape_bytes, unescape};
use crate::decode::shape::exact_integer;

/// A document and how much of it has been read.
pub(super) struct ExactReader<'r> {
    text: &'r str,
    at: usize,
    depth: Depth,
}

/// Why a text is no JSON.
#[derive(Debug)]
pub(super) enum NoJson {
    /// It nests deeper than is read.
    TooDeep,
    Because(String),
}

type Result<T> = std::result::Result<T, NoJson>;

impl<'r> ExactReader<'r> {
    /// `text` lies as deep as `depth` in a document.
    pub(super) fn new(text: &'r str, depth: Depth) -> Self {
        Self { text, at: 0, depth }
    }

    /// The byte at which reading stopped.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// Nothing but white space may follow.
    pub(super) fn end(&mut self) -> Result<()> {
        match self.next_token() {
            None => Ok(()),
            Some(_) => no("there is more after the value"),
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// The next byte that is no white space, which stays.
    fn next_token(&mut self) -> Option<u8> {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
        self.peek()
    }

    fn take(&mut self, expected: &str) -> bool {
        let found = self.text[self.at..].starts_with(expected);
        self.at += if found { expected.len() } else { 0 };
        found
    }

    fn digits(&mut self) -> Result<()> {
        let start = self.at;
        while self.peek().is_some_and(|b| b.is_ascii_digit()) {
            self.at += 1;
        }
        match self.at > start {
            true => Ok(()),
            false => no("a digit is missing in a number"),
        }
    }

    fn number(&mut self) -> Result<&'r str> {
        let start = self.at;
        self.take("-");
        let whole = self.at;
        self.digits()?;
        if self.at > whole + 1 && self.text[whole..].starts_with('0') {
            return no("a number begins with 0");
        }
        if self.take(".") {
            self.digits()?;
        }
        if self.take("e") || self.take("E") {
            let _ = self.take("+") || self.take("-");
            self.digits()?;
        }
        Ok(&self.text[start..self.at])
    }

    /// Text with its quotation marks, and whether it has escapes.
    fn quoted(&mut self) -> Result<(&'r str, bool)> {
        let (start, mut has_escapes) = (self.at, false);
        self.at += 1;
        loop {
            match self.peek() {
                None => return no("a text does not end"),
                Some(b'"') => {
                    self.at += 1;
                    return Ok((&self.text[start..self.at], has_escapes));
                }
                Some(0..0x20) => return no("a control character stands in a text"),
                Some(b'\\') => {
                    has_escapes = true;
                    self.escape()?;
                }
                Some(_) => self.at += 1,
            }
        }
    }

    fn escape(&mut self) -> Result<()> {
        match escape_bytes(&self.text.as_bytes()[self.at..]) {
            Some(bytes) => self.at += bytes,
            None => return no("a `\\` in a text begins no escape"),
        }
        Ok(())
    }

    fn enter(&mut self) -> Result<()> {
        self.at += 1;
        match self.depth.enter() {
            true => Ok(()),
            false => Err(NoJson::TooDeep),
        }
    }

    /// The text of the value that is next.
    pub(super) fn raw(&mut self) -> Result<&'r str> {
        self.next_token();
        let start = self.at;
        IgnoredAny::deserialize(&mut *self)?;
        Ok(&self.text[start..self.at])
    }

    /// Goes past a token and what white space lies before it, where it is the next.
    pub(super) fn skip(&mut self, token: &str) -> bool {
        self.next_token();
        self.take(token)
    }

    /// A name with its quotation marks, and whether it has escapes.
    pub(super) fn name(&mut self) -> Option<(&'r str, bool)> {
        match self.next_token() {
            Some(b'"') => self.quoted().ok(),
            _ => None,
        }
    }

    fn visit_text<V: Visitor<'r>>(&mut self, visitor: V) -> Result<V::Value> {
        let (text, has_escapes) = self.quoted()?;
        match (has_escapes, unescape(text)) {
            (false, _) => visitor.visit_borrowed_str(&text[1..text.len() - 1]),
            (true, Some(unescaped)) => visitor.visit_str(&unescaped),
            // No text says it: these bytes are for a message.
            (true, None) => visitor.visit_bytes(text.as_bytes()),
        }
    }
}

impl<'de> Deserializer<'de> for &mut ExactReader<'de> {
    type Error = NoJson;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.next_token() {
            None => no("the value is missing"),
            Some(b'n') if self.take("null") => visitor.visit_unit(),
            Some(b't') if self.take("true") => visitor.visit_bool(true),
            Some(b'f') if self.take("false") => visitor.visit_bool(false),
            Some(b'"') => self.visit_text(visitor),
            Some(b'-' | b'0'..=b'9') => visit_number(self.number()?, visitor),
            Some(b'[') => {
                self.enter()?;
                visitor.visit_seq(Members::new(self))
            }
            Some(b'{') => {
                self.enter()?;
                visitor.visit_map(Members::new(self))
            }
            Some(_) => no("no value begins here"),
        }
    }

    /// The only newtype is the one that asks for a value's text.
    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value> {
        let text = self.raw()?;
        match text.starts_with('"') && text.contains('\\') {
            true => visitor.visit_str(text),
            false => visitor.visit_borrowed_str(text),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

/// An integer where the number is one, however it is written; else the nearest double, which may
/// be infinite.
fn visit_number<'r, V: Visitor<'r>>(number: &str, visitor: V) -> Result<V::Value> {
    match (exact_integer(number), number.parse::<u64>()) {
        (Some(integer), _) => visitor.visit_i64(integer),
        (None, Ok(integer)) => visitor.visit_u64(integer),
        (None, Err(_)) => visitor.visit_f64(number.parse().unwrap_or(f64::NAN)),
    }
}

/// What lies between two brackets.
struct Members<'a, 'r> {
    reader: &'a mut ExactReader<'r>,
    is_first: bool,
}

impl<'a, 'r> Members<'a, 'r> {
    fn new(reader: &'a mut ExactReader<'r>) -> Self {
        Self {
            reader,
            is_first: true,
        }
    }

    /// Goes to the next member, or past the bracket `close`.
    fn advance(&mut self, close: u8) -> Result<bool> {
        let is_first = std::mem::replace(&mut self.is_first, false);
        match self.reader.next_token() {
            Some(found) if found == close => {
                self.reader.at += 1;
                self.reader.depth.leave();
                Ok(false)
            }
            Some(_) if is_first => Ok(true),
            Some(b',') => {
                self.reader.at += 1;
                match self.reader.next_token() {
                    Some(found) if found == close => no("nothing stands after a `,`"),
                    _ => Ok(true),
                }
            }
            None => no("the document ends too early"),
            Some(_) => Err(NoJson::Because(format!(
                "expected `,` or `{}`",
                char::from(close)
            ))),
        }
    }
}

impl<'r> SeqAccess<'r> for Members<'_, 'r> {
    type Error = NoJson;

    fn next_element_seed<T: DeserializeSeed<'r>>(&mut self, seed: T) -> Result<Option<T::Value>> {
        match self.advance(b']')? {
            true => seed.deserialize(&mut *self.reader).map(Some),
            false => Ok(None),
        }
    }
}

impl<'r> MapAccess<'r> for Members<'_, 'r> {
    type Error = NoJson;

    fn next_key_seed<K: DeserializeSeed<'r>>(&mut self, seed: K) -> Result<Option<K::Value>> {
        match self.advance(b'}')? {
            false => Ok(None),
            true if self.reader.peek() == Some(b'"') => {
                seed.deserialize(&mut *self.reader).map(Some)
            }
            true => no("expected a name in quotation marks"),
        }
    }

    fn next_value_seed<V: DeserializeSeed<'r>>(&mut self, seed: V) -> Result<V::Value> {
        if self.reader.next_token() != Some(b':') {
            return no("expected `:` after a name");
        }
        self.reader.at += 1;
        seed.deserialize(&mut *self.reader)
    }
}

fn no<T>(why: &str) -> Result<T> {
    Err(NoJson::Because(why.to_owned()))
}

impl fmt::Display for NoJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooDeep => write!(f, "more than {DEPTH_MAX} objects and arrays in one another"),
            Self::Because(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for NoJson {}

impl de::Error for NoJson {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::Because(message.to_string())
    }
}
