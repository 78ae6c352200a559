//! The rows of a batch by key, the newest of each first.

use std::cmp::Ordering;

use super::{Version, Versions};

/// Rows sorted by key and, within a key, from the newest to the oldest: the newest wins, and should
/// it fail, the one behind it takes its place.
///
/// A position is an index into that order, so positions order as keys do.
#[derive(Debug)]
pub struct Candidates {
    rows: Vec<u32>,
}

/// Rows that lost to one that stands before them in the log, because their event time is earlier:
/// the clock of who made them stepped back, or they arrived late. None where event times do not
/// decide.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StepsBack {
    pub rows: u64,
    /// The first of them.
    pub first: Option<u32>,
    /// The longest way back, microseconds.
    pub longest_us: i64,
}

impl StepsBack {
    #[cold]
    fn add(&mut self, row: u32, version: Version<'_>, known: Version<'_>) {
        let back_us = known.event_time_us.saturating_sub(version.event_time_us);
        if back_us > 0 {
            self.rows += 1;
            self.first = Some(self.first.map_or(row, |first| first.min(row)));
            self.longest_us = self.longest_us.max(back_us);
        }
    }

    /// Those of both.
    pub fn and(self, other: Self) -> Self {
        Self {
            rows: self.rows + other.rows,
            first: self.first.into_iter().chain(other.first).min(),
            longest_us: self.longest_us.max(other.longest_us),
        }
    }
}

impl Candidates {
    /// `rows` of `versions`; a higher row is the later one (offset, then rank) and wins ties.
    pub fn new(versions: &Versions, rows: impl Iterator<Item = u32>) -> Self {
        // Eight bytes decide nearly every comparison without touching the keys, when they are the
        // first in which the keys differ.
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

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The row at a position.
    pub fn row(&self, position: u32) -> u32 {
        self.rows[position as usize]
    }

    /// Drops the rows that are older than what is known of their key. `known` is asked once a key,
    /// with one of its rows, in the keys' order; `lost` is told each row that goes. Returns those
    /// that were dropped by their event time.
    pub fn drop_beaten<'v>(
        &mut self,
        versions: &Versions,
        mut known: impl FnMut(u32) -> Option<Version<'v>>,
        mut lost: impl FnMut(u32),
    ) -> StepsBack {
        let mut steps_back = StepsBack::default();
        let (mut asked, mut answer) = (None, None);
        self.rows.retain(|&row| {
            if asked.is_none_or(|a| versions.compare_keys(a, versions, row) != Ordering::Equal) {
                (asked, answer) = (Some(row), known(row));
            }
            // Equal is not older: the row's offset is above that of what is known.
            let is_newer = answer.is_none_or(|known| versions.version(row) >= known);
            if let (false, Some(known)) = (is_newer, answer) {
                steps_back.add(row, versions.version(row), known);
                lost(row);
            }
            is_newer
        });
        steps_back
    }

    /// Drops the rows that are older than what is stored of their key, unless all of a key are.
    pub fn drop_older(&mut self, versions: &Versions, is_older: impl Fn(u32) -> bool) {
        let mut newest: Option<u32> = None;
        self.rows.retain(|&row| {
            let is_of = |of: u32| versions.compare_keys(of, versions, row) == Ordering::Equal;
            let first = newest.filter(|&of| is_of(of)).unwrap_or(row);
            newest = Some(first);
            !is_older(row) || is_older(first)
        });
    }

    /// The rows that lose to one that stands before them in the log and has a later event time.
    pub fn steps_back(&self, versions: &Versions) -> StepsBack {
        let mut steps_back = StepsBack::default();
        let mut winner = 0;
        for position in 1..self.rows.len() as u32 {
            if !self.same_key(versions, position - 1, position) {
                winner = position;
            } else if self.row(position) > self.row(winner) {
                let row = self.row(position);
                let known = versions.version(self.row(winner));
                steps_back.add(row, versions.version(row), known);
            }
        }
        steps_back
    }

    /// The rows that lose to one that stands before them in the log and has an earlier event time:
    /// how many, and the first one.
    pub fn lost_though_later(&self, versions: &Versions) -> (u64, Option<u32>) {
        let (mut lost, mut first, mut winner) = (0, None, 0);
        for position in 1..self.rows.len() as u32 {
            let (row, newest) = (self.row(position), self.row(winner));
            if !self.same_key(versions, position - 1, position) {
                winner = position;
            } else if row > newest && versions.event_time_us(row) > versions.event_time_us(newest) {
                lost += 1;
                first = Some(first.map_or(row, |first: u32| first.min(row)));
            }
        }
        (lost, first)
    }

    /// The position of the newest row of each key.
    pub fn winners(&self, versions: &Versions) -> Vec<u32> {
        let positions = 0..self.rows.len() as u32;
        positions
            .filter(|&p| p == 0 || !self.same_key(versions, p - 1, p))
            .collect()
    }

    /// The position of the newest row of the key of the one at `position`.
    pub fn newest(&self, versions: &Versions, position: u32) -> u32 {
        let newer = (0..position).rev();
        let same = newer.take_while(|&p| self.same_key(versions, p, position));
        same.last().unwrap_or(position)
    }

    /// The position of the next newest row of the same key.
    pub fn next(&self, versions: &Versions, position: u32) -> Option<u32> {
        let next = position + 1;
        ((next as usize) < self.rows.len() && self.same_key(versions, position, next))
            .then_some(next)
    }

    /// The rows of the key of `row`, which need not be a candidate, that are newer than it, from
    /// the newest on.
    pub fn newer<'a>(&'a self, versions: &'a Versions, row: u32) -> impl Iterator<Item = u32> + 'a {
        let of_key = self.of_key(versions, versions, row);
        of_key.take_while(move |&of| of != row && versions.is_newer(of, row))
    }

    /// The rows of the key of row `of` of `others`, from the newest on.
    pub fn of_key<'a>(
        &'a self,
        versions: &'a Versions,
        others: &'a Versions,
        of: u32,
    ) -> impl Iterator<Item = u32> + 'a {
        let compare = move |row: u32| versions.compare_keys(row, others, of);
        let first = self
            .rows
            .partition_point(|&row| compare(row) == Ordering::Less);
        let rows = self.rows[first..].iter().copied();
        rows.take_while(move |&row| compare(row) == Ordering::Equal)
    }

    fn same_key(&self, versions: &Versions, a: u32, b: u32) -> bool {
        versions.compare_keys(self.row(a), versions, self.row(b)) == Ordering::Equal
    }
}

#[cfg(test)]
mod tests {
    use std::cmp::Reverse;
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use arrow_array::{Int64Array, StringArray};
    use proptest::prelude::*;

    use super::*;
    use crate::column::{Batch, Column, Field, LogicalType};
    use crate::dedup::VersionColumns;
    use crate::plan::Roles;

    fn versions(rows: &[(String, i64, Option<i64>)]) -> Versions {
        let field = |name: &str, logical_type| Field {
            name: name.to_owned(),
            logical_type,
            nullable: true,
        };
        let fields = [
            field("key", LogicalType::Text),
            field("order", LogicalType::Int64),
        ];
        let roles = Roles {
            key: vec!["key".to_owned()],
            event_time: String::new(),
            deleted: None,
            order: vec!["order".to_owned()],
            ..Roles::default()
        };
        let columns = vec![
            Column::new(Arc::new(StringArray::from_iter_values(
                rows.iter().map(|r| &r.0),
            ))),
            Column::new(Arc::new(Int64Array::from_iter(rows.iter().map(|r| r.2)))),
        ];
        let layout = VersionColumns::new(&roles, &fields).unwrap();
        let batch = Batch {
            rows: rows.len(),
            fields: Arc::from(fields),
            columns,
        };
        Versions::new(&layout, &batch, rows.iter().map(|r| r.1).collect())
    }

    proptest! {
        #[test]
        fn keys_ascend_and_versions_descend(
            start in "[a-z]{0,12}",
            rows in prop::collection::vec(
                ("[ab]{0,10}", 0_i64..4, prop::option::of(0_i64..3)),
                0..30,
            ),
            known in prop::collection::vec(any::<bool>(), 30),
        ) {
            let full = |(k, t, o)| (format!("{start}{k}"), t, o);
            let rows: Vec<_> = rows.into_iter().map(full).collect();
            let versions = versions(&rows);
            let all = 0..rows.len() as u32;
            let mut candidates = Candidates::new(&versions, all.clone());
            let mut sorted: Vec<u32> = all.collect();
            sorted.sort_by_key(|&r| {
                let (key, time, order) = &rows[r as usize];
                (key.clone(), Reverse((*time, *order, r)))
            });
            prop_assert_eq!(&candidates.rows, &sorted);

            // Some rows' versions are known already, at most one a key: what is older goes.
            let known: BTreeMap<&str, u32> = sorted
                .iter()
                .filter(|&&r| known[r as usize])
                .map(|&r| (rows[r as usize].0.as_str(), r))
                .collect();
            let of = |r: u32| known.get(rows[r as usize].0.as_str()).copied();
            let known = |row| of(row).map(|k| versions.version(k));
            let mut lost = Vec::new();
            candidates.drop_beaten(&versions, known, |row| lost.push(row));
            let version = |r: u32| (rows[r as usize].1, rows[r as usize].2);
            sorted.retain(|&r| of(r).is_none_or(|k| version(r) >= version(k)));
            prop_assert_eq!(&candidates.rows, &sorted);
            prop_assert_eq!(lost.len() + sorted.len(), rows.len());

            // Winner by winner and behind each the next, every candidate is reached once.
            let mut reached = Vec::new();
            for winner in candidates.winners(&versions) {
                let chain = std::iter::successors(Some(winner), |&p| candidates.next(&versions, p));
                reached.extend(chain.map(|p| candidates.row(p)));
            }
            prop_assert_eq!(reached, sorted);
        }
    }
}
