//! One walk over a document: what is read goes into slots, all else is validated and skipped.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::raw::Raw;
use super::shape;
use super::skip::{Guard, Skip};
use super::slot::{Quoted, Row, Slot};
use super::trie::{Leaf, Node};
use crate::column::LogicalType;

/// A document on its way into slots.
pub(super) struct Walk<'w, 'r> {
    pub(super) nodes: &'w [Node],
    pub(super) row: &'w mut Row<'r>,
    /// By node: the last document that had it.
    pub(super) seen: &'w mut [u64],
    /// This document, counted from 1.
    pub(super) document: u64,
    pub(super) guard: Guard,
}

/// A value at a place that some path goes through or ends at.
pub(super) struct At<'a, 'w, 'r> {
    pub(super) walk: &'a mut Walk<'w, 'r>,
    pub(super) node: &'w Node,
    /// Set where the value itself is not read, or has been.
    pub(super) leaf: Option<Leaf>,
}

impl<'a, 'w, 'r> At<'a, 'w, 'r> {
    #[inline]
    pub(super) fn new(walk: &'a mut Walk<'w, 'r>, node: &'w Node) -> Self {
        Self {
            walk,
            node,
            leaf: node.leaf,
        }
    }

    /// Forgets what an earlier value of the same name left: the last one counts.
    #[inline]
    fn forget_duplicate(&mut self) {
        let seen = &mut self.walk.seen[self.node.id];
        if *seen == self.walk.document {
            for &slot in &self.node.below {
                self.walk.row.slots[slot] = Slot::Absent;
            }
        }
        *seen = self.walk.document;
    }

    #[inline]
    pub(super) fn set(self, slot: Slot<'r>) {
        if let Some(leaf) = self.leaf {
            self.walk.row.slots[leaf.slot] = slot;
        }
    }

    /// Notes that the value is not of the leaf's type, or no object where there are reads below.
    #[cold]
    pub(super) fn wrong(self, found: impl fmt::Display) {
        let path = &self.node.path;
        match (self.leaf, self.node.below.first()) {
            (Some(leaf), _) => self
                .walk
                .row
                .wrong(leaf.slot, path, leaf.logical_type, found),
            (None, Some(&slot)) => self.walk.row.wrong(slot, path, "an object", found),
            (None, None) => {}
        }
    }

    #[inline]
    fn number(self, integer: Option<i64>, float: f64, found: impl fmt::Display) {
        use LogicalType as T;
        match (self.leaf.map(|l| l.logical_type), integer) {
            (Some(T::Int64 | T::TimestampUs | T::TimestampMs | T::Date), Some(v)) => {
                self.set(Slot::Int64(v));
            }
            (Some(T::Float64), _) => self.set(Slot::Float64(float)),
            _ => self.wrong(format_args!("number {found}")),
        }
    }

    /// Whether `text` can be the leaf's value.
    #[inline]
    fn takes_text(&self, text: &str) -> bool {
        match self.leaf.map(|l| l.logical_type) {
            Some(LogicalType::Text) => true,
            Some(LogicalType::Uuid) => shape::is_uuid(text),
            _ => false,
        }
    }
}

impl<'r> DeserializeSeed<'r> for At<'_, '_, 'r> {
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

impl<'r> Visitor<'r> for At<'_, '_, 'r> {
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
            _ => self.wrong(format_args!("boolean {value}")),
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
        // Above 2^53 a float no longer says which integer was written.
        const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
        let exact = value.fract() == 0.0 && value.abs() <= EXACT_MAX;
        self.number(exact.then_some(value as i64), value, value);
        Ok(())
    }

    #[inline]
    fn visit_borrowed_str<E: Error>(self, text: &'r str) -> Result<(), E> {
        match self.takes_text(text) {
            true => self.set(Slot::Text(text)),
            false => self.wrong(Quoted(text)),
        }
        Ok(())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        match (self.leaf, self.takes_text(text)) {
            (Some(leaf), true) if text.as_bytes().contains(&0) => {
                self.walk.row.zero_byte(leaf.slot, &self.node.path);
            }
            (Some(leaf), true) => self.walk.row.unescaped(leaf.slot, text),
            _ => self.wrong(Quoted(text)),
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
                    map.next_value_seed(At::new(&mut *self.walk, node))?;
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
    /// Where to begin to look.
    next: usize,
    guard: &'a mut Guard,
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
}
