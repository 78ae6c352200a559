//! What may change or refuse some rows, though they fit as a whole: for a person to judge.

use gristmill_core::column::{Field, LogicalType};
use gristmill_core::plan::Roles;

use crate::table::target_table::{TargetColumn, TargetTable};
use crate::table::wanted_table::postgres_type;
use crate::wire::column_form::digits;

impl TargetTable {
    /// A sentence each. `has_partitions`: the topic has several, whose order nobody keeps.
    pub fn warnings(&self, fields: &[Field], roles: &Roles, has_partitions: bool) -> Vec<String> {
        let table = &self.name;
        let mut warnings = Vec::new();
        let fits = fields
            .iter()
            .filter_map(|f| Some((f, self.column(&f.name)?)));
        let narrow: Vec<String> = fits
            .filter_map(|(f, c)| Some((f, c, narrower(f.logical_type, c)?)))
            .map(|(f, c, what)| {
                let wanted = match f.logical_type {
                    // Of an array.
                    LogicalType::Json => c.base_type.clone(),
                    of => postgres_type(of),
                };
                let is = &c.type_name;
                format!("{} ({is}, {what}; {wanted} would hold all)", f.name)
            })
            .collect();
        if !narrow.is_empty() {
            warnings.push(format!(
                "columns of the table {table} are narrower than what the pipeline writes: {}",
                narrow.join(", ")
            ));
        }
        if self.has_row_security {
            warnings.push(format!(
                "the table {table} has row security: a row that its policies do not let this role \
                 write becomes a dead letter"
            ));
        }
        let quiet = self.triggers.iter().filter(|t| t.may_leave_out());
        let quiet: Vec<&str> = quiet.map(|t| t.name.as_str()).collect();
        if !quiet.is_empty() {
            warnings.push(format!(
                "a row of the table {table} for which a trigger returns null is not written, and \
                 nobody is told, as {} may do: let it raise an error, so that the row becomes a \
                 dead letter",
                quiet.join(", ")
            ));
        }
        if has_partitions {
            let others: Vec<String> = self.beside_key(roles).collect();
            if !others.is_empty() {
                warnings.push(format!(
                    "rows of several partitions come in any order, and the table {table} has {}: \
                     a row that clashes, or comes before the one that it names, becomes a dead \
                     letter, to be replayed",
                    others.join(", ")
                ));
            }
        }
        warnings
    }

    /// That what is left of rows that were deleted for good, which is their key as text, is not
    /// found by an event that spells its key in another way.
    pub fn deleted_by_spelling(&self, key: &[String]) -> Option<String> {
        let has_many = |column: &TargetColumn| match column.base_type.as_str() {
            "citext" => false,
            base => base == "jsonb" || column.is_nondeterministic,
        };
        let name = key
            .iter()
            .find(|name| self.column(name).is_some_and(has_many))?;
        Some(format!(
            "values of {name} in the key of the table {} are equal though they are spelt in \
             several ways: an older event in another spelling could bring a row back that was \
             deleted for good; keep deleted rows, by delete = \"soft\"",
            self.name
        ))
    }

    /// Unique indexes beside that of the key, and foreign keys.
    fn beside_key(&self, roles: &Roles) -> impl Iterator<Item = String> {
        let is_key = |columns: &Vec<String>| {
            columns.len() == roles.key.len() && columns.iter().all(|c| roles.key.contains(c))
        };
        let unique = self.unique.iter().filter(move |u| !is_key(u));
        let unique = unique.map(|u| format!("a unique index on ({})", u.join(", ")));
        let foreign = self.foreign_keys.iter();
        unique.chain(foreign.map(|name| format!("the foreign key {name}")))
    }
}

/// What becomes of a value that the column does not hold.
fn narrower(logical_type: LogicalType, column: &TargetColumn) -> Option<&'static str> {
    const REFUSED: &str = "a larger value is refused";
    const ROUNDED: &str = "digits beyond it are lost";
    const TOO_FINE: &str = "a value with more digits is refused";
    let has_size = column.type_name.contains('(');
    let digits = digits(&column.plain_type);
    // What is in milliseconds has three.
    let has_fewer = |than: i32| digits.is_some_and(|held| held < than);
    match (logical_type, column.base_type.as_str()) {
        (LogicalType::Int64, "integer" | "smallint") => Some(REFUSED),
        (LogicalType::Int64, "numeric") if has_size => Some(REFUSED),
        (LogicalType::Float64, "real") => Some(ROUNDED),
        (LogicalType::Float64, "numeric") if has_size => Some(ROUNDED),
        (LogicalType::Decimal { precision, scale }, "numeric") => {
            let (all, fraction) = numeric_size(&column.type_name)?;
            let (precision, scale) = (i32::from(precision), i32::from(scale));
            if fraction < scale {
                Some(TOO_FINE)
            } else if all - fraction < precision - scale {
                Some(REFUSED)
            } else {
                None
            }
        }
        (LogicalType::Numeric, "numeric") if has_size => Some(TOO_FINE),
        (LogicalType::TimestampMs | LogicalType::TimeMs, _) if has_fewer(3) => Some(ROUNDED),
        (LogicalType::TimestampUs | LogicalType::TimeUs, _) if has_fewer(6) => Some(ROUNDED),
        (LogicalType::Json, base) if base.starts_with("time") && base.ends_with("[]") => {
            // Those of up to three digits are in milliseconds, as Debezium sends them.
            let are_cut = digits.is_some_and(|held| !matches!(held, 3 | 6));
            are_cut.then_some(ROUNDED)
        }
        (LogicalType::Text, "character varying" | "bpchar") if has_size => Some(REFUSED),
        _ => None,
    }
}

/// Precision and scale of `numeric(p,s)`.
fn numeric_size(type_name: &str) -> Option<(i32, i32)> {
    let (_, size) = type_name.split_once('(')?;
    let (all, fraction) = size.trim_end_matches(')').split_once(',')?;
    Some((all.trim().parse().ok()?, fraction.trim().parse().ok()?))
}

#[cfg(test)]
mod tests {
    use gristmill_core::column::type_table::TYPES;

    use super::*;

    fn column(base: &str, name: &str) -> TargetColumn {
        TargetColumn {
            name: "c".to_owned(),
            type_name: name.to_owned(),
            base_type: base.to_owned(),
            plain_type: name.to_owned(),
            category: 'X',
            not_null: false,
            has_default: false,
            default: None,
            generated: false,
            identity_always: false,
            is_nondeterministic: false,
        }
    }

    #[test]
    fn the_table_of_types_says_which_columns_take_them() {
        for entry in TYPES {
            let logical_type: LogicalType = entry.name.parse().unwrap();
            for base in entry.columns {
                let column = column(base, base);
                assert!(column.accepts(logical_type), "{} into {base}", entry.name);
            }
        }
    }

    #[test]
    fn what_a_column_does_not_hold_is_told() {
        let told = |of, base: &str, name: &str| narrower(of, &column(base, name)).is_some();
        let decimal = LogicalType::Decimal {
            precision: 10,
            scale: 2,
        };
        assert!(told(LogicalType::Int64, "integer", "integer"));
        assert!(!told(LogicalType::Int64, "bigint", "bigint"));
        assert!(told(
            LogicalType::Text,
            "character varying",
            "character varying(20)"
        ));
        assert!(!told(
            LogicalType::Text,
            "character varying",
            "character varying"
        ));
        assert!(told(decimal, "numeric", "numeric(10,1)"));
        assert!(told(decimal, "numeric", "numeric(9,2)"));
        assert!(!told(decimal, "numeric", "numeric(12,4)"));
        assert!(!told(decimal, "numeric", "numeric"));
        let stamp = |digits: &str| format!("timestamp{digits} without time zone");
        let (us, ms) = (LogicalType::TimestampUs, LogicalType::TimestampMs);
        let told_of = |of, digits| told(of, &stamp(""), &stamp(digits));
        assert!(told_of(us, "(5)") && told_of(us, "(3)") && told_of(ms, "(2)"));
        assert!(!told_of(us, "") && !told_of(us, "(6)") && !told_of(ms, "(3)"));
        let list = |digits| {
            let name = format!("{}[]", stamp(digits));
            told(LogicalType::Json, &format!("{}[]", stamp("")), &name)
        };
        assert!(list("(0)") && list("(4)") && !list("(3)") && !list(""));
        assert!(!told(LogicalType::Json, "text[]", "text[]"));
    }
}
