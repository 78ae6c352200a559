//! The rows of a batch by key, the newest of each first.

use std::cmp::Ordering;

use super::{Version, Versions};

/// Rows sorted by key and, within a key, from the newest to the oldest: the newest wins, and should it fail, the one behind it takes its place.
///
/// A position is an index into that order, so positions order as keys do.
#[derive(Debug)]
pub struct Candidates {
    rows: Vec<u32>,
}

impl Candidates {
    /// `rows` of `versions`; a higher row is the later one (offset, then rank) and wins ties.
    pub fn new(versions: &Versions, rows: impl Iterator<Item = u32>) -> Self {
        // Eight bytes decide nearly every comparison without touching the keys, when they are the first in which the keys differ.
        let rows: Vec<u32> = rows.collect();
        let shared = versions.shared_key_bytes(&rows);
        let prefixed = rows
            .into_iter()
            .map(|r| (versions.key_prefix(r, shared), r));
        let mut sorted: Vec<(u64, u32)> = prefixed.collect();
        sorted.sort_unstable_by(|&(p, a), &(q, b)| {
            p.cmp(&q)
                .then_with(|| versions.compare_keys(a, versions, b))
                .then_with(|| versions.version(b).cmp(&versions.version(a)))
                .then_with(|| b.cmp(&a))
        });
        Self {
            rows: sorted.into_iter().map(|(_, row)| row).collect(),
        }
    }

    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The row at a position.
    pub fn row(&self, position: u32) -> u32 {
        self.rows[position as usize]
    }

    /// Drops the rows that are older than what is known of their key. `known` is asked once a key, with one of its rows, in the keys' order.
    pub fn drop_beaten<'v>(
        &mut self,
        versions: &Versions,
        mut known: impl FnMut(u32) -> Option<Version<'v>>,
    ) {
        let (mut asked, mut answer) = (None, None);
        self.rows.retain(|&row| {
            if asked.is_none_or(|a| versions.compare_keys(a, versions, row) != Ordering::Equal) {
                (asked, answer) = (Some(row), known(row));
            }
            // Equal is not older: the row's offset is above that of what is known.
            answer.is_none_or(|known| versions.version(row) >= known)
        });
    }

    /// The position of the newest row of each key.
    pub fn winners(&self, versions: &Versions) -> Vec<u32> {
        let positions = 0..self.rows.len() as u32;
        positions
            .filter(|&p| p == 0 || !self.same_key(versions, p - 1, p))
            .collect()
    }

    /// The position of the next newest row of the same key.
    pub fn next(&self, versions: &Versions, position: u32) -> Option<u32> {
        let next = position + 1;
        ((next as usize) < self.rows.len() && self.same_key(versions, position, next))
            .then_some(next)
    }

    fn same_key(&self, versions: &Versions, a: u32, b: u32) -> bool {
        versions.compare_keys(self.row(a), versions, self.row(b)) == Ordering::Equal
    }
}
