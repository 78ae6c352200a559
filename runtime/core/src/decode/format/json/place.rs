//! A place in a document on its way into slots.

use std::fmt;

use super::cursor::is_json;
use super::depth::Depth;
use super::escape::Unstorable;
use crate::column::LogicalType;
use crate::decode::form::{Form, advice};
use crate::decode::leaf::{FromText, Leaf};
use crate::decode::slot::{Quoted, Row, Slot};
use crate::decode::trie::Node;
use crate::decode::unavailable::Placeholder;

/// A document on its way into slots.
pub(super) struct Walk<'w, 'r> {
    pub(super) nodes: &'w [Node],
    pub(super) row: &'w mut Row<'r>,
    /// The last document that had each node.
    pub(super) seen: &'w mut [u64],
    /// What the last documents had in which order: two entries a node.
    pub(super) followed: &'w mut [u32],
    /// This document, counted from 1.
    pub(super) document: u64,
    /// Whether the reader is the exact one: what it says of a number is final.
    pub(super) is_exact: bool,
    pub(super) placeholder: &'w Placeholder,
    /// Whether what is no object where reads lie below is no fault: nothing is said then.
    pub(super) is_lenient: bool,
}

/// A value at a place that some path goes through or ends at.
pub(super) struct Place<'a, 'w, 'r> {
    pub(super) walk: &'a mut Walk<'w, 'r>,
    pub(super) node: &'w Node,
    /// Set where the value itself is not read, or has been.
    pub(super) leaf: Option<Leaf>,
}

impl<'a, 'w, 'r> Place<'a, 'w, 'r> {
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
    pub(super) fn forget_duplicate(&mut self) {
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
        let row = &mut *self.walk.row;
        match (self.leaf, self.node.below.first()) {
            (Some(leaf), _) => match leaf.form {
                Form::Other(found) => {
                    let found = format_args!("{found}{}", advice(found));
                    row.wrong(leaf.slot, path, leaf.logical_type, found);
                }
                Form::UnscaledOnly => row.wrong(
                    leaf.slot,
                    path,
                    leaf.logical_type,
                    format_args!(
                        "{found} in base64, of which nothing says where its point is: declare it \
                         decimal(p,s)"
                    ),
                ),
                _ => row.wrong(leaf.slot, path, leaf.logical_type, found),
            },
            (None, Some(&slot)) if !self.walk.is_lenient => {
                row.wrong(slot, path, "an object", found);
            }
            (None, _) => {}
        }
    }

    #[inline(always)]
    pub(super) fn number(self, integer: Option<i64>, float: f64, found: impl fmt::Display) {
        let slot = match (self.leaf, integer) {
            (Some(leaf), _) if leaf.logical_type == LogicalType::Float64 => match leaf.form {
                Form::Plain => Some(Slot::Float64(float)),
                _ => None,
            },
            (Some(leaf), Some(v)) => leaf.of_integer(v),
            _ => None,
        };
        match (slot, integer) {
            (Some(slot), _) => self.set(slot),
            (None, Some(v)) => self.unfit(Slot::Int64(v), format_args!("number {found}")),
            (None, None) => self.wrong(format_args!("number {found}")),
        }
    }

    /// Takes the content of a text that is not read as text, or not as it stands. `kept` is the
    /// text as a value, where the record has it in one piece.
    pub(super) fn text(self, leaf: Leaf, text: &str, kept: Option<Slot<'r>>) {
        let row = &mut *self.walk.row;
        if leaf.form == Form::Document {
            return self.document(leaf, text, kept);
        }
        match (leaf.of_text(text, row.room()), kept) {
            (FromText::Slot(slot), _) => row.slots[leaf.slot] = slot,
            (FromText::Same, _) if text.contains('\0') => {
                row.zero_byte(leaf.slot, &self.node.path);
            }
            (FromText::Same, Some(slot)) => row.slots[leaf.slot] = slot,
            (FromText::Same, None) => row.unescaped(leaf.slot, text),
            (FromText::Nothing, _) => self.wrong(Quoted(text)),
        }
    }

    /// Takes a document as it stands.
    pub(super) fn json(self, leaf: Leaf, json: &'r str) {
        let found = Unstorable::of(json);
        let row = &mut *self.walk.row;
        match leaf.form {
            _ if found.half_pair => row.half_pair(leaf.slot, &self.node.path),
            _ if found.zero_byte => row.zero_byte(leaf.slot, &self.node.path),
            Form::List(elements) => self.list(leaf, json, elements),
            _ => row.slots[leaf.slot] = Slot::Text(json),
        }
    }

    /// Takes a document that stands in a text.
    fn document(self, leaf: Leaf, text: &str, kept: Option<Slot<'r>>) {
        if !is_json(text, Depth::default()) {
            return self.wrong(Quoted(text));
        }
        let row = &mut *self.walk.row;
        match (Unstorable::of(text), kept) {
            (found, _) if found.half_pair => row.half_pair(leaf.slot, &self.node.path),
            (found, _) if found.zero_byte => row.zero_byte(leaf.slot, &self.node.path),
            (_, Some(slot)) => row.slots[leaf.slot] = slot,
            (_, None) => row.unescaped(leaf.slot, text),
        }
    }

    /// The one read below, where a scalar in the place of the object may be its value.
    pub(super) fn bare_leaf(&self) -> Option<Leaf> {
        let &(_, child) = self.node.children.first()?;
        let is_bare = self.node.may_be_bare && self.leaf.is_none();
        self.walk.nodes[child].leaf.filter(|_| is_bare)
    }

    /// Notes a scalar that is not of the leaf's type, or that stands in the place of an object.
    #[cold]
    pub(super) fn unfit(self, value: Slot<'r>, found: impl fmt::Display) {
        let Some(leaf) = self.bare_leaf() else {
            return self.wrong(found);
        };
        let row = &mut *self.walk.row;
        let fits = match value {
            Slot::Boolean(_) if leaf.logical_type == LogicalType::Boolean => Some(value),
            Slot::Int64(integer) => leaf.of_integer(integer),
            Slot::Text(text) => match leaf.of_text(text, row.room()) {
                FromText::Slot(slot) => Some(slot),
                FromText::Same => Some(value),
                FromText::Nothing => None,
            },
            _ => None,
        };
        if let Some(slot) = fits {
            row.slots[leaf.slot] = slot;
        }
    }

    /// Whether the leaf wants an integer.
    #[inline]
    pub(super) fn reads_integer(&self) -> bool {
        self.leaf.is_some_and(|leaf| {
            matches!(leaf.logical_type, LogicalType::Int64 | LogicalType::Boolean)
                || matches!(leaf.form, Form::Counted(_))
        })
    }
}
