//! One walk over a document: what is read goes into slots, all else is skipped.
//!
//! Json and decimals are kept as the document spells them, since a float would lose digits: their
//! text is taken first, and walked again for the reads below it.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::depth::Depth;
use super::escape::unescape;
use super::exact::ExactReader;
use super::fast::FastReader;
use super::place::Place;
use crate::column::LogicalType;
use crate::decode::leaf::{FromText, Leaf};
use crate::decode::slot::{Quoted, Slot};
use crate::decode::trie::{Node, name_bit};

/// By what name a newtype asks for its text instead of its value.
const KEPT: &str = "kept";

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
        if self.reads_integer() && !self.walk.is_exact {
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
            self.set(Slot::Unsent);
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
            self.set(Slot::Unsent);
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
        match self.leaf {
            Some(leaf) => self.walk.row.half_pair(leaf.slot, &self.node.path),
            None => self.wrong(Quoted(&String::from_utf8_lossy(spelled))),
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'r>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        self.wrong("an array");
        Ok(())
    }

    #[inline]
    fn visit_map<A: MapAccess<'r>>(self, mut map: A) -> Result<(), A::Error> {
        if self.leaf.is_some() {
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            self.wrong("an object");
            return Ok(());
        }
        for &slot in &self.node.null_where_missing {
            self.walk.row.slots[slot] = Slot::Null;
        }
        let node = self.node;
        let mut before = 2 * node.id;
        while let Some(found) = map.next_key_seed(Name {
            node,
            next: self.walk.followed[before],
        })? {
            let Some(i) = found else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            self.walk.followed[before] = i;
            let child = &self.walk.nodes[node.children[i as usize].1];
            before = 2 * child.id + 1;
            map.next_value_seed(Place::new(&mut *self.walk, child))?;
        }
        Ok(())
    }
}

/// A name in an object: which child it is, if any.
struct Name<'a> {
    node: &'a Node,
    /// The child that is looked at first.
    next: u32,
}

impl Name<'_> {
    #[inline(always)]
    fn find(self, name: &[u8]) -> Option<u32> {
        if self.node.names & name_bit(name) == 0 {
            return None;
        }
        let is = |(child, _): &(String, usize)| child.as_bytes() == name;
        match self.node.children.get(self.next as usize) {
            Some(child) if is(child) => Some(self.next),
            // A pipeline reads fewer than 2^32 columns.
            _ => self.node.children.iter().position(is).map(|i| i as u32),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = Option<u32>;

    #[inline(always)]
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_bytes(self)
    }
}

impl<'de> Visitor<'de> for Name<'_> {
    type Value = Option<u32>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    #[inline(always)]
    fn visit_borrowed_bytes<E: Error>(self, name: &'de [u8]) -> Result<Self::Value, E> {
        Ok(self.find(name))
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.find(name.as_bytes()))
    }

    /// A name with half of a surrogate pair, which no path has.
    fn visit_bytes<E: Error>(self, _: &[u8]) -> Result<Self::Value, E> {
        Ok(None)
    }
}

impl<'r> DeserializeSeed<'r> for Raw<'_, '_, 'r> {
    type Value = ();

    fn deserialize<D: Deserializer<'r>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_newtype_struct(KEPT, self)
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
            at.set(Slot::Unsent);
            return Ok(());
        }
        if !at.node.below.is_empty() {
            walk_again(&mut at, text).map_err(E::custom)?;
        }
        match text.as_bytes().first() {
            Some(b'n') => at.set(Slot::Null),
            _ if leaf.logical_type.is_decimal() => at.decimal(leaf, text),
            _ => at.json(leaf, text),
        }
        Ok(())
    }

    /// A quoted text with escapes.
    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        let Self { at, leaf } = self;
        let Some(content) = unescape(text) else {
            return at.visit_bytes(text.as_bytes());
        };
        if at.walk.placeholder.is_text(&content) {
            at.set(Slot::Unsent);
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

/// Fills the reads below `text`, which is JSON.
fn walk_again<'r>(at: &mut Place<'_, '_, 'r>, text: &'r str) -> Result<(), String> {
    let is_exact = at.walk.is_exact;
    let below = Place {
        walk: &mut *at.walk,
        node: at.node,
        leaf: None,
    };
    match is_exact {
        false => FastReader::new(text, Depth::default(), &mut String::new())
            .deserialize_any(below)
            .map_err(|e| e.to_string()),
        true => ExactReader::new(text, Depth::default())
            .deserialize_any(below)
            .map_err(|e| e.to_string()),
    }
}
