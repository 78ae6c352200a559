//! A place in a document on its way into slots.

use std::fmt;

use super::skip::DocumentGuard;
use crate::column::LogicalType;
use crate::decode::shape;
use crate::decode::slot::{Row, Slot};
use crate::decode::trie::{Leaf, Node};
use crate::decode::unavailable::Placeholder;

/// A document on its way into slots.
pub(super) struct Walk<'w, 'r> {
    pub(super) nodes: &'w [Node],
    pub(super) row: &'w mut Row<'r>,
    /// The last document that had each node.
    pub(super) seen: &'w mut [u64],
    /// This document, counted from 1.
    pub(super) document: u64,
    pub(super) guard: DocumentGuard,
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
        match (self.leaf, self.node.below.first()) {
            (Some(leaf), _) => self
                .walk
                .row
                .wrong(leaf.slot, path, leaf.logical_type, found),
            (None, Some(&slot)) if !self.walk.is_lenient => {
                self.walk.row.wrong(slot, path, "an object", found);
            }
            (None, _) => {}
        }
    }

    #[inline(always)]
    pub(super) fn number(self, integer: Option<i64>, float: f64, found: impl fmt::Display) {
        use LogicalType as T;
        match (self.leaf.map(|l| l.logical_type), integer) {
            (
                Some(T::Int64 | T::TimestampUs | T::TimestampMs | T::Date | T::TimeUs | T::TimeMs),
                Some(v),
            ) => {
                self.set(Slot::Int64(v));
            }
            (Some(T::Float64), _) => self.set(Slot::Float64(float)),
            (_, Some(v)) => self.unfit(Slot::Int64(v), format_args!("number {found}")),
            (_, None) => self.wrong(format_args!("number {found}")),
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
        use LogicalType as T;
        let Some(leaf) = self.bare_leaf() else {
            return self.wrong(found);
        };
        let fits = match (leaf.logical_type, value) {
            (T::Boolean, Slot::Boolean(_)) | (T::Text, Slot::Text(_)) => true,
            (
                T::Int64 | T::TimestampUs | T::TimestampMs | T::Date | T::TimeUs | T::TimeMs,
                Slot::Int64(_),
            ) => true,
            (T::Uuid, Slot::Text(text)) => shape::is_uuid(text),
            _ => false,
        };
        if fits {
            self.walk.row.slots[leaf.slot] = value;
        }
    }

    /// Whether the leaf wants an integer.
    #[inline]
    pub(super) fn reads_integer(&self) -> bool {
        use LogicalType as T;
        let logical_type = self.leaf.map(|l| l.logical_type);
        matches!(
            logical_type,
            Some(T::Int64 | T::TimestampUs | T::TimestampMs | T::Date | T::TimeUs | T::TimeMs)
        )
    }

    /// Whether `text` can be the leaf's value.
    #[inline]
    pub(super) fn takes_text(&self, text: &str) -> bool {
        match self.leaf.map(|l| l.logical_type) {
            Some(LogicalType::Text) => true,
            Some(LogicalType::Uuid) => shape::is_uuid(text),
            _ => false,
        }
    }
}
