//! Whether a pipeline's rows fit the target.

use std::collections::BTreeSet;

use gristmill_core::chain::Delete;
use gristmill_core::column::{Field, LogicalType};
use gristmill_core::dedup::{Guard, VersionKind};
use gristmill_core::plan::Roles;

use crate::commit::guard_sql::compared;
use crate::table::identifier::{
    ABSENT, DELETED, OFFSET, PARTITION, REVISION, VERSION, name_problem, quote,
};
use crate::table::target_table::{TargetColumn, TargetTable};
use crate::table::wanted_table::postgres_type;

/// Filled by the sink where they exist, with their types.
const BOOKKEEPING: [(&str, &str); 6] = [
    (PARTITION, "integer"),
    (OFFSET, "bigint"),
    (VERSION, "bytea"),
    (REVISION, "integer"),
    (ABSENT, "bytea"),
    (DELETED, "boolean"),
];

impl TargetTable {
    /// Why rows of `fields` cannot be written here, under `guard`, or be deleted as `delete` says:
    /// one sentence each, with what to do.
    pub fn problems(
        &self,
        fields: &[Field],
        roles: &Roles,
        guard: Guard,
        delete: Delete,
    ) -> Vec<String> {
        if let Some(problem) = self.is_no_table() {
            return vec![problem];
        }
        let table = &self.name;
        // A table that is to have versions needs no columns that would stand for them.
        let unversioned = self.version_problem(roles, guard, delete);
        let has_versions = guard == Guard::Version || unversioned.is_some();
        let is_left_out = |f: &&Field| has_versions && is_of_version(roles, &f.name);
        let of_fields = fields
            .iter()
            .filter(|f| self.column(&f.name).is_some() || !is_left_out(f))
            .filter_map(|f| self.field_problem(f, roles));
        let mut problems: Vec<String> = self.loses_rows().into_iter().chain(of_fields).collect();
        let is_kept = |c: &TargetColumn| BOOKKEEPING.iter().any(|(name, _)| *name == c.name);
        let unfilled =
            |c: &&TargetColumn| c.not_null && !c.has_default && !c.generated && !is_kept(c);
        for column in self
            .columns
            .iter()
            .filter(unfilled)
            .filter(|c| fields.iter().all(|f| f.name != c.name))
        {
            let name = &column.name;
            problems.push(format!(
                "no transform writes the column {name} of the table {table}, which may not be \
                 null: give it a default, let it be null, or add a transform that writes it"
            ));
        }
        let named = roles
            .key
            .iter()
            .chain([&roles.event_time])
            .chain(&roles.deleted)
            .chain(&roles.order);
        for name in named.filter(|name| fields.iter().all(|f| f.name != **name)) {
            problems.push(format!(
                "the table {table} does not get the column {name}, which tells its rows' versions \
                 apart: let the pipeline write it"
            ));
        }
        if roles.key.contains(&roles.event_time) {
            problems.push(format!(
                "{} is both key and event time: choose a key that stays the same when a row \
                 changes",
                roles.event_time
            ));
        }
        problems.extend(self.key_problem(roles));
        for field in fields
            .iter()
            .filter(|f| roles.order.contains(&f.name) && !is_orderable(f.logical_type))
        {
            problems.push(format!(
                "{} is {} and cannot order versions: order by an integer, a time or text",
                field.name, field.logical_type
            ));
        }
        problems.extend(
            BOOKKEEPING
                .iter()
                .filter_map(|kept| self.kept_problem(*kept)),
        );
        problems.extend(self.guard_problem(roles, guard));
        problems.extend(unversioned);
        if guard == Guard::Version {
            problems.extend(self.flag_problem(roles, delete));
        }
        problems
    }

    /// What needs versions, where columns are compared.
    fn version_problem(&self, roles: &Roles, guard: Guard, delete: Delete) -> Option<String> {
        let needs = match (roles.version.kind, delete) {
            _ if guard == Guard::Version => return None,
            (VersionKind::OrderFirst, _) => "versions that are order-first",
            (VersionKind::Offset, _) => "versions by the offset",
            (VersionKind::EventTime, Delete::Hard) => "delete = \"hard\"",
            (VersionKind::EventTime, Delete::Soft) => return None,
        };
        let (table, sql_name) = (&self.name, &self.sql_name);
        Some(match self.column(VERSION) {
            None => format!(
                "the table {table} has no column {VERSION}, which {needs} need: alter table \
                 {sql_name} add column {VERSION} bytea"
            )
            .replace("\" need:", "\" needs:"),
            Some(_) => format!(
                "the active revision compares columns of the table {table}, and {needs} need \
                 {VERSION}: restart the pipeline, which makes a revision that compares it"
            ),
        })
    }

    /// What keeps a row from being marked as deleted.
    fn flag_problem(&self, roles: &Roles, delete: Delete) -> Option<String> {
        let deleted = roles.deleted.as_ref().filter(|_| delete == Delete::Soft)?;
        if self.column(deleted).is_some() || self.column(DELETED).is_some() {
            return None;
        }
        Some(format!(
            "the table {} has no column {deleted}, and no {DELETED} to mark deleted rows in: alter \
             table {} add column {DELETED} boolean default false",
            self.name, self.sql_name
        ))
    }

    /// What keeps an upsert from finding the row of a key.
    fn key_problem(&self, roles: &Roles) -> Option<String> {
        let (table, sql_name) = (&self.name, &self.sql_name);
        let key: BTreeSet<_> = roles.key.iter().collect();
        let is_key = |columns: &[String]| columns.iter().collect::<BTreeSet<_>>() == key;
        if self.unique.iter().any(|columns| is_key(columns)) {
            return None;
        }
        let columns: Vec<_> = roles.key.iter().map(|k| quote(k)).collect();
        let columns = columns.join(", ");
        let mut deferrable = self.deferrable.iter();
        Some(match deferrable.find(|(columns, _)| is_key(columns)) {
            Some((_, other)) => format!(
                "the table {table} is unique on ({columns}), the key of its rows, by a deferrable \
                 constraint, which an upsert cannot use: alter table {sql_name} {other}"
            ),
            None => format!(
                "the table {table} has no unique index on exactly ({columns}), the key of its \
                 rows: alter table {sql_name} add primary key ({columns})"
            ),
        })
    }

    /// What upserts cannot be written to.
    fn is_no_table(&self) -> Option<String> {
        let is = match self.kind.as_str() {
            "r" | "p" => return None,
            "v" => "a view",
            "m" => "a materialized view",
            "f" => "a foreign table",
            _ => "no table",
        };
        Some(format!(
            "{} is {is}: only a table can keep the newest row of a key; name the table behind it",
            self.name
        ))
    }

    /// What loses rows in silence, and can come while rows are written: the part of
    /// [`TargetTable::problems`] that no flush runs into.
    pub fn losses(&self, roles: &Roles, guard: Guard) -> Vec<String> {
        let is_told = guard == Guard::Version && self.column(VERSION).is_none();
        let of_guard = self.guard_problem(roles, guard).filter(|_| !is_told);
        self.loses_rows().into_iter().chain(of_guard).collect()
    }

    /// What makes rows vanish that were written.
    fn loses_rows(&self) -> Vec<String> {
        let (table, sql_name) = (&self.name, &self.sql_name);
        let mut problems = Vec::new();
        if self.is_unlogged {
            problems.push(format!(
                "the table {table} is unlogged: a crash of Postgres empties it, and what was read \
                 does not come again; alter table {sql_name} set logged"
            ));
        }
        if !self.refused_by.is_empty() {
            problems.push(format!(
                "the table {table} is published by {}, and has no replica identity, so that \
                 Postgres refuses updates of it: add a primary key, or alter table {sql_name} \
                 replica identity full",
                self.refused_by.join(", ")
            ));
        }
        problems.extend(self.rewrite_rules.iter().map(|rule| {
            format!(
                "the rule {rule} of the table {table} puts something else in the place of an \
                 insert or update: drop rule {} on {sql_name}, or make it a trigger",
                quote(rule)
            )
        }));
        problems
    }

    /// What is wrong with a column that gristmill keeps for itself.
    fn kept_problem(&self, (name, wanted): (&str, &str)) -> Option<String> {
        let (table, column) = (&self.name, self.column(name)?);
        let is_wide = wanted != "bytea" && column.base_type == "bigint";
        if column.base_type != wanted && !is_wide {
            return Some(format!(
                "the column {name} of the table {table} is {}: make it {wanted}, or drop it",
                column.type_name
            ));
        }
        if column.generated || column.identity_always {
            return Some(format!(
                "the column {name} of the table {table} is computed by Postgres: make it a plain \
                 one, or drop it"
            ));
        }
        let must_be_filled = [VERSION, ABSENT].contains(&name) && column.not_null;
        must_be_filled.then(|| {
            format!(
                "the column {name} of the table {table} may not be null, as rows of others are: \
                 alter table {} alter column {name} drop not null",
                self.sql_name
            )
        })
    }

    /// What keeps the guard from telling newer events from older ones.
    fn guard_problem(&self, roles: &Roles, guard: Guard) -> Option<String> {
        let (table, sql_name) = (&self.name, &self.sql_name);
        if guard == Guard::Version {
            if self.column(VERSION).is_none() {
                return Some(format!(
                    "the table {table} has no column {VERSION}, by which the pipeline tells newer \
                     events from older ones: alter table {sql_name} add column {VERSION} bytea"
                ));
            }
            let setter = self.triggers.iter().find(|t| t.names(VERSION))?;
            return Some(format!(
                "the trigger {} of the table {} knows of {VERSION}, which gristmill alone may \
                 write: take it out of the trigger",
                setter.name, setter.table
            ));
        }
        let (trigger, columns) = self.may_be_set(&compared(self, roles))?;
        let (name, on) = (&trigger.name, &trigger.table);
        let columns = columns.join(", ");
        Some(match self.column(VERSION) {
            None => format!(
                "the trigger {name} of the table {on} may set {columns}, by which newer events are \
                 told from older ones, so that events would be lost: let gristmill keep their \
                 versions in a column of its own (alter table {sql_name} add column {VERSION} \
                 bytea), or drop the trigger"
            ),
            Some(_) => format!(
                "the trigger {name} of the table {on} may set {columns}, by which the active \
                 revision tells newer events from older ones, so that events would be lost: \
                 restart the pipeline, which makes a revision that compares {VERSION}, or drop the \
                 trigger"
            ),
        })
    }

    fn field_problem(&self, field: &Field, roles: &Roles) -> Option<String> {
        let (table, name) = (&self.name, &field.name);
        let wanted = postgres_type(field.logical_type);
        if name_problem(name).is_some() {
            // Said of the pipeline.
            return None;
        }
        let Some(column) = self.column(name) else {
            let add = format!(
                "alter table {} add column {} {}",
                self.sql_name,
                quote(name),
                wanted
            );
            return Some(format!("the table {table} has no column {name}: {add}"));
        };
        if column.generated {
            return Some(format!(
                "the column {name} of the table {table} is computed by Postgres: rename the \
                 transform's column, or make it a plain one"
            ));
        }
        // Of a row that is there an upsert sets all but the key.
        if column.identity_always && !roles.key.contains(name) {
            return Some(format!(
                "the column {name} of the table {table} is generated always as identity and cannot \
                 be updated: alter table {} alter column {} set generated by default",
                self.sql_name,
                quote(name)
            ));
        }
        if !column.accepts(field.logical_type) {
            let (is, wanted) = (&column.type_name, wanted);
            let is_named = roles.deleted.as_ref() == Some(name) || roles.event_time == *name;
            let or_else = match (is_named, field.logical_type) {
                (true, _) => ", or let the transform's config name another column for that",
                (false, LogicalType::Text) => declared_for(column),
                (false, _) => "",
            };
            return Some(format!(
                "the column {name} of the table {table} is {is}, but the pipeline writes {}: make \
                 it {wanted}{or_else}",
                field.logical_type
            ));
        }
        None
    }
}

/// The type that takes the text of a column that text is not written to.
fn declared_for(column: &TargetColumn) -> &'static str {
    match column.base_type.as_str() {
        "bigint" | "integer" | "smallint" => {
            ", or declare it as int64, which reads texts of digits, too"
        }
        "boolean" => ", or declare it as boolean, which reads texts such as true and f, too",
        "bytea" => ", or declare it as bytes, in the form that json_bytes names",
        _ => "",
    }
}

/// Whether the column is written only for the user to see: the version says the same.
fn is_of_version(roles: &Roles, name: &str) -> bool {
    let named = roles.order.iter().chain([&roles.event_time]);
    let mut named = named.chain(&roles.deleted);
    named.any(|of| of == name) && roles.key.iter().all(|key| key != name)
}

/// The order columns' types that both the host and Postgres order alike.
fn is_orderable(logical_type: LogicalType) -> bool {
    !matches!(logical_type, LogicalType::Json | LogicalType::Uuid) && !logical_type.is_decimal()
}
