//! A place in a document on its way into slots.

use std::fmt;

use super::skip::DocumentGuard;
use crate::column::LogicalType;
use crate::decode::shape;
use crate::decode::slot::{Row, Slot};
use crate::decode::trie::{Leaf, Node};

/// A document on its way into slots.
pub(super) struct Walk<'w, 'r> {
    pub(super) nodes: &'w [Node],
    pub(super) row: &'w mut Row<'r>,
    /// The last document that had each node.
    pub(super) seen: &'w mut [u64],
    /// This document, counted from 1.
    pub(super) document: u64,
    pub(super) guard: DocumentGuard,
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
            (None, Some(&slot)) => self.walk.row.wrong(slot, path, "an object", found),
            (None, None) => {}
        }
    }

    #[inline]
    pub(super) fn number(self, integer: Option<i64>, float: f64, found: impl fmt::Display) {
        use LogicalType as T;
        match (self.leaf.map(|l| l.logical_type), integer) {
            (Some(T::Int64 | T::TimestampUs | T::TimestampMs | T::Date), Some(v)) => {
                self.set(Slot::Int64(v));
            }
            (Some(T::Float64), _) => self.set(Slot::Float64(float)),
            _ => self.wrong(format_args!("number {found}")),
        }
    }

    /// Whether the leaf wants an integer.
    #[inline]
    pub(super) fn reads_integer(&self) -> bool {
        use LogicalType as T;
        let logical_type = self.leaf.map(|l| l.logical_type);
        matches!(
            logical_type,
            Some(T::Int64 | T::TimestampUs | T::TimestampMs | T::Date)
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
