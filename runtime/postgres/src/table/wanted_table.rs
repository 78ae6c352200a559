//! The table that a pipeline wants, and the SQL that creates it.

use gristmill_core::chain::{Delete, Truncate};
use gristmill_core::column::{Field, LogicalType};
use gristmill_core::dedup::{Guard, VersionKind};
use gristmill_core::plan::Roles;

use crate::table::identifier::{
    ABSENT, DELETED, OFFSET, PARTITION, REVISION, VERSION, identifier, kept_problem, name_problem,
    quote,
};
use crate::table::target_table::TargetTable;

/// What gristmill keeps in each row beside what the transforms write.
const BOOKKEEPING: [(&str, &str); 3] = [(VERSION, "bytea"), (REVISION, "int"), (ABSENT, "bytea")];

/// The table that a pipeline wants.
#[derive(Clone, Copy, Debug)]
pub struct WantedTable<'a> {
    /// `table` or `schema.table`.
    pub table: &'a str,
    pub fields: &'a [Field],
    pub roles: &'a Roles,
    /// SQL that creates it: the pipeline file's `ddl`. Without one it is made from the fields.
    pub ddl: Option<&'a str>,
    /// What tells its rows apart by age.
    pub guard: Guard,
    /// Who writes it.
    pub pipeline: &'a str,
    /// Others may write it, too: their keys never meet.
    pub is_shared: bool,
    /// What a deleted row leaves in it.
    pub delete: Delete,
    /// What its file says of a source table that is emptied.
    pub truncate: Option<Truncate>,
}

impl WantedTable<'_> {
    /// Columns that no table can have, a sentence each.
    pub(crate) fn name_problems(&self) -> Vec<String> {
        let names = self.fields.iter().map(|field| field.name.as_str());
        names
            .filter_map(|name| name_problem(name).or_else(|| kept_problem(name)))
            .collect()
    }

    /// SQL that creates the table.
    pub fn create(&self) -> String {
        if let Some(ddl) = self.ddl {
            return ddl.to_owned();
        }
        let mut lines: Vec<String> = self.fields.iter().map(|f| self.column(f)).collect();
        let key: Vec<_> = self.roles.key.iter().map(|k| quote(k)).collect();
        lines.extend(BOOKKEEPING.map(|(name, of_type)| format!("    {name} {of_type}")));
        lines.push(format!("    primary key ({})", key.join(", ")));
        format!(
            "create table {} (\n{}\n);\n",
            identifier(self.table),
            lines.join(",\n")
        )
    }

    /// SQL that adds what a table of gristmill's misses: one that has some of its columns, or that
    /// this pipeline cannot write without them. Another one is somebody else's, and stays as it
    /// is.
    /// `is_filled`: pipelines write it.
    pub(crate) fn add_bookkeeping(&self, table: &TargetTable, is_filled: bool) -> Option<String> {
        let has = |name: &str| table.column(name).is_some();
        let is_kept = [PARTITION, OFFSET, VERSION, REVISION].into_iter().any(has);
        let needs_versions =
            self.roles.version.kind != VersionKind::EventTime || self.delete == Delete::Hard;
        // A table that is filled gets no other guard: that is up to a person, who knows which
        // programs write it.
        let is_safe = |name: &str| !is_filled || name == ABSENT && has(VERSION);
        let missing = BOOKKEEPING
            .iter()
            .filter(|(name, _)| !has(name) && is_safe(name));
        let add = missing.map(|(name, of_type)| format!("add column {name} {of_type}"));
        let mut add: Vec<String> = add.collect();
        let lacks_flag = self.roles.deleted.as_ref().is_some_and(|name| !has(name));
        if lacks_flag && self.delete == Delete::Soft && !has(DELETED) {
            add.push(format!("add column {DELETED} boolean default false"));
        }
        ((is_kept || needs_versions) && !add.is_empty())
            .then(|| format!("alter table {} {};\n", table.sql_name, add.join(", ")))
    }

    /// Only what tells a row, its time and its end is never absent. What is absent of a new row is
    /// null, also where a rule never writes null.
    fn column(&self, field: &Field) -> String {
        let is_flag = self.roles.deleted.as_ref() == Some(&field.name);
        let not_null = self.roles.key.contains(&field.name)
            || self.roles.event_time == field.name
            || is_flag && !field.nullable;
        let null = if not_null { " not null" } else { "" };
        let default = if is_flag { " default false" } else { "" };
        format!(
            "    {} {}{default}{null}",
            quote(&field.name),
            postgres_type(field.logical_type)
        )
    }
}

/// The type of a new column.
pub(crate) fn postgres_type(logical_type: LogicalType) -> String {
    match logical_type {
        LogicalType::Boolean => "boolean".to_owned(),
        LogicalType::Int64 => "bigint".to_owned(),
        LogicalType::Float64 => "double precision".to_owned(),
        LogicalType::Text => "text".to_owned(),
        LogicalType::Bytes => "bytea".to_owned(),
        LogicalType::TimestampUs | LogicalType::TimestampMs => "timestamptz".to_owned(),
        LogicalType::Date => "date".to_owned(),
        LogicalType::TimeUs | LogicalType::TimeMs => "time".to_owned(),
        LogicalType::Uuid => "uuid".to_owned(),
        LogicalType::Decimal { precision, scale } => format!("numeric({precision}, {scale})"),
        LogicalType::Numeric => "numeric".to_owned(),
        LogicalType::Json => "jsonb".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_absent_may_be_null() {
        let field = |name: &str, logical_type| Field {
            name: name.to_owned(),
            logical_type,
            nullable: false,
        };
        let fields = [
            field("id", LogicalType::Int64),
            field("at", LogicalType::TimestampMs),
            field("gone", LogicalType::Boolean),
            field("mix", LogicalType::Text),
        ];
        let roles = Roles {
            key: vec!["id".to_owned()],
            event_time: "at".to_owned(),
            deleted: Some("gone".to_owned()),
            ..Roles::default()
        };
        let wanted = WantedTable {
            table: "people",
            fields: &fields,
            roles: &roles,
            ddl: None,
            guard: Guard::Version,
            pipeline: "p",
            is_shared: false,
            delete: Delete::Soft,
            truncate: None,
        };
        let lines = [
            "    \"id\" bigint not null,",
            "    \"at\" timestamptz not null,",
            "    \"gone\" boolean default false not null,",
            "    \"mix\" text,",
        ];
        assert!(
            wanted.create().contains(&lines.join("\n")),
            "{}",
            wanted.create()
        );
    }
}
