//! A place in a text that ought to be JSON, and the ways on from it.
//!
//! It checks the grammar of RFC 8259, escapes with their digits, control characters, how deep a
//! document nests, and that nothing follows it. That it is UTF-8 was checked before.

use std::ops::Range;

use super::depth::Depth;
use super::escape::escape_bytes;
use super::runs;

/// A text and how much of it has been read.
pub(super) struct JsonCursor<'r> {
    pub(super) text: &'r str,
    pub(super) at: usize,
    pub(super) depth: Depth,
}

/// What is next is none of what may follow: the text is no JSON, or nests too deep.
#[derive(Debug)]
pub(super) struct Refused;

type Result<T> = std::result::Result<T, Refused>;

impl<'r> JsonCursor<'r> {
    /// `text` lies as deep as `depth` in a document.
    #[inline]
    pub(super) fn new(text: &'r str, depth: Depth) -> Self {
        Self { text, at: 0, depth }
    }

    #[inline(always)]
    fn bytes(&self) -> &'r [u8] {
        self.text.as_bytes()
    }

    /// Nothing but white space may follow.
    #[inline]
    pub(super) fn end(&mut self) -> Result<()> {
        self.token();
        must(self.at == self.text.len())
    }

    /// The next byte that is no white space, which stays; zero, which begins nothing, at the end.
    #[inline(always)]
    pub(super) fn token(&mut self) -> u8 {
        loop {
            match self.bytes().get(self.at) {
                Some(b' ' | b'\t' | b'\n' | b'\r') => self.at += 1,
                Some(&byte) => return byte,
                None => return 0,
            }
        }
    }

    /// Whether `byte` stands right here.
    #[inline(always)]
    pub(super) fn is_at(&self, byte: u8) -> bool {
        self.bytes().get(self.at) == Some(&byte)
    }

    /// Goes past `byte`, which is the next token.
    #[inline(always)]
    pub(super) fn take(&mut self, byte: u8) -> Result<()> {
        let is_next = self.token() == byte;
        self.at += usize::from(is_next);
        must(is_next)
    }

    #[inline(always)]
    pub(super) fn word(&mut self, word: &'static str) -> Result<()> {
        let rest = &self.bytes()[self.at..];
        self.at += word.len();
        must(rest.starts_with(word.as_bytes()))
    }

    /// Where the content lies of the text whose quotation mark is next, and whether it has escapes.
    #[inline(always)]
    pub(super) fn quoted(&mut self) -> Result<(Range<usize>, bool)> {
        let bytes = self.bytes();
        let start = self.at + 1;
        let end = start + runs::plain(bytes.get(start..).unwrap_or_default());
        if bytes.get(end) == Some(&b'"') {
            self.at = end + 1;
            return Ok((start..end, false));
        }
        let end = self.end_of_text(end)?;
        self.at = end + 1;
        Ok((start..end, true))
    }

    /// Where the text ends that has something else than itself at `at`: an escape, if it is good.
    #[inline(never)]
    fn end_of_text(&self, mut at: usize) -> Result<usize> {
        let bytes = self.bytes();
        loop {
            match bytes.get(at) {
                Some(b'"') => return Ok(at),
                Some(b'\\') => at += escape_bytes(&bytes[at..]).ok_or(Refused)?,
                _ => return Err(Refused),
            }
            at += runs::plain(&bytes[at..]);
        }
    }

    /// Where the number lies that is next, and whether it has neither fraction nor exponent.
    #[inline(always)]
    pub(super) fn number(&mut self) -> Result<(Range<usize>, bool)> {
        let (bytes, start) = (self.bytes(), self.at);
        let first = start + usize::from(bytes[start] == b'-');
        let digits = runs::digits(&bytes[first..]);
        let begins_well = digits == 1 || digits > 1 && bytes[first] != b'0';
        must(begins_well)?;
        self.at = first + digits;
        let is_integer = !matches!(bytes.get(self.at), Some(b'.' | b'e' | b'E'));
        if !is_integer {
            self.fraction()?;
        }
        Ok((start..self.at, is_integer))
    }

    /// Goes past a fraction and an exponent, one of which is next.
    #[inline(never)]
    fn fraction(&mut self) -> Result<()> {
        let bytes = self.bytes();
        if bytes[self.at] == b'.' {
            self.digits_from(self.at + 1)?;
        }
        if let Some(b'e' | b'E') = bytes.get(self.at) {
            let has_sign = matches!(bytes.get(self.at + 1), Some(b'+' | b'-'));
            self.digits_from(self.at + 1 + usize::from(has_sign))?;
        }
        Ok(())
    }

    /// Goes past digits, of which there is one at least.
    fn digits_from(&mut self, start: usize) -> Result<()> {
        let digits = runs::digits(&self.bytes()[start..]);
        self.at = start + digits;
        must(digits > 0)
    }

    /// Goes past a name and its colon.
    #[inline(always)]
    fn skip_name(&mut self) -> Result<()> {
        must(self.token() == b'"')?;
        self.quoted()?;
        self.take(b':')
    }

    /// Goes past a value.
    #[inline]
    pub(super) fn skip(&mut self) -> Result<()> {
        match self.token() {
            b'"' => self.quoted().map(|_| ()),
            b'-' | b'0'..=b'9' => self.number().map(|_| ()),
            b'n' => self.word("null"),
            _ => self.skip_any(),
        }
    }

    /// Goes past a value, without a call for each in it.
    #[inline(never)]
    fn skip_any(&mut self) -> Result<()> {
        let outer = self.depth;
        // Of what is open here: a bit is set for an object, the lowest for the innermost. More
        // than `DEPTH_MAX` there cannot be.
        let mut objects = 0u128;
        'values: loop {
            match self.token() {
                b'"' => self.quoted().map(|_| ())?,
                b'-' | b'0'..=b'9' => self.number().map(|_| ())?,
                b'n' => self.word("null")?,
                b't' => self.word("true")?,
                b'f' => self.word("false")?,
                opening @ (b'{' | b'[') => {
                    self.enter()?;
                    let is_object = opening == b'{';
                    objects = objects << 1 | u128::from(is_object);
                    match (self.token(), is_object) {
                        (b'}', true) | (b']', false) => {}
                        (_, true) => {
                            self.skip_name()?;
                            continue 'values;
                        }
                        (_, false) => continue 'values,
                    }
                }
                _ => return Err(Refused),
            }
            while self.depth != outer {
                let is_object = objects & 1 == 1;
                match (self.token(), is_object) {
                    (b',', _) => {
                        self.at += 1;
                        if is_object {
                            self.skip_name()?;
                        }
                        continue 'values;
                    }
                    (b'}', true) | (b']', false) => {
                        self.at += 1;
                        self.depth.leave();
                        objects >>= 1;
                    }
                    _ => return Err(Refused),
                }
            }
            return Ok(());
        }
    }

    /// Enters the object or array whose bracket is next.
    #[inline]
    pub(super) fn enter(&mut self) -> Result<()> {
        self.at += 1;
        must(self.depth.enter())
    }
}

/// Whether `text`, which lies as deep as `depth` in a document, is one JSON value.
pub(super) fn is_json(text: &str, depth: Depth) -> bool {
    let mut cursor = JsonCursor::new(text, depth);
    cursor.skip().is_ok() && cursor.end().is_ok()
}

#[inline(always)]
pub(super) fn must(holds: bool) -> Result<()> {
    match holds {
        true => Ok(()),
        false => Err(Refused),
    }
}
