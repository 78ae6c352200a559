//! Whether a pipeline's rows fit the target.

use std::collections::BTreeSet;

use gristmill_core::column::{Field, LogicalType};
use gristmill_core::plan::Roles;

use crate::table::identifier::{OFFSET, PARTITION, REVISION, quote};
use crate::table::target_table::{TargetColumn, TargetTable};
use crate::table::wanted_table::postgres_type;

/// Filled by the sink where they exist.
const PROVENANCE: [&str; 3] = [PARTITION, OFFSET, REVISION];

impl TargetTable {
    /// Why rows of `fields` cannot be written here: one sentence each, with what to do.
    pub fn problems(&self, fields: &[Field], roles: &Roles) -> Vec<String> {
        let table = &self.name;
        let mut problems: Vec<String> = fields
            .iter()
            .filter_map(|f| self.field_problem(f))
            .collect();
        let unfilled = |c: &&TargetColumn| {
            c.not_null && !c.has_default && !c.generated && !PROVENANCE.contains(&c.name.as_str())
        };
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
        let key: BTreeSet<_> = roles.key.iter().collect();
        if !self
            .unique
            .iter()
            .any(|u| u.iter().collect::<BTreeSet<_>>() == key)
        {
            let columns: Vec<_> = roles.key.iter().map(|k| quote(k)).collect();
            let columns = columns.join(", ");
            problems.push(format!(
                "the table {table} has no unique index on exactly ({columns}), the key of its \
                 rows: alter table {} add primary key ({columns})",
                self.sql_name
            ));
        }
        for field in fields
            .iter()
            .filter(|f| roles.order.contains(&f.name) && !is_orderable(f.logical_type))
        {
            problems.push(format!(
                "{} is {} and cannot order versions: order by an integer, a time or text",
                field.name, field.logical_type
            ));
        }
        let provenance = [
            (PARTITION, "integer"),
            (OFFSET, "bigint"),
            (REVISION, "integer"),
        ];
        for (column, wanted) in provenance
            .into_iter()
            .filter_map(|(name, wanted)| Some((self.column(name)?, wanted)))
        {
            if column.base_type != wanted && column.base_type != "bigint" {
                problems.push(format!(
                    "the column {} of the table {table} is {}: make it {wanted}, or drop it",
                    column.name, column.type_name
                ));
            }
        }
        problems
    }

    fn field_problem(&self, field: &Field) -> Option<String> {
        let (table, name) = (&self.name, &field.name);
        let wanted = postgres_type(field.logical_type);
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
        if !column.accepts(field.logical_type) {
            let (is, wanted) = (&column.type_name, wanted);
            return Some(format!(
                "the column {name} of the table {table} is {is}, but the pipeline writes {}: make \
                 it {wanted}",
                field.logical_type
            ));
        }
        None
    }
}

/// The order columns' types that both the host and Postgres order alike.
fn is_orderable(logical_type: LogicalType) -> bool {
    !matches!(
        logical_type,
        LogicalType::Json | LogicalType::Uuid | LogicalType::Decimal { .. }
    )
}
