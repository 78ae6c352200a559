//! The sink's SQL, written once for a target and a set of columns.

use std::sync::Arc;

use gristmill_core::brake::WINDOW_RECORDS;
use gristmill_core::column::Field;
use gristmill_core::plan::Roles;
use tokio_postgres::types::Type;

use crate::commit::guard_sql::Guarded;
use crate::commit::parameters::{self, FLUSH_PARAMETERS};
use crate::table::identifier::{OFFSET, PARTITION, REVISION, VERSION, quote};
use crate::table::target_table::TargetTable;
use crate::wire::column_array::sent_type;
use crate::wire::placeholder::numbered;

/// SQL text and the types of its parameters.
#[derive(Clone, Debug)]
pub(crate) struct Sql {
    pub(crate) text: Arc<str>,
    pub(crate) types: Vec<Type>,
}

impl Sql {
    /// Numbers the placeholders of `text` as `parameters` are listed.
    fn new(text: &str, parameters: Vec<(String, Type)>) -> Self {
        let (names, types): (Vec<String>, Vec<Type>) = parameters.into_iter().unzip();
        Self {
            text: numbered(text, &names).into(),
            types,
        }
    }
}

/// Every statement that a sink sends.
#[derive(Clone, Debug)]
pub(crate) struct Statements {
    /// Checkpoint, dead letters and rows in one.
    pub(crate) flush: Sql,
    /// Rows alone. Takes the partition and the revision, each where the target has a column for it,
    /// then the rows' arrays.
    pub(crate) upsert: Sql,
}

/// The names and types that statements are made of. Fields are known to fit the target.
pub(crate) struct Shape<'a> {
    pub(crate) target: &'a TargetTable,
    pub(crate) fields: &'a [Field],
    pub(crate) roles: &'a Roles,
    /// The number of the rule by which rows have versions, where `_gm_version` is compared.
    pub(crate) rule: Option<u8>,
}

impl Shape<'_> {
    pub(crate) fn statements(&self) -> Statements {
        let flush = format!(
            include_str!("flush.sql"),
            window = WINDOW_RECORDS,
            upsert = self.upsert(", cp")
        );
        let advance = FLUSH_PARAMETERS
            .iter()
            .map(|p| (p.name.to_owned(), p.of_type.clone()));
        let alone = [
            (PARTITION, parameters::PARTITION),
            (REVISION, parameters::REVISION),
        ];
        let alone = alone.into_iter().filter(|(column, _)| self.has(column));
        let alone = alone.map(|(_, name)| (name.to_owned(), Type::INT4));
        Statements {
            flush: Sql::new(&flush, advance.chain(self.arrays()).collect()),
            upsert: Sql::new(&self.upsert(""), alone.chain(self.arrays()).collect()),
        }
    }

    /// Whether the target has the column `name`, one of those that say where a row came from.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.target.column(name).is_some()
    }

    /// The arrays that rows are sent as, with their types: offsets where the target has a column
    /// for them, versions where they are compared, then the fields. Their names are numbers, so
    /// that no column's name can clash.
    fn arrays(&self) -> impl Iterator<Item = (String, Type)> {
        let offsets = self.has(OFFSET).then(|| ("o".to_owned(), Type::INT8_ARRAY));
        let versions = self.rule.map(|_| ("v".to_owned(), Type::BYTEA_ARRAY));
        let column = |(i, f): (usize, &Field)| (format!("c{i}"), sent_type(f.logical_type));
        offsets
            .into_iter()
            .chain(versions)
            .chain(self.fields.iter().enumerate().map(column))
    }

    /// Rows under the guard, beside `and_checkpoint` in the from clause.
    fn upsert(&self, and_checkpoint: &str) -> String {
        let arrays = self
            .arrays()
            .map(|(name, _)| format!("pg_catalog.unnest(:{name}) as {name}"));
        let written = self.written();
        let key: Vec<_> = self.roles.key.iter().map(|k| quote(k)).collect();
        let assignments = written
            .iter()
            .filter(|(column, _)| !key.contains(column))
            .map(|(column, _)| format!("{column} = excluded.{column}"));
        let identities = self.target.columns.iter().filter(|c| c.identity_always);
        let overriding = match identities.filter(|c| key.contains(&quote(&c.name))).count() {
            0 => "",
            _ => " overriding system value",
        };
        let guarded = Guarded {
            target: self.target,
            roles: self.roles,
            rule: self.rule,
        };
        let list = |of: fn(&(String, String)) -> &str| {
            written.iter().map(of).collect::<Vec<_>>().join(", ")
        };
        format!(
            include_str!("upsert.sql"),
            table = self.target.sql_name,
            columns = list(|(column, _)| column),
            overriding = overriding,
            values = list(|(_, value)| value),
            arrays = arrays.collect::<Vec<_>>().join(", "),
            and_checkpoint = and_checkpoint,
            key = key.join(", "),
            assignments = assignments.collect::<Vec<_>>().join(", "),
            guard = guarded.sql(),
        )
    }

    /// Each column that is written, with its value: the fields, then what says where a row came
    /// from.
    fn written(&self) -> Vec<(String, String)> {
        let fields = self.fields.iter().enumerate();
        let fields = fields.map(|(i, f)| (quote(&f.name), self.value(i, f)));
        // A guard that compares columns leaves no version behind that is older than the row.
        let version = match self.rule {
            Some(_) => "u.v",
            None => "null::bytea",
        };
        let provenance = [
            (PARTITION, ":partition"),
            (OFFSET, "u.o"),
            (VERSION, version),
            (REVISION, ":revision"),
        ];
        let provenance = provenance.into_iter().filter(|(name, _)| self.has(name));
        let provenance = provenance.map(|(name, value)| (quote(name), value.to_owned()));
        fields.chain(provenance).collect()
    }

    fn value(&self, i: usize, field: &Field) -> String {
        let column = self.target.column(&field.name);
        match column.and_then(|c| c.cast(field.logical_type)) {
            Some(cast) => format!("u.c{i}::{cast}"),
            None => format!("u.c{i}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{FLUSH_PARAMETERS, WINDOW_RECORDS, numbered};

    /// A placeholder without a parameter, or the other way round, panics.
    #[test]
    fn the_flush_and_its_parameters_name_the_same() {
        let names = FLUSH_PARAMETERS.each_ref().map(|p| p.name);
        let text = numbered(
            &format!(
                include_str!("flush.sql"),
                window = WINDOW_RECORDS,
                upsert = ""
            ),
            &names,
        );
        assert!(text.starts_with("with"), "{text}");
        assert!(!text.contains("--"), "comments are for readers");
    }
}
