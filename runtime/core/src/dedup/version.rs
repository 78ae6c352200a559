//! Which of two rows of a key is the newer.

use std::cmp::Ordering;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_buffer::ScalarBuffer;
use arrow_schema::DataType;

use super::VersionKind;
use super::pack::{Packed, ordered_int};
use crate::column::{Batch, Field};
use crate::plan::Roles;

/// The newness of a row, but for its offset: ties go to the later offset, and what is remembered
/// always has the earlier one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version<'a> {
    /// Zero where the event time does not decide first.
    pub event_time_us: i64,
    /// The order columns' values, comparable as bytes. Empty without order columns.
    pub order: &'a [u8],
}

/// The positions of the columns that make keys and versions, in a normalizer's rows.
#[derive(Clone, Debug)]
pub struct VersionColumns {
    kind: VersionKind,
    key: Vec<usize>,
    /// None where the place in the log decides.
    order: Vec<usize>,
    /// The key is one integer and nothing orders but time: the common case, kept without packing.
    int_key: bool,
}

impl VersionColumns {
    /// `None` when `roles` names a column that `fields` does not have.
    pub fn new(roles: &Roles, fields: &[Field]) -> Option<Self> {
        let find = |names: &[String]| -> Option<Vec<usize>> {
            names
                .iter()
                .map(|n| fields.iter().position(|f| f.name == *n))
                .collect()
        };
        let kind = roles.version.kind;
        let order = match kind {
            VersionKind::Offset => Vec::new(),
            VersionKind::EventTime | VersionKind::OrderFirst => find(&roles.order)?,
        };
        let key = find(&roles.key)?;
        let is_int = |i: usize| fields[i].logical_type.data_type() == DataType::Int64;
        let int_key = matches!(key[..], [only] if is_int(only)) && order.is_empty();
        Some(Self {
            kind,
            key,
            order,
            int_key,
        })
    }

    pub(super) fn kind(&self) -> VersionKind {
        self.kind
    }

    /// Whether any of the key's columns is null in `row`.
    pub fn is_key_null(&self, batch: &Batch, row: usize) -> bool {
        self.key
            .iter()
            .any(|&c| batch.columns[c].values.is_null(row))
    }

    pub(super) fn is_int_key(&self) -> bool {
        self.int_key
    }
}

/// The keys of a batch's rows.
#[derive(Debug)]
pub enum Keys {
    /// One integer.
    Int(ScalarBuffer<i64>),
    /// Anything else, as bytes that compare as the values do.
    Packed(PackedKeys),
}

/// Keys of several columns, or of one that is no integer.
#[derive(Debug)]
pub struct PackedKeys(Packed);

impl PackedKeys {
    pub(super) fn get(&self, row: usize) -> &[u8] {
        self.0.get(row)
    }
}

/// Key, event time and order of each row of a batch. Rows whose key or time is null have one that
/// means nothing.
#[derive(Debug)]
pub struct Versions {
    keys: Keys,
    /// What decides first: the event times, or zeros where they do not.
    first: Vec<i64>,
    /// The event times, where `first` does not have them.
    event_time_us: Option<Vec<i64>>,
    order: Option<Packed>,
}

impl Versions {
    /// `event_time_us` holds one time for each row of `batch`, the normalizer's rows.
    pub fn new(columns: &VersionColumns, batch: &Batch, event_time_us: Vec<i64>) -> Self {
        let pack = |positions: &[usize]| {
            let parts: Vec<_> = positions
                .iter()
                .map(|&p| (batch.fields[p].logical_type, &batch.columns[p]))
                .collect();
            Packed::new(&parts, batch.rows)
        };
        let keys = if columns.int_key {
            let array = batch.columns[columns.key[0]]
                .values
                .as_primitive::<Int64Type>();
            Keys::Int(array.values().clone())
        } else {
            Keys::Packed(PackedKeys(pack(&columns.key)))
        };
        let order = (!columns.order.is_empty()).then(|| pack(&columns.order));
        let (first, event_time_us) = match columns.kind {
            VersionKind::EventTime => (event_time_us, None),
            VersionKind::OrderFirst | VersionKind::Offset => {
                (vec![0; batch.rows], Some(event_time_us))
            }
        };
        Self {
            keys,
            first,
            event_time_us,
            order,
        }
    }

    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    pub fn version(&self, row: u32) -> Version<'_> {
        let row = row as usize;
        let order = self.order.as_ref().map_or(&[][..], |o| o.get(row));
        Version {
            event_time_us: self.first[row],
            order,
        }
    }

    /// The event time of the row, whether or not it decides.
    pub(super) fn event_time_us(&self, row: u32) -> i64 {
        self.event_time_us.as_ref().unwrap_or(&self.first)[row as usize]
    }

    /// Whether `row` is the newer of two rows of this batch, which may be of different keys.
    pub fn is_newer(&self, row: u32, than: u32) -> bool {
        (self.version(row), row) > (self.version(than), than)
    }

    /// Compares the key of `row` with the key of `other_row`, which may be of another batch of the
    /// same chain.
    pub fn compare_keys(&self, row: u32, other: &Versions, other_row: u32) -> Ordering {
        let (a, b) = (row as usize, other_row as usize);
        match (&self.keys, &other.keys) {
            (Keys::Int(x), Keys::Int(y)) => x[a].cmp(&y[b]),
            (Keys::Packed(x), Keys::Packed(y)) => x.get(a).cmp(y.get(b)),
            _ => unreachable!("one chain's keys are all of one kind"),
        }
    }

    /// How many bytes the keys of `rows` begin with in common. Zero for integers.
    pub(super) fn shared_key_bytes(&self, rows: &[u32]) -> usize {
        let (Keys::Packed(keys), [first, rest @ ..]) = (&self.keys, rows) else {
            return 0;
        };
        let first = keys.get(*first as usize);
        rest.iter().fold(first.len(), |shared, &row| {
            let key = keys.get(row as usize);
            let both = first[..shared].iter().zip(key);
            both.take_while(|(a, b)| a == b).count()
        })
    }

    /// Eight bytes of the key behind the `shared` ones: when they differ, they order as the keys
    /// do.
    pub(super) fn key_prefix(&self, row: u32, shared: usize) -> u64 {
        match &self.keys {
            Keys::Int(keys) => ordered_int(keys[row as usize]),
            Keys::Packed(keys) => {
                let key = &keys.get(row as usize)[shared..];
                let mut prefix = [0; 8];
                let length = key.len().min(8);
                prefix[..length].copy_from_slice(&key[..length]);
                u64::from_be_bytes(prefix)
            }
        }
    }
}
