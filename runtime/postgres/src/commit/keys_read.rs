//! Rows that were read for enrichers: what was computed from them holds for as long as they do.

use gristmill_core::chain::{Computed, KeysRead};
use tokio_postgres::types::{ToSql, Type};

use crate::commit::parameters::Values;
use crate::commit::sink::Sink;
use crate::commit::statement::Sql;
use crate::commit::target_shape::TargetShape;
use crate::table::identifier::{VERSION, quote};
use crate::wire::column_array::{ColumnArray, sent_type};

/// What the statement is given.
pub(crate) struct ReadArrays<'a> {
    versions: &'a [Option<Vec<u8>>],
    keys: Vec<ColumnArray<'a>>,
}

impl<'a> ReadArrays<'a> {
    pub(crate) fn new(read: &'a KeysRead) -> Self {
        let fields = read.keys.fields.iter().zip(&read.keys.columns);
        let keys = fields.filter_map(|(f, column)| ColumnArray::new(f.logical_type, column));
        Self {
            versions: &read.versions,
            keys: keys.collect(),
        }
    }

    pub(crate) fn values(&self) -> Values<'_> {
        let versions: &(dyn ToSql + Sync) = &self.versions;
        let keys = self.keys.iter().map(|key| key as &(dyn ToSql + Sync));
        std::iter::once(versions).chain(keys).collect()
    }
}

impl TargetShape<'_> {
    /// Locks rows that were read, in the order of their keys, and raises where one is not as it
    /// was. `None`: rows have no versions.
    pub(crate) fn keys_read(&self) -> Option<Sql> {
        self.kept?;
        let keys: Vec<usize> = self.key().map(|(i, _)| i).collect();
        let arrays = keys.iter().map(|i| {
            let of_type = sent_type(self.fields[*i].logical_type);
            (format!("c{i}"), of_type)
        });
        let versions = ("r".to_owned(), Type::BYTEA_ARRAY);
        let arrays: Vec<(String, Type)> = std::iter::once(versions).chain(arrays).collect();
        let unnested = arrays.iter();
        let unnested = unnested.map(|(name, _)| format!("pg_catalog.unnest(:{name}) as {name}"));
        let text = format!(
            "with u as materialized (select pg_catalog.generate_subscripts(:r, 1) as n, {}), \
             locked as materialized (select u.n, t.{} as v from u join {} as t on {} order by u.n \
             for no key update of t) select case when exists (select from u left join locked as l \
             on l.n = u.n where l.v is distinct from u.r) then gristmill.read_again() end",
            unnested.collect::<Vec<_>>().join(", "),
            quote(VERSION),
            self.target.own_rows,
            self.on(),
        );
        Some(self.alone(&text, arrays.into_iter(), false))
    }
}

impl Sink {
    /// What `batch` was computed from, with what finds out whether that still holds.
    pub(crate) fn keys_read<'a>(
        &'a self,
        batch: &'a Computed,
    ) -> Option<(ReadArrays<'a>, &'a Sql)> {
        let read = batch.read.as_deref().map(ReadArrays::new);
        read.zip(self.statements.keys_read.as_ref())
    }
}
