//! The parts of a document that nobody reads: validated all the same.
//!
//! sonic-rs skips faster by itself, but then accepts escapes that are none and recurses without a
//! limit.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// How many objects and arrays may lie in one another. `serde_json`'s limit, so that whatever
/// passes here can be read by other tools; the walk recurses, and this many levels fit any thread's
/// stack.
pub(crate) const DEPTH_MAX: u32 = 127;

/// How a reader says that a document nests deeper.
pub(super) const TOO_DEEP: &str = "too deep";

/// What has to be watched over a whole document.
#[derive(Debug, Default)]
pub(super) struct DocumentGuard {
    /// Objects and arrays that are open.
    depth: u32,
    /// Whether a text or a name held U+0000 since this was last set to false.
    pub(super) zero_byte: bool,
    /// Whether one held half of a surrogate pair since this was last set to false.
    pub(super) half_pair: bool,
    /// Whether the reader is the exact one: what it says of a number is final.
    pub(super) is_exact: bool,
}

impl DocumentGuard {
    /// For a walk by the exact reader.
    pub(super) fn exact() -> Self {
        Self {
            is_exact: true,
            ..Self::default()
        }
    }

    /// For a value that lies in an object, which is not walked itself.
    pub(super) fn inside(self) -> Self {
        Self { depth: 1, ..self }
    }

    /// Enters an object or array. No need to leave it after an error.
    pub(super) fn enter<E: Error>(&mut self) -> Result<(), E> {
        if self.depth == DEPTH_MAX {
            return Err(E::custom(TOO_DEEP));
        }
        self.depth += 1;
        Ok(())
    }

    pub(super) fn leave(&mut self) {
        self.depth -= 1;
    }

    /// Looks at a text that had escapes: only those can name U+0000, which a document may not hold
    /// raw.
    pub(super) fn unescaped(&mut self, text: &str) {
        self.zero_byte |= text.as_bytes().contains(&0);
    }
}

/// Walks a value and keeps nothing of it.
pub(super) struct Skip<'a>(pub(super) &'a mut DocumentGuard);

impl<'de> DeserializeSeed<'de> for Skip<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Skip<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_borrowed_str<E: Error>(self, _: &'de str) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.0.unescaped(text);
        Ok(())
    }

    /// A text with half of a surrogate pair.
    fn visit_bytes<E: Error>(self, _: &[u8]) -> Result<(), E> {
        self.0.half_pair = true;
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        self.0.enter()?;
        while seq.next_element_seed(Skip(self.0))?.is_some() {}
        self.0.leave();
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        self.0.enter()?;
        while map.next_key_seed(Skip(self.0))?.is_some() {
            map.next_value_seed(Skip(self.0))?;
        }
        self.0.leave();
        Ok(())
    }
}
