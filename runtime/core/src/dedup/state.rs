//! What is known of each key from the batches that have committed.

use std::hash::BuildHasher;

use foldhash::fast::RandomState;

use super::cache::Entry;
use super::compact::Compact;
use super::shards::Shards;
use super::version::{Keys, Version, VersionColumns, Versions};
use super::version_kind::VersionKind;

/// The newest committed version of each key, as far as it is remembered.
///
/// Never newer than what Postgres holds for the key, so it learns only from what has committed;
/// absent is always safe. An entry expires when its event time falls `ttl_us` behind the highest
/// one; expired entries are removed a few slots with each batch, and an expired one that is still
/// there is as right as any. When `max_bytes` are reached, the older half by event time is
/// forgotten (by sampling, so approximately).
///
/// An offset is not kept: a later batch's offsets are above every remembered one, so a tie always
/// goes to the row that asks. Where nothing but the offset decides, there is nothing to remember.
pub struct State {
    table: Table,
    kind: VersionKind,
    ttl_us: i64,
}

enum Table {
    Int(Shards<IntEntry>),
    Packed(Shards<PackedEntry>),
}

/// 16 bytes and one of hashbrown's control: 17/0.875 = 19 bytes a key in a full table, 39 in one
/// that has just doubled.
struct IntEntry {
    key: i64,
    event_time_us: i64,
}

/// 32 bytes, and the key's own where it is long.
struct PackedEntry {
    event_time_us: i64,
    compact: Compact,
}

/// What the allocator adds to a small block, on average, by its header and rounding (glibc: 8 bytes
/// of header, multiples of 16).
const ALLOCATION_OVERHEAD_BYTES: usize = 16;

impl Entry for IntEntry {
    fn hash(&self, hasher: &RandomState) -> u64 {
        hasher.hash_one(self.key)
    }

    fn event_time_us(&self) -> i64 {
        self.event_time_us
    }

    fn heap_bytes(&self) -> usize {
        0
    }
}

impl PackedEntry {
    fn version(&self, kind: VersionKind) -> Version<'_> {
        let event_time_us = match kind {
            VersionKind::EventTime => self.event_time_us,
            VersionKind::OrderFirst | VersionKind::Offset => 0,
        };
        Version {
            event_time_us,
            order: self.compact.order(),
        }
    }
}

impl Entry for PackedEntry {
    fn hash(&self, hasher: &RandomState) -> u64 {
        hasher.hash_one(self.compact.key())
    }

    fn event_time_us(&self) -> i64 {
        self.event_time_us
    }

    fn heap_bytes(&self) -> usize {
        self.compact
            .heap_bytes()
            .map_or(0, |bytes| bytes + ALLOCATION_OVERHEAD_BYTES)
    }
}

impl State {
    /// An empty state, for keys of `columns`.
    pub fn new(columns: &VersionColumns, ttl_us: i64, max_bytes: usize) -> Self {
        let table = if columns.is_int_key() {
            Table::Int(Shards::new(max_bytes))
        } else {
            Table::Packed(Shards::new(max_bytes))
        };
        let kind = columns.kind();
        Self {
            table,
            kind,
            ttl_us,
        }
    }

    /// Exchanges what is remembered, and the room for it, with a state for the same columns. How
    /// long a key is remembered stays each one's own.
    pub fn exchange(&mut self, other: &mut Self) {
        std::mem::swap(&mut self.table, &mut other.table);
    }

    /// Keys remembered.
    pub fn len(&self) -> usize {
        match &self.table {
            Table::Int(shards) => shards.len(),
            Table::Packed(shards) => shards.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Memory held, tables and keys.
    pub fn bytes(&self) -> usize {
        match &self.table {
            Table::Int(shards) => shards.bytes(),
            Table::Packed(shards) => shards.bytes(),
        }
    }

    /// What is known of the key of `row`.
    pub fn get(&self, versions: &Versions, row: u32) -> Option<Version<'_>> {
        match (&self.table, versions.keys()) {
            (Table::Int(shards), Keys::Int(keys)) => {
                let key = keys[row as usize];
                let entry = shards.find(shards.hasher().hash_one(key), |e| e.key == key)?;
                Some(Version {
                    event_time_us: entry.event_time_us,
                    order: &[],
                })
            }
            (Table::Packed(shards), Keys::Packed(keys)) => {
                let key = keys.get(row as usize);
                let entry =
                    shards.find(shards.hasher().hash_one(key), |e| e.compact.key() == key)?;
                Some(entry.version(self.kind))
            }
            _ => unreachable!("one chain's keys are all of one kind"),
        }
    }

    /// Whether all that is known of the key of `row` happened before `row` did.
    pub fn is_of_earlier(&self, versions: &Versions, row: u32) -> bool {
        let at_us = match (&self.table, versions.keys()) {
            (Table::Int(shards), Keys::Int(keys)) => {
                let key = keys[row as usize];
                let entry = shards.find(shards.hasher().hash_one(key), |e| e.key == key);
                entry.map(Entry::event_time_us)
            }
            (Table::Packed(shards), Keys::Packed(keys)) => {
                let key = keys.get(row as usize);
                let entry = shards.find(shards.hasher().hash_one(key), |e| e.compact.key() == key);
                entry.map(Entry::event_time_us)
            }
            _ => unreachable!("one chain's keys are all of one kind"),
        };
        at_us.is_some_and(|at_us| at_us < versions.event_time_us(row))
    }

    /// Learns `rows`, one a key, which have committed. `event_time_max`: the partition's highest,
    /// microseconds.
    pub fn learn(&mut self, versions: &Versions, rows: &[u32], event_time_max: i64) {
        let kind = self.kind;
        if kind == VersionKind::Offset {
            return;
        }
        let oldest_us = event_time_max.saturating_sub(self.ttl_us);
        let fresh = rows
            .iter()
            .filter(|&&r| versions.event_time_us(r) >= oldest_us);
        match (&mut self.table, versions.keys()) {
            (Table::Int(shards), Keys::Int(keys)) => {
                for &row in fresh {
                    let key = keys[row as usize];
                    let event_time_us = versions.version(row).event_time_us;
                    shards.upsert(
                        shards.hasher().hash_one(key),
                        |e| e.key == key,
                        |e| e.event_time_us = e.event_time_us.max(event_time_us),
                        || IntEntry { key, event_time_us },
                    );
                }
                shards.sweep(rows.len(), oldest_us);
            }
            (Table::Packed(shards), Keys::Packed(keys)) => {
                for &row in fresh {
                    let (key, version) = (keys.get(row as usize), versions.version(row));
                    let event_time_us = versions.event_time_us(row);
                    shards.upsert(
                        shards.hasher().hash_one(key),
                        |e| e.compact.key() == key,
                        |e| {
                            if e.version(kind) < version {
                                // Not back: what expires is the key, not one of its versions.
                                e.event_time_us = e.event_time_us.max(event_time_us);
                                e.compact.set_order(version.order);
                            }
                        },
                        || PackedEntry {
                            event_time_us,
                            compact: Compact::new(key, version.order),
                        },
                    );
                }
                shards.sweep(rows.len(), oldest_us);
            }
            _ => unreachable!("one chain's keys are all of one kind"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::StringArray;

    use super::*;
    use crate::column::{Batch, Column, Field, LogicalType};
    use crate::plan::Roles;

    /// A hundred keys of 30 characters, all of one time and order.
    fn versions(time: i64, order: &str) -> (VersionColumns, Versions) {
        let field = |name: &str| Field {
            name: name.to_owned(),
            logical_type: LogicalType::Text,
            nullable: false,
        };
        let fields = [field("key"), field("order")];
        let roles = Roles {
            key: vec!["key".to_owned()],
            event_time: String::new(),
            deleted: None,
            order: vec!["order".to_owned()],
            ..Roles::default()
        };
        let keys = StringArray::from_iter_values((0..100).map(|k| format!("{k:030}")));
        let orders = StringArray::from_iter_values((0..100).map(|_| order));
        let columns = vec![Column::new(Arc::new(keys)), Column::new(Arc::new(orders))];
        let layout = VersionColumns::new(&roles, &fields).unwrap();
        let batch = Batch {
            rows: 100,
            fields: Arc::from(fields),
            columns,
        };
        let versions = Versions::new(&layout, &batch, vec![time; 100]);
        (layout, versions)
    }

    fn learned(of: &[(i64, &str)], ttl_us: i64) -> State {
        let mut state = State::new(&versions(0, "").0, ttl_us, usize::MAX);
        let rows: Vec<u32> = (0..100).collect();
        for (time, order) in of {
            state.learn(&versions(*time, order).1, &rows, *time);
        }
        state
    }

    /// Each state's seed spreads the keys anew, so that tables differ in size.
    fn text_bytes(state: &State) -> usize {
        match &state.table {
            Table::Int(shards) => shards.heap_bytes(),
            Table::Packed(shards) => shards.heap_bytes(),
        }
    }

    #[test]
    fn bytes_are_those_of_what_is_held() {
        let direct = learned(&[(3, "longest of all")], 10);
        let raised = learned(&[(1, "a"), (2, "b"), (3, "longest of all")], 10);
        assert_eq!(
            (raised.len(), text_bytes(&raised)),
            (direct.len(), text_bytes(&direct))
        );
        // Lowering is not a thing: the older version stays away.
        let kept = learned(&[(3, "longest of all"), (3, "a"), (2, "z")], 10);
        assert_eq!(text_bytes(&kept), text_bytes(&direct));
        let row = versions(3, "longest of all").1;
        assert!((0..100).all(|r| kept.get(&row, r) == Some(row.version(r))));
    }

    #[test]
    fn what_expires_gives_its_bytes_back() {
        let mut state = learned(&[(1, "order")], 10);
        let full = state.bytes();
        // Nothing is learned at a time when all is expired, but the sweep goes on.
        let (_, versions) = versions(1, "order");
        for _ in 0..10 {
            state.learn(&versions, &(0..100).collect::<Vec<_>>(), 100);
        }
        assert!(state.is_empty());
        let text = 100 * (30 + "order".len() + 2);
        assert_eq!(full - state.bytes(), text + 100 * ALLOCATION_OVERHEAD_BYTES);
    }
}
