//! Dimensions: immutable snapshots of reference data that transforms ask the host to join.

mod fingerprint;
mod key_values;

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;

use arrow_array::{UInt32Array, new_null_array};
use foldhash::fast::FixedState;
use hashbrown::HashTable;

use crate::column::{Batch, Column, Field, taken};
use key_values::KeyValues;

/// The dimensions of a pipeline by name, as one batch sees them.
pub type Dimensions = HashMap<String, Arc<Dimension>>;

/// Reference rows found by a unique key. Never changes: a new snapshot is a new value.
#[derive(Debug)]
pub struct Dimension {
    rows: Batch,
    key: Vec<String>,
    /// Row numbers by the hash of their key.
    table: HashTable<u32>,
    digest: u64,
}

/// Rows that cannot be a dimension.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DimensionError {
    /// The key names a column that the rows do not have.
    #[error(
        "dimension `{dimension}`: there is no key column `{column}`: the columns are {columns}"
    )]
    NoColumn {
        dimension: String,
        column: String,
        columns: String,
    },
    /// A dimension without a key cannot be looked up.
    #[error("dimension `{dimension}`: the key has no columns: name at least one")]
    NoKey { dimension: String },
    /// A key column is null in a row.
    #[error("dimension `{dimension}`: row {row} has no `{column}`, which is part of the key")]
    NullKey {
        dimension: String,
        row: usize,
        column: String,
    },
    /// Two rows have one key.
    #[error(
        "dimension `{dimension}`: rows {first} and {second} have the same key ({key}): a key must \
         be unique"
    )]
    DuplicateKey {
        dimension: String,
        first: usize,
        second: usize,
        key: String,
    },
    /// More rows than a `u32` counts.
    #[error(
        "dimension `{dimension}`: {rows} rows are more than a dimension can hold (4,294,967,295)"
    )]
    TooLarge { dimension: String, rows: usize },
}

impl Dimension {
    /// Indexes `rows` by the columns `key`; `name` is for messages, which count rows from 1.
    pub fn new(name: &str, rows: Batch, key: &[String]) -> Result<Self, DimensionError> {
        let dimension = || name.to_owned();
        if key.is_empty() {
            return Err(DimensionError::NoKey {
                dimension: dimension(),
            });
        }
        let Ok(count) = u32::try_from(rows.rows) else {
            return Err(DimensionError::TooLarge {
                dimension: dimension(),
                rows: rows.rows,
            });
        };
        let columns = key_columns(name, &rows, key)?;
        let mut table = HashTable::with_capacity(rows.rows);
        for row in 0..count {
            let r = row as usize;
            let hash = hash_key(&columns, r);
            let same = |&other: &u32| columns.iter().all(|c| c.equal(r, c, other as usize));
            if let Some(&first) = table.find(hash, same) {
                let values = key
                    .iter()
                    .zip(&columns)
                    .map(|(k, c)| format!("{k} {}", c.to_text(r)));
                return Err(DimensionError::DuplicateKey {
                    dimension: dimension(),
                    first: first as usize + 1,
                    second: r + 1,
                    key: values.collect::<Vec<_>>().join(", "),
                });
            }
            table.insert_unique(hash, row, |&other| hash_key(&columns, other as usize));
        }
        let digest = fingerprint::fingerprint(&rows, key);
        Ok(Self {
            rows,
            key: key.to_vec(),
            table,
            digest,
        })
    }

    /// All columns, the key's among them.
    pub fn fields(&self) -> &[Field] {
        &self.rows.fields
    }

    /// The names of the key's columns, in the order that [`Dimension::lookup`] wants them.
    pub fn key(&self) -> &[String] {
        &self.key
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.rows.rows
    }

    /// The matching row for each of the `rows` rows of the `on` columns, `None` where no row
    /// matches or the key has a null. `on` is in the order of [`Dimension::key`]. A column of
    /// another layout matches nothing: that is for the plan's check to refuse.
    pub fn lookup(&self, on: &[&Column], rows: usize) -> Vec<Option<u32>> {
        let key: Vec<KeyValues> = self
            .key
            .iter()
            .filter_map(|name| self.rows.position(name))
            .map(|i| KeyValues::of(&self.rows.columns[i]))
            .collect();
        let on: Vec<KeyValues> = on.iter().map(|c| KeyValues::of(c)).collect();
        let comparable = key.len() == on.len() && key.iter().zip(&on).all(|(k, o)| k.is_like(o));
        if !comparable {
            return vec![None; rows];
        }
        let find = |row: usize| {
            if on.iter().any(|c| c.is_null(row)) {
                return None;
            }
            let same = |&r: &u32| {
                on.iter()
                    .zip(&key)
                    .all(|(o, k)| o.equal(row, k, r as usize))
            };
            self.table.find(hash_key(&on, row), same).copied()
        };
        (0..rows).map(find).collect()
    }

    /// The columns `fields` of the rows that [`Dimension::lookup`] found, null where it found none.
    /// A field that the dimension does not have is null throughout: that is for the plan's check to
    /// refuse.
    pub fn take(&self, matches: &[Option<u32>], fields: &[Field]) -> Vec<Column> {
        let rows = UInt32Array::from(matches.to_vec());
        let column = |field: &Field| match self.rows.position(&field.name) {
            Some(i) => Column::new(taken(&self.rows.columns[i].values, &rows)),
            None => Column::new(new_null_array(
                &field.logical_type.data_type(),
                matches.len(),
            )),
        };
        fields.iter().map(column).collect()
    }

    /// A digest of key, fields and rows, whatever the order of the rows. The same on every host.
    pub fn digest(&self) -> u64 {
        self.digest
    }
}

/// The key's columns, none with a null.
fn key_columns<'a>(
    name: &str,
    rows: &'a Batch,
    key: &[String],
) -> Result<Vec<KeyValues<'a>>, DimensionError> {
    let find = |column: &String| {
        let dimension = name.to_owned();
        let Some(i) = rows.position(column) else {
            let names: Vec<_> = rows.fields.iter().map(|f| f.name.as_str()).collect();
            let (column, columns) = (column.clone(), names.join(", "));
            return Err(DimensionError::NoColumn {
                dimension,
                column,
                columns,
            });
        };
        let values = KeyValues::of(&rows.columns[i]);
        match (0..rows.rows).find(|&row| values.is_null(row)) {
            Some(row) => Err(DimensionError::NullKey {
                dimension,
                row: row + 1,
                column: column.clone(),
            }),
            None => Ok(values),
        }
    };
    key.iter().map(find).collect()
}

/// The hash of a key for the table. No null may be among its values.
fn hash_key(key: &[KeyValues], row: usize) -> u64 {
    let mut hasher = FixedState::default().build_hasher();
    for column in key {
        column.hash(row, &mut hasher);
    }
    hasher.finish()
}

#[cfg(test)]
mod tests;
