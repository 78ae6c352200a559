//! The table that a pipeline fills, as the catalogue describes it.

use gristmill_core::column::{Field, LogicalType};
use gristmill_core::decode::JsonForms;
use gristmill_core::dedup::Guard;
use sha2::{Digest, Sha256};
use tokio_postgres::Client;

use crate::table::identifier::{DELETED, REVISION, VERSION, quote};
use crate::table::row_trigger::RowTrigger;
use crate::wire::column_form::ColumnForm;
use crate::wire::database_error::DatabaseError;

/// A snapshot of the table's definition, taken when a pipeline was validated.
#[derive(Clone, Debug)]
pub struct TargetTable {
    /// The name that the pipeline has for it.
    pub name: String,
    /// Schema and table, quoted for SQL.
    pub sql_name: String,
    /// The same where rows are read, changed or deleted: those of tables that inherit from it are
    /// others' rows, as they are for an insert.
    pub(crate) own_rows: String,
    pub oid: u32,
    pub columns: Vec<TargetColumn>,
    /// The column sets on which a row is unique, so that an upsert can name them. Neither partial
    /// nor on expressions nor deferrable.
    pub unique: Vec<Vec<String>>,
    /// Those of a deferrable constraint, which an upsert cannot name, with what makes it another.
    pub(crate) deferrable: Vec<(Vec<String>, String)>,
    /// `r`: a table, `p`: a partitioned one, `v`: a view; see `pg_class.relkind`.
    pub(crate) kind: String,
    /// A crash of Postgres empties it, or one of its partitions.
    pub(crate) is_unlogged: bool,
    /// Policies decide which rows this role may write.
    pub(crate) has_row_security: bool,
    /// Rules that put something else in the place of an insert or update.
    pub(crate) rewrite_rules: Vec<String>,
    pub(crate) foreign_keys: Vec<String>,
    /// Publications for which Postgres refuses to update it.
    pub(crate) refused_by: Vec<String>,
    pub(crate) triggers: Vec<RowTrigger>,
    /// All that can make Postgres refuse a row, one sentence each, sorted.
    rules: Vec<String>,
}

/// A column of the target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetColumn {
    pub name: String,
    /// The type with its modifiers, as `\d` shows it.
    pub type_name: String,
    /// What values are cast to: the type without modifiers, below any domain.
    pub base_type: String,
    /// The type with its modifiers, below any domain.
    pub plain_type: String,
    /// `typcategory`: `E` for an enum.
    pub category: char,
    pub not_null: bool,
    pub has_default: bool,
    /// The SQL of its default, where it has one.
    pub default: Option<String>,
    /// Computed by Postgres: cannot be written.
    pub generated: bool,
    /// `generated always as identity`: can be written in a new row only.
    pub identity_always: bool,
    /// Its collation takes texts of other letters for the same.
    pub(crate) is_nondeterministic: bool,
}

impl TargetColumn {
    /// Whether values of `logical_type` can be written to it.
    pub fn accepts(&self, logical_type: LogicalType) -> bool {
        let base = self.base_type.as_str();
        let textual = matches!(
            base,
            "text" | "character varying" | "bpchar" | "citext" | "name"
        );
        match logical_type {
            LogicalType::Boolean => base == "boolean" || base == BIT,
            LogicalType::Int64 => {
                matches!(base, "bigint" | "integer" | "smallint" | "numeric" | "oid")
            }
            LogicalType::Float64 => matches!(base, "double precision" | "real" | "numeric"),
            // Whatever reads text takes it. Bytes would be those of the letters; and whole numbers
            // and truth values are of a type that takes their text, too.
            LogicalType::Text => !matches!(
                base,
                "bytea" | "boolean" | "bigint" | "integer" | "smallint"
            ),
            LogicalType::Bytes => base == "bytea",
            LogicalType::TimestampUs | LogicalType::TimestampMs => {
                matches!(
                    base,
                    "timestamp with time zone" | "timestamp without time zone"
                )
            }
            LogicalType::Date => base == "date",
            LogicalType::TimeUs | LogicalType::TimeMs => base == "time without time zone",
            LogicalType::Uuid => base == "uuid" || textual,
            LogicalType::Decimal { .. } | LogicalType::Numeric => {
                matches!(base, "numeric" | "money") || textual
            }
            LogicalType::Json => {
                matches!(base, "json" | "jsonb") || textual || base.ends_with("[]")
            }
        }
    }

    /// Whether equal values of it may be written in several ways, and are kept as they are written.
    pub(crate) fn has_spellings(&self) -> bool {
        let base = self.base_type.as_str();
        let is_number = self.plain_type == "numeric" || matches!(base, "double precision" | "real");
        is_number || self.is_nondeterministic || matches!(base, "citext" | "interval" | "jsonb")
    }

    /// The type to cast a sent value to, where Postgres would not do it by itself. Without
    /// modifiers: a cast to `varchar(3)` cuts silently, an assignment refuses.
    pub(crate) fn cast(&self, logical_type: LogicalType) -> Option<&str> {
        let base = self.base_type.as_str();
        match (logical_type, base) {
            // The text is the shortest that is this number and no other; a cast keeps 15 digits.
            (LogicalType::Float64, "numeric") => Some("text::numeric"),
            (LogicalType::Boolean, BIT) => Some("int4::bit(1)"),
            // The text's offset counts: a column without a zone drops it.
            (LogicalType::Text, "timestamp without time zone") => {
                Some("timestamptz::timestamp without time zone")
            }
            // Not as the server's language writes amounts.
            (LogicalType::Decimal { .. } | LogicalType::Numeric, "money") => Some("numeric::money"),
            (
                LogicalType::Text
                | LogicalType::Uuid
                | LogicalType::Decimal { .. }
                | LogicalType::Numeric
                | LogicalType::Json,
                base,
            ) => {
                let takes_text = matches!(
                    base,
                    "text" | "character varying" | "bpchar" | "citext" | "name"
                );
                (!takes_text).then_some(base)
            }
            _ => None,
        }
    }
}

/// A string of bits, as Postgres names it where the length is not meant to be one.
pub(crate) const BIT: &str = "\"bit\"";

const COLUMNS: &str = include_str!("columns.sql");
const UNIQUE: &str = include_str!("unique.sql");
const RULES: &str = include_str!("rules.sql");
const RELATION: &str = include_str!("relation.sql");
const TRIGGERS: &str = include_str!("triggers.sql");

impl TargetTable {
    /// That the row `t` is marked as deleted, by the column `deleted` or by gristmill's own: where
    /// a table gets a second one, what the first one says of its rows still holds. `None`: no
    /// column says it.
    pub(crate) fn is_marked(&self, deleted: &str) -> Option<String> {
        let mut names = vec![deleted, DELETED];
        names.dedup();
        let flags = names.into_iter().filter(|name| self.column(name).is_some());
        let flags = flags.map(|name| format!("coalesce(t.{}, false)", quote(name)));
        let flags: Vec<String> = flags.collect();
        (!flags.is_empty()).then(|| format!("({})", flags.join(" or ")))
    }

    /// How its columns take each of `fields`, whose JSON is in `forms`.
    pub(crate) fn forms(&self, fields: &[Field], forms: JsonForms) -> Vec<ColumnForm> {
        let form = |field: &Field| {
            self.column(&field.name).map_or(ColumnForm::Plain, |c| {
                ColumnForm::new(field.logical_type, &c.plain_type, &c.base_type, forms)
            })
        };
        fields.iter().map(form).collect()
    }

    /// Its name as SQL, where its rows say which revision wrote them.
    pub fn with_revision(&self) -> Option<&str> {
        self.column(REVISION)?;
        Some(&self.own_rows)
    }

    /// Reads the definition of `name` (`table` or `schema.table`, found as psql finds it). `None`:
    /// there is nothing of that name.
    pub async fn load(client: &Client, name: &str) -> Result<Option<Self>, DatabaseError> {
        let failed = || DatabaseError::query("read the target table's definition");
        let found = client.query_opt(RELATION, &[&name]).await;
        let Some(relation) = found.map_err(failed())? else {
            return Ok(None);
        };
        let (oid, sql_name): (u32, String) = (relation.get(0), relation.get(1));
        let triggers = client.query(TRIGGERS, &[&oid]).await.map_err(failed())?;
        let columns: Vec<TargetColumn> = client
            .query(COLUMNS, &[&oid])
            .await
            .map_err(failed())?
            .iter()
            .map(target_column)
            .collect();
        let unique = client.query(UNIQUE, &[&oid]).await.map_err(failed())?;
        let (unique, deferrable): (Vec<_>, Vec<_>) =
            unique.iter().partition(|row| row.get::<_, bool>(1));
        let mut rules: Vec<String> = client
            .query(RULES, &[&oid])
            .await
            .map_err(failed())?
            .iter()
            .map(|row| row.get(0))
            .collect();
        rules.extend(columns.iter().map(|c| {
            let null = if c.not_null { " not null" } else { "" };
            let default = if c.has_default { " default" } else { "" };
            format!("column {} {}{null}{default}", c.name, c.type_name)
        }));
        rules.sort();
        Ok(Some(Self {
            name: name.to_owned(),
            own_rows: match relation.get(8) {
                true => format!("only {sql_name}"),
                false => sql_name.clone(),
            },
            sql_name,
            oid,
            columns,
            unique: unique.iter().map(|row| row.get(0)).collect(),
            deferrable: deferrable
                .iter()
                .map(|row| (row.get(0), not_deferrable(row)))
                .collect(),
            kind: relation.get(2),
            is_unlogged: relation.get(3),
            has_row_security: relation.get(4),
            rewrite_rules: relation.get(5),
            foreign_keys: relation.get(6),
            refused_by: relation.get(7),
            triggers: triggers.iter().map(RowTrigger::new).collect(),
            rules,
        }))
    }

    /// The column called `name`.
    pub fn column(&self, name: &str) -> Option<&TargetColumn> {
        self.columns.iter().find(|c| c.name == name)
    }

    /// What a revision that is made now is to compare: versions, where there is a column for them.
    pub fn guard(&self) -> Guard {
        match self.column(VERSION) {
            Some(_) => Guard::Version,
            None => Guard::Columns,
        }
    }

    /// Whether something beside its columns looks at a new row, and may refuse it.
    pub(crate) fn looks_at_new_rows(&self) -> bool {
        let looks = |rule: &String| {
            let is_check = rule.starts_with("constraint ") && rule.contains(" CHECK ");
            is_check || rule.starts_with("trigger ")
        };
        self.has_row_security
            || self.columns.iter().any(|c| c.generated)
            || self.rules.iter().any(looks)
    }

    /// A trigger that may set some of `columns` before a row is stored, and those that it may set.
    pub(crate) fn may_be_set<'c>(
        &self,
        columns: &[&'c str],
    ) -> Option<(&RowTrigger, Vec<&'c str>)> {
        let triggers = self.triggers.iter();
        let mut setters = triggers.map(|t| (t, t.may_set(columns)));
        setters.find(|(_, set)| !set.is_empty())
    }

    /// SHA-256 of the definition, in hexadecimal: equal for tables that refuse the same rows.
    pub fn digest(&self) -> String {
        let mut sha = Sha256::new();
        sha.update(&self.sql_name);
        for rule in &self.rules {
            sha.update("\n");
            sha.update(rule);
        }
        sha.finalize().iter().map(|b| format!("{b:02x}")).collect()
    }

    /// Compares with the live catalogue: what became different that can make Postgres refuse rows
    /// it took before, as one sentence. A new column that may stay empty is no difference.
    pub async fn changed(&self, client: &Client) -> Result<Option<String>, DatabaseError> {
        let Some(now) = Self::load(client, &self.sql_name).await? else {
            return Ok(Some(format!(
                "the table {} is gone: create it again, then restart the partition",
                self.name
            )));
        };
        let harmless = |rule: &String| {
            let column = now
                .columns
                .iter()
                .find(|c| rule.starts_with(&format!("column {} ", c.name)));
            column.is_some_and(|c| self.column(&c.name).is_none() && (!c.not_null || c.has_default))
        };
        let added = now
            .rules
            .iter()
            .filter(|r| !self.rules.contains(r) && !harmless(r))
            .map(|r| format!("now has `{r}`"));
        let gone = self
            .rules
            .iter()
            .filter(|r| !now.rules.contains(r))
            .map(|r| format!("no longer has `{r}`"));
        let differences: Vec<_> = added.chain(gone).collect();
        let replaced = (now.oid != self.oid).then(|| "was created again".to_owned());
        let differences: Vec<_> = replaced.into_iter().chain(differences).collect();
        Ok((!differences.is_empty()).then(|| {
            format!(
                "the table {} {}: it is not what was checked at the start, so rows it refuses may \
                 be no fault of theirs; adapt the pipeline or the table, then restart",
                self.name,
                differences.join(", ")
            )
        }))
    }
}

/// What takes the place of a deferrable constraint, as it follows `alter table`.
fn not_deferrable(row: &tokio_postgres::Row) -> String {
    let (columns, is_primary, name): (Vec<String>, bool, String) =
        (row.get(0), row.get(2), row.get(3));
    let columns: Vec<_> = columns.iter().map(|column| quote(column)).collect();
    let kind = if is_primary { "primary key" } else { "unique" };
    format!(
        "drop constraint {name}, add constraint {name} {kind} ({})",
        columns.join(", ")
    )
}

fn target_column(row: &tokio_postgres::Row) -> TargetColumn {
    let category: String = row.get(3);
    TargetColumn {
        name: row.get(0),
        type_name: row.get(1),
        base_type: row.get(2),
        category: category.chars().next().unwrap_or('X'),
        not_null: row.get(4),
        has_default: row.get(5),
        default: row.get(8),
        plain_type: row.get(9),
        generated: row.get(6),
        identity_always: row.get(7),
        is_nondeterministic: row.get(10),
    }
}
