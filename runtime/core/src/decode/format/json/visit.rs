//! One walk over a document: what is read goes into slots, all else is validated and skipped.
//!
//! Json and decimals are kept as the document spells them, since a float would lose digits: their
//! text is taken first, and walked again for the reads below it.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::exact::{ExactReader, unescape};
use super::place::Place;
use super::skip::{DocumentGuard, Skip};
use super::validate::validate;
use crate::column::LogicalType;
use crate::decode::form::Form;
use crate::decode::leaf::{FromText, Leaf};
use crate::decode::slot::{Quoted, Slot};

/// The name by which sonic-rs hands a newtype its text instead of its value: what its `LazyValue`
/// asks for, without the copy that one makes. The name is private to sonic-rs, so its version is
/// pinned and a test asks a `LazyValue` for it.
const LAZY_VALUE: &str = "$sonic_rs::LazyValue";

/// A value whose text is kept.
struct Raw<'a, 'w, 'r> {
    at: Place<'a, 'w, 'r>,
    leaf: Leaf,
}

impl<'r> DeserializeSeed<'r> for Place<'_, '_, 'r> {
    type Value = ();

    #[inline]
    fn deserialize<D: Deserializer<'r>>(mut self, deserializer: D) -> Result<(), D::Error> {
        if !self.node.below.is_empty() {
            self.forget_duplicate();
        }
        match self.leaf {
            Some(leaf) if leaf.is_raw() => Raw { at: self, leaf }.deserialize(deserializer),
            _ => deserializer.deserialize_any(self),
        }
    }
}

impl<'r> Visitor<'r> for Place<'_, '_, 'r> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    #[inline]
    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.set(Slot::Null);
        Ok(())
    }

    #[inline]
    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        match self.leaf.map(|l| l.logical_type) {
            Some(LogicalType::Boolean) => self.set(Slot::Boolean(value)),
            _ => self.unfit(Slot::Boolean(value), format_args!("boolean {value}")),
        }
        Ok(())
    }

    #[inline]
    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.number(Some(value), value as f64, value);
        Ok(())
    }

    #[inline]
    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.number(i64::try_from(value).ok(), value as f64, value);
        Ok(())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        // A double no longer says which integer was written, or whether one was.
        if self.reads_integer() && !self.walk.guard.is_exact {
            return Err(E::custom("a number that the exact reader has to read"));
        }
        match value.is_finite() {
            true => self.number(None, value, value),
            false => self.wrong("a number that no double holds"),
        }
        Ok(())
    }

    #[inline]
    fn visit_borrowed_str<E: Error>(self, text: &'r str) -> Result<(), E> {
        if self.walk.placeholder.is_text(text) {
            self.set(Slot::Absent);
            return Ok(());
        }
        match self.leaf {
            Some(leaf) if leaf.is_text() => self.set(Slot::Text(text)),
            Some(leaf) => self.text(leaf, text, Some(Slot::Text(text))),
            None => self.unfit(Slot::Text(text), Quoted(text)),
        }
        Ok(())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        if self.walk.placeholder.is_text(text) {
            self.set(Slot::Absent);
            return Ok(());
        }
        match (self.leaf, self.bare_leaf()) {
            (Some(leaf), _) => self.text(leaf, text, None),
            (None, Some(leaf)) if !text.contains('\0') => {
                let row = &mut *self.walk.row;
                match leaf.of_text(text, row.room()) {
                    FromText::Slot(slot) => row.slots[leaf.slot] = slot,
                    FromText::Same => row.unescaped(leaf.slot, text),
                    FromText::Nothing => {}
                }
            }
            _ => self.wrong(Quoted(text)),
        }
        Ok(())
    }

    /// A text with half of a surrogate pair, as it is spelled.
    fn visit_bytes<E: Error>(self, spelled: &[u8]) -> Result<(), E> {
        self.walk.guard.half_pair = true;
        match self.leaf {
            Some(leaf) => self.walk.row.half_pair(leaf.slot, &self.node.path),
            None => self.wrong(Quoted(&String::from_utf8_lossy(spelled))),
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'r>>(self, seq: A) -> Result<(), A::Error> {
        Skip(&mut self.walk.guard).visit_seq(seq)?;
        self.wrong("an array");
        Ok(())
    }

    #[inline]
    fn visit_map<A: MapAccess<'r>>(self, mut map: A) -> Result<(), A::Error> {
        if self.leaf.is_some() {
            Skip(&mut self.walk.guard).visit_map(map)?;
            self.wrong("an object");
            return Ok(());
        }
        self.walk.guard.enter()?;
        for &slot in &self.node.null_where_missing {
            self.walk.row.slots[slot] = Slot::Null;
        }
        // Producers seldom change the order of names: the next is looked for behind the last.
        let mut next = 0;
        let children = &self.node.children;
        while let Some(child) = map.next_key_seed(Name {
            children,
            next,
            guard: &mut self.walk.guard,
        })? {
            match child {
                Some(i) => {
                    next = i + 1;
                    let node = &self.walk.nodes[children[i].1];
                    map.next_value_seed(Place::new(&mut *self.walk, node))?;
                }
                None => map.next_value_seed(Skip(&mut self.walk.guard))?,
            }
        }
        self.walk.guard.leave();
        Ok(())
    }
}

/// A name in an object: which child it is, if any.
struct Name<'a> {
    children: &'a [(String, usize)],
    /// The child at which the search begins.
    next: usize,
    guard: &'a mut DocumentGuard,
}

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = Option<usize>;

    #[inline]
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    #[inline]
    fn visit_borrowed_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        let (before, behind) = self.children.split_at(self.next);
        let find = |c: &[(String, usize)]| c.iter().position(|(n, _)| n == name);
        Ok(find(behind).map(|i| self.next + i).or_else(|| find(before)))
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        self.guard.unescaped(name);
        self.visit_borrowed_str(name)
    }

    /// A name with half of a surrogate pair, which no path has.
    fn visit_bytes<E: Error>(self, _: &[u8]) -> Result<Self::Value, E> {
        self.guard.half_pair = true;
        Ok(None)
    }
}

impl<'r> DeserializeSeed<'r> for Raw<'_, '_, 'r> {
    type Value = ();

    fn deserialize<D: Deserializer<'r>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_newtype_struct(LAZY_VALUE, self)
    }
}

impl<'r> Visitor<'r> for Raw<'_, '_, 'r> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value's text")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'r str) -> Result<(), E> {
        let Self { mut at, leaf } = self;
        if at.walk.placeholder.is_json(text) {
            at.set(Slot::Absent);
            return Ok(());
        }
        let found = walk_again(&mut at, text).map_err(E::custom)?;
        match text.as_bytes().first() {
            Some(b'n') => at.set(Slot::Null),
            _ if leaf.logical_type.is_decimal() => at.decimal(leaf, text),
            _ if found.half_pair => at.walk.row.half_pair(leaf.slot, &at.node.path),
            _ if found.zero_byte => at.walk.row.zero_byte(leaf.slot, &at.node.path),
            _ => match leaf.form {
                Form::UnscaledList { scale } => at.unscaled_list(leaf, text, scale),
                _ => at.set(Slot::Text(text)),
            },
        }
        Ok(())
    }

    /// A quoted text with escapes.
    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        let Self { at, leaf } = self;
        let content = match at.walk.guard.is_exact {
            false => sonic_rs::from_str(text).map_err(E::custom)?,
            true => match unescape(text) {
                Some(content) => content.into_owned(),
                None => return at.visit_bytes(text.as_bytes()),
            },
        };
        if at.walk.placeholder.is_text(&content) {
            at.set(Slot::Absent);
            return Ok(());
        }
        if !at.node.below.is_empty() {
            Place {
                walk: &mut *at.walk,
                node: at.node,
                leaf: None,
            }
            .wrong(Quoted(&content));
        }
        match leaf.logical_type.is_decimal() {
            true => at.text(leaf, &content, None),
            false if content.contains('\0') => at.walk.row.zero_byte(leaf.slot, &at.node.path),
            false => at.walk.row.unescaped(leaf.slot, text),
        }
        Ok(())
    }
}

/// What texts and names of a piece of a document hold.
struct Found {
    zero_byte: bool,
    half_pair: bool,
}

/// Validates `text`, whose end alone is known so far, and fills the reads below it.
fn walk_again<'r>(at: &mut Place<'_, '_, 'r>, text: &'r str) -> Result<Found, String> {
    let guard = &mut at.walk.guard;
    let outer = Found {
        zero_byte: std::mem::take(&mut guard.zero_byte),
        half_pair: std::mem::take(&mut guard.half_pair),
    };
    let is_exact = guard.is_exact;
    if at.node.below.is_empty() {
        validate(text, guard)?;
    } else {
        let below = Place {
            walk: &mut *at.walk,
            node: at.node,
            leaf: None,
        };
        match is_exact {
            false => sonic_rs::Deserializer::from_str(text)
                .deserialize_any(below)
                .map_err(|e| e.to_string())?,
            true => ExactReader::new(text)
                .deserialize_any(below)
                .map_err(|e| e.0)?,
        }
    }
    let guard = &mut at.walk.guard;
    let found = Found {
        zero_byte: guard.zero_byte,
        half_pair: guard.half_pair,
    };
    // Json may lie in json, of which a part has been walked already.
    guard.zero_byte |= outer.zero_byte;
    guard.half_pair |= outer.half_pair;
    Ok(found)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde::de::value::Error as ValueError;
    use serde::forward_to_deserialize_any;

    use super::*;

    /// Tells by which name a newtype asked for itself.
    struct Asked;

    impl<'de> Deserializer<'de> for Asked {
        type Error = ValueError;

        fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, ValueError> {
            Err(ValueError::custom("no newtype"))
        }

        fn deserialize_newtype_struct<V: Visitor<'de>>(
            self,
            name: &'static str,
            _: V,
        ) -> Result<V::Value, ValueError> {
            Err(ValueError::custom(name))
        }

        forward_to_deserialize_any! {
            bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
            option unit unit_struct seq tuple tuple_struct map struct enum identifier ignored_any
        }
    }

    #[test]
    fn sonic_rs_still_hands_out_text_by_the_name_that_is_asked_for() {
        let asked = sonic_rs::LazyValue::deserialize(Asked).unwrap_err();
        assert_eq!(asked.to_string(), LAZY_VALUE);

        struct Text<'a>(Option<&'a str>);
        impl<'de> Visitor<'de> for &mut Text<'de> {
            type Value = ();
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON value's text")
            }
            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<(), E> {
                self.0 = Some(text);
                Ok(())
            }
        }
        let mut text = Text(None);
        let mut deserializer = sonic_rs::Deserializer::from_str("{\"a\": 1.50 }");
        deserializer
            .deserialize_newtype_struct(LAZY_VALUE, &mut text)
            .unwrap();
        assert_eq!(text.0, Some("{\"a\": 1.50 }"));
    }
}
