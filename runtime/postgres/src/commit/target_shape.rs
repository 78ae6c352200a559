//! What a sink writes of its rows, and what SQL calls it.

use gristmill_core::chain::Delete;
use gristmill_core::column::Field;
use gristmill_core::plan::Roles;

use crate::commit::guard_sql::Guarded;
use crate::table::bookkeeping::Bookkeeping;
use crate::table::identifier::{ABSENT, DELETED, quote};
use crate::table::later_columns::{LaterColumns, literal};
use crate::table::target_table::{TargetColumn, TargetTable};

/// The names and types that statements are made of. Fields are known to fit the target.
#[derive(Clone, Copy)]
pub(crate) struct TargetShape<'a> {
    pub(crate) target: &'a TargetTable,
    pub(crate) fields: &'a [Field],
    pub(crate) roles: &'a Roles,
    /// Where versions are compared, what is known of the table; else columns are.
    pub(crate) kept: Option<&'a Bookkeeping>,
    pub(crate) delete: Delete,
}

impl<'a> TargetShape<'a> {
    /// Whether the target has the column `name`, one of those that gristmill fills by itself.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.target.column(name).is_some()
    }

    pub(crate) fn guarded(&self) -> Guarded<'a> {
        Guarded {
            target: self.target,
            roles: self.roles,
            rule: self.kept.map(|kept| kept.rule),
        }
    }

    /// The target's column for the field at `i`. `None`: it decides about the row and is not
    /// stored.
    pub(crate) fn column(&self, i: usize) -> Option<&'a TargetColumn> {
        self.target.column(&self.fields[i].name)
    }

    /// The fields whose values may be absent, and are kept when the row is deleted.
    pub(crate) fn values(&self) -> impl Iterator<Item = (usize, &'a TargetColumn)> {
        let fields = self.fields.iter().enumerate();
        let values = fields.filter(|(_, f)| !self.roles.include(&f.name));
        values.filter_map(|(i, _)| Some((i, self.column(i)?)))
    }

    /// The fields that are sent: those that are stored, and, where some rows are deleted, those
    /// that say what becomes of a row.
    pub(crate) fn sent(&self, are_deleted: bool) -> Vec<usize> {
        let time = self
            .kept
            .and_then(|_| self.position(&self.roles.event_time));
        let deciding = [self.deleted(), time];
        let decides = |i: &usize| are_deleted && deciding.contains(&Some(*i));
        let all = 0..self.fields.len();
        all.filter(|i| self.column(*i).is_some() || decides(i))
            .collect()
    }

    /// The bit that says whether the field at `i` is absent: the column's of `_gm_absent`, or its
    /// place where the table has none.
    pub(crate) fn bit(&self, i: usize) -> u32 {
        let bits = self.kept.iter().flat_map(|kept| &kept.bits);
        let mut named = bits.filter(|(name, _)| *name == self.fields[i].name);
        named.next().map_or(i as u32, |(_, bit)| *bit)
    }

    /// How many bytes have a bit for each column.
    pub(crate) fn mask_bytes(&self) -> usize {
        let last = self.values().map(|(i, _)| self.bit(i)).max();
        last.map_or(0, |bit| bit as usize / 8 + 1)
    }

    /// The bits of all columns that are written, as a literal.
    pub(crate) fn all_bits(&self) -> String {
        literal(self.values().map(|(i, _)| self.bit(i)))
    }

    /// The columns that came later than rows of the table.
    pub(crate) fn later(&self) -> LaterColumns {
        let kept = self.kept.filter(|_| self.tracks_absent());
        kept.map(|kept| kept.later.clone()).unwrap_or_default()
    }

    /// The field that says whether a row is deleted.
    pub(crate) fn deleted(&self) -> Option<usize> {
        self.position(self.roles.deleted.as_ref()?)
    }

    pub(crate) fn position(&self, name: &str) -> Option<usize> {
        self.fields.iter().position(|f| f.name == name)
    }

    /// The target's column for that: the pipeline's, or gristmill's own.
    pub(crate) fn flag(&self) -> Option<String> {
        let name = self.roles.deleted.as_ref()?;
        let names = [name.as_str(), DELETED].into_iter();
        names.filter(|name| self.has(name)).map(quote).next()
    }

    /// As [`TargetTable::is_marked`]; `None`, too, where no row is ever deleted.
    pub(crate) fn is_marked(&self) -> Option<String> {
        self.target.is_marked(self.roles.deleted.as_ref()?)
    }

    /// Whether deleted rows go.
    pub(crate) fn deletes_for_good(&self) -> bool {
        self.delete == Delete::Hard && self.deleted().is_some() && self.kept.is_some()
    }

    pub(crate) fn tracks_absent(&self) -> bool {
        self.kept.is_some() && self.has(ABSENT)
    }

    /// The value of the field at `i` in the rows `u`, as its column takes it.
    pub(crate) fn value(&self, i: usize) -> String {
        let column = self.column(i);
        match column.and_then(|c| c.cast(self.fields[i].logical_type)) {
            Some(cast) => format!("u.c{i}::{cast}"),
            None => format!("u.c{i}"),
        }
    }

    /// The key's fields, each with its column.
    pub(crate) fn key(&self) -> impl Iterator<Item = (usize, &'a TargetColumn)> {
        let key = self.roles.key.iter().filter_map(|name| self.position(name));
        key.filter_map(|i| Some((i, self.column(i)?)))
    }

    /// That the row `t` has the key of `u`.
    pub(crate) fn on(&self) -> String {
        let equal = self.key().map(|(i, column)| {
            let (name, base) = (quote(&column.name), &column.base_type);
            let value = match base.as_str() {
                // Compared as they are sent: their own index takes them, and no value is cut.
                "bigint" | "integer" | "smallint" => format!("u.c{i}"),
                base => format!("u.c{i}::{base}"),
            };
            format!("t.{name} = {value}")
        });
        equal.collect::<Vec<_>>().join(" and ")
    }

    /// The key of `u` as a tombstone has it.
    pub(crate) fn key_texts(&self) -> String {
        texts(self.key().map(|(i, column)| {
            let value = format!("u.c{i}::{}", column.base_type);
            (value, column)
        }))
    }

    /// The key of the row `t` as a tombstone has it.
    pub(crate) fn stored_key_texts(&self) -> String {
        texts(
            self.key()
                .map(|(_, column)| (format!("t.{}", quote(&column.name)), column)),
        )
    }

    /// That the row `t` has the key of the tombstone `d`.
    pub(crate) fn on_tombstone(&self) -> String {
        let equal = self.key().enumerate().map(|(n, (_, column))| {
            let text = format!("d.key[{}]", n + 1);
            let value = match column.base_type.as_str() {
                "bytea" => format!("pg_catalog.decode({text}, 'hex')"),
                "date" => format!("date '1970-01-01' + {text}::int"),
                "timestamp with time zone" => {
                    format!("timestamptz 'epoch' + {text}::bigint * interval '1 microsecond'")
                }
                "timestamp without time zone" => {
                    format!("timestamp '1970-01-01' + {text}::bigint * interval '1 microsecond'")
                }
                base => format!("{text}::{base}"),
            };
            format!("t.{} = {value}", quote(&column.name))
        });
        equal.collect::<Vec<_>>().join(" and ")
    }
}

/// Values of a key as a tombstone has them.
fn texts<'a>(values: impl Iterator<Item = (String, &'a TargetColumn)>) -> String {
    let texts = values.map(|(value, column)| match column.base_type.as_str() {
        "bytea" => format!("pg_catalog.encode({value}, 'hex')"),
        "date" => format!("({value} - date '1970-01-01')::text"),
        "timestamp with time zone" | "timestamp without time zone" => {
            format!("(extract(epoch from {value}) * 1000000)::bigint::text")
        }
        "citext" => format!("pg_catalog.lower({value}::text)"),
        // One text for each value, however it is spelt.
        "numeric" => format!("pg_catalog.trim_scale({value})::text"),
        "double precision" | "real" => format!("({value} + 0)::text"),
        "interval" => format!("pg_catalog.justify_interval({value})::text"),
        _ => format!("{value}::text"),
    });
    format!("array[{}]::text[]", texts.collect::<Vec<_>>().join(", "))
}
