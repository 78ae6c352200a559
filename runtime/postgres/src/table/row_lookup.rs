//! What the table holds of rows that a rule would write; nothing is written.

use std::cmp::Ordering;
use std::ops::Range;
use std::sync::Arc;

use arrow_array::Array;
use arrow_array::cast::AsArray;
use gristmill_core::column::{Batch, Field, LogicalType};
use gristmill_core::decode::JsonForms;
use gristmill_core::dedup::{VersionKind, VersionLayout};
use gristmill_core::plan::Roles;
use gristmill_core::policy::Suspect;
use serde_json::Value;
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};

use crate::bisection::Bisection;
use crate::commit::flush_error::suspected;
use crate::table::identifier::{OFFSET, PARTITION, VERSION, quote};
use crate::table::target_table::{BIT, TargetColumn, TargetTable};
use crate::wire::column_array::{ColumnArray, sent_type};
use crate::wire::column_form::ColumnForm;
use crate::wire::connection::Connection;
use crate::wire::database_error::DatabaseError;

/// Rows of one question: an answer of some megabytes, well within a statement's time.
const ROWS_MAX: usize = 2_000;
/// Rows that Postgres cannot take are found by asking for halves. When it takes none of so many,
/// the rule is wrong and not the row.
const REFUSED_MAX: usize = 32;

const DOING: &str = "compare rows with the table";

/// A column's name with its values before and after.
pub type ColumnChange = (String, Value, Value);

/// What there is of one row's key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FoundRow {
    /// No row.
    Missing,
    Stored(StoredRow),
    /// The row cannot be asked for: Postgres' words about a value that its column cannot hold.
    Refused(String),
}

/// The table's row of a key, against the one that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredRow {
    /// Partition and offset of the record that it came from, where the table has the columns for
    /// it.
    pub record: Option<(i32, i64)>,
    /// Its version (event time and order columns) against the asked row's: greater is newer.
    pub version: Ordering,
    /// The columns beside the key that differ: as the table has them, and as it would have them.
    pub changes: Vec<ColumnChange>,
}

/// Asks what the table holds of rows of `fields`, which are some of those that a pipeline with
/// `roles` writes to `target`: at least key, event time and order columns.
pub struct RowLookup {
    fields: Vec<Field>,
    /// How columns take texts, parallel to the fields.
    forms: Vec<ColumnForm>,
    /// The names of the columns that are compared.
    compared: Vec<String>,
    /// Where a row says that it is deleted: what else it has is not written then.
    deleted: Option<usize>,
    /// Columns that a deleted row has a say in.
    deciding: Vec<String>,
    sql: Arc<str>,
    types: Vec<Type>,
}

impl RowLookup {
    /// The fields are known to fit the target. JSON in them is in `forms`.
    pub fn new(target: &TargetTable, fields: &[Field], roles: &Roles, forms: JsonForms) -> Self {
        let stored = fields.iter().filter(|f| target.column(&f.name).is_some());
        let compared = stored.filter(|f| !roles.key.contains(&f.name));
        let deleted = roles.deleted.as_ref();
        let deciding = roles.order.iter().chain(deleted).chain([&roles.event_time]);
        Self {
            deleted: deleted.and_then(|name| fields.iter().position(|f| f.name == *name)),
            deciding: deciding.cloned().collect(),
            forms: target.forms(fields, forms),
            fields: fields.to_vec(),
            compared: compared.map(|f| f.name.clone()).collect(),
            sql: question(target, fields, roles).into(),
            types: fields.iter().map(|f| sent_type(f.logical_type)).collect(),
        }
    }

    /// One answer for each of `rows`, which have at least the fields.
    pub async fn ask(
        &self,
        connection: &mut Connection,
        rows: &Batch,
    ) -> Result<Vec<FoundRow>, DatabaseError> {
        let rows = rows.select(&self.fields);
        let rows = rows.ok_or_else(|| unexpected("a batch lacks columns: report this bug"))?;
        let mut answers = vec![FoundRow::Missing; rows.rows];
        let mut bisection = Bisection::new(rows.rows, ROWS_MAX);
        let mut refused = 0;
        while let Some(range) = bisection.next() {
            match self.ask_once(connection, &rows, &range).await {
                Ok(found) => answers[range].clone_from_slice(&found),
                Err(error) if !is_about_a_row(&error) => return Err(error),
                Err(error) => {
                    let Some(row) = bisection.failed(range) else {
                        continue;
                    };
                    refused += 1;
                    if refused > REFUSED_MAX {
                        return Err(error);
                    }
                    answers[row] = FoundRow::Refused(words(&error));
                }
            }
        }
        for (row, answer) in answers.iter_mut().enumerate() {
            if let FoundRow::Stored(stored) = answer {
                stored
                    .changes
                    .retain(|(name, ..)| self.writes(&rows, row, name));
            }
        }
        Ok(answers)
    }

    /// Whether the row would change what the table holds in a column: a cell that is absent keeps
    /// it, and so does a delete.
    fn writes(&self, rows: &Batch, row: usize, name: &String) -> bool {
        let is_deleted = self.deleted.is_some_and(|i| {
            let flags = rows.columns[i].values.as_boolean();
            flags.is_valid(row) && flags.value(row)
        });
        let column = rows.position(name).map(|i| &rows.columns[i]);
        let presence = column.and_then(|column| column.presence.as_ref());
        presence.is_none_or(|bits| bits.value(row)) && (!is_deleted || self.deciding.contains(name))
    }

    async fn ask_once(
        &self,
        connection: &mut Connection,
        rows: &Batch,
        range: &Range<usize>,
    ) -> Result<Vec<FoundRow>, DatabaseError> {
        let failed = || DatabaseError::query(DOING);
        let rows = rows.slice(range.start, range.len());
        let values = self.fields.iter().zip(&rows.columns);
        let values = values.zip(&self.forms).map(|((f, c), form)| {
            let array = ColumnArray::new(f.logical_type, c)?;
            Some(array.in_form(*form))
        });
        let values: Option<Vec<ColumnArray<'_>>> = values.collect();
        let values =
            values.ok_or_else(|| unexpected("a column has another layout: report this bug"))?;
        let parameters: Vec<&(dyn ToSql + Sync)> =
            values.iter().map(|v| v as &(dyn ToSql + Sync)).collect();
        let statement = connection.prepared(&self.sql, &self.types).await;
        let statement = statement.map_err(failed())?;
        let answer = connection.query(&statement, &parameters).await;
        let answer = answer.map_err(failed())?;
        let standings = answer.iter().map(|row| self.standing(row));
        standings.collect::<Result<_, _>>().map_err(failed())
    }

    fn standing(&self, row: &Row) -> Result<FoundRow, tokio_postgres::Error> {
        if !row.try_get::<_, bool>(0)? {
            return Ok(FoundRow::Missing);
        }
        let partition: Option<i32> = row.try_get(1)?;
        let offset: Option<i64> = row.try_get(2)?;
        let version: i32 = row.try_get(3)?;
        let differs: Vec<bool> = row.try_get(4)?;
        let before: Vec<Option<Value>> = row.try_get(5)?;
        let after: Vec<Option<Value>> = row.try_get(6)?;
        let columns = self.compared.iter().zip(differs);
        let changes = columns.zip(before.into_iter().zip(after));
        Ok(FoundRow::Stored(StoredRow {
            record: partition.zip(offset),
            version: version.cmp(&0),
            changes: changes
                .filter(|((_, differs), _)| *differs)
                .map(|((name, _), (before, after))| {
                    (
                        name.clone(),
                        before.unwrap_or_default(),
                        after.unwrap_or_default(),
                    )
                })
                .collect(),
        }))
    }
}

fn unexpected(found: &str) -> DatabaseError {
    DatabaseError::Unexpected {
        doing: DOING,
        found: found.to_owned(),
    }
}

fn is_about_a_row(error: &DatabaseError) -> bool {
    matches!(error, DatabaseError::Query { source, .. } if suspected(source) == Suspect::Row)
}

fn words(error: &DatabaseError) -> String {
    let DatabaseError::Query { source, .. } = error else {
        return error.to_string();
    };
    let answer = source.as_db_error().map(|answer| answer.message());
    answer.unwrap_or_default().to_owned()
}

/// `row_lookup.sql` for a target and the columns that are compared.
fn question(target: &TargetTable, fields: &[Field], roles: &Roles) -> String {
    let columns: Vec<ComparedColumn<'_>> = fields
        .iter()
        .enumerate()
        .filter_map(|(i, field)| Some(ComparedColumn::new(i, field, target.column(&field.name)?)))
        .collect();
    let named = |name: &String| columns.iter().find(|c| c.name == name);
    let key: Vec<&ComparedColumn<'_>> = roles.key.iter().filter_map(named).collect();
    let event_time = std::iter::once(&roles.event_time);
    let event_time = event_time.filter(|_| roles.version.kind != VersionKind::OrderFirst);
    let version = event_time.chain(&roles.order);
    let version: Vec<&ComparedColumn<'_>> = version.filter_map(named).collect();
    let compared = || columns.iter().filter(|c| !roles.key.contains(c.name));
    let list = |of: &dyn Fn(&ComparedColumn<'_>) -> String| {
        compared().map(of).collect::<Vec<_>>().join(", ")
    };
    let provenance = |name: &str, of_type: &str, from_end: usize, bytes: usize| {
        let column = target.column(name).map(|_| format!("t.{}", quote(name)));
        let version = target.column(VERSION);
        let version = version.map(|_| of_version(from_end, bytes, of_type));
        let both: Vec<String> = version.into_iter().chain(column).collect();
        match both.is_empty() {
            true => format!("null::{of_type}"),
            false => format!("coalesce({})", both.join(", ")),
        }
    };
    let parameters: Vec<String> = (1..=fields.len()).map(|i| format!("${i}")).collect();
    let names: Vec<String> = (0..fields.len()).map(|i| format!("c{i}")).collect();
    let on: Vec<String> = key
        .iter()
        .map(|c| format!("t.{} = {}", quote(c.name), c.key))
        .collect();
    format!(
        include_str!("row_lookup.sql"),
        found = key.first().map_or_else(String::new, |c| quote(c.name)),
        partition = provenance(PARTITION, "int4", 12, 4),
        offset = provenance(OFFSET, "int8", 8, 8),
        order = order(&version),
        differs = list(&|c| c.differs()),
        before = list(&|c| format!("case when {} then {} end", c.differs(), c.json(&c.held))),
        after = list(&|c| format!("case when {} then {} end", c.differs(), c.json(&c.given))),
        parameters = parameters.join(", "),
        names = names.join(", "),
        table = target.own_rows,
        on = on.join(" and "),
    )
}

/// The number of `bytes` bytes that begins `from_end` bytes before the end of the place in the log,
/// in `_gm_version`. Not by gristmill's own functions: a database that others fill may not have
/// them.
fn of_version(from_end: usize, bytes: usize, of_type: &str) -> String {
    let column = format!("t.{}", quote(VERSION));
    format!(
        "('x'::text || pg_catalog.encode(pg_catalog.substr({column}, pg_catalog.length({column}) - \
         {} - case when pg_catalog.get_byte({column}, 0) between {} and {} then 8 else 0 end, \
         {bytes}), 'hex'::text))::bit({})::{of_type}",
        from_end - 1,
        VersionLayout::TIME_LAST,
        VersionLayout::RULE_MAX,
        bytes * 8
    )
}

/// -1, 0 or 1: the held version against the given one, column by column, null before everything.
fn order(version: &[&ComparedColumn<'_>]) -> String {
    version.iter().rev().fold("0".to_owned(), |rest, c| {
        let (held, given) = (c.ordered(&c.held), c.ordered(&c.given));
        format!(
            "case when {held} is not distinct from {given} then {rest} when {held} > {given} or \
             {given} is null then 1 else -1 end"
        )
    })
}

/// Whether Postgres can compare values of a type.
fn has_equality(base: &str) -> bool {
    let element = base.strip_suffix("[]");
    let of = element.unwrap_or(base);
    // There is one of json where it stands alone: as jsonb.
    !matches!(
        of,
        "xml" | "point" | "polygon" | "line" | "lseg" | "path" | "box" | "circle"
    ) && (element.is_none() || of != "json")
}

/// One column's SQL on both sides, so that what is equal to Postgres is equal here: `12.50` and
/// `12.5` in a `numeric`, documents whose members are in another order.
struct ComparedColumn<'a> {
    name: &'a String,
    held: String,
    given: String,
    /// What is given, as it is joined on.
    key: String,
    is_text: bool,
    is_numeric: bool,
}

impl<'a> ComparedColumn<'a> {
    fn new(i: usize, field: &'a Field, column: &TargetColumn) -> Self {
        let (name, base) = (quote(&field.name), column.base_type.as_str());
        let (held, given) = (format!("t.{name}"), format!("u.c{i}"));
        let cast = |of_type: &str| format!("{given}::{of_type}");
        let key = column.cast(field.logical_type).map_or(given.clone(), cast);
        let is_text = matches!(base, "text" | "character varying" | "bpchar");
        let (held, given) = match base {
            // Compared as text: so a label differs, and a letter's case, also where the type itself
            // takes no notice.
            _ if column.category == 'E' => (format!("{held}::text"), given),
            _ if !has_equality(base) => {
                let given = format!(
                    "{}::text",
                    cast(column.cast(field.logical_type).unwrap_or(base))
                );
                (format!("{held}::text"), given)
            }
            BIT | "money" => (held, cast(column.cast(field.logical_type).unwrap_or(base))),
            "text" | "character varying" | "citext" | "name" => (format!("{held}::text"), given),
            "bpchar" => (held, cast("bpchar")),
            // There is no equality of json.
            "json" => (format!("{held}::jsonb"), cast("jsonb")),
            // A number of another size is compared as it is: it might not fit.
            "bigint" | "integer" | "smallint" => (held, given),
            // Rounded as an assignment rounds.
            "numeric" if field.logical_type == LogicalType::Float64 => {
                (held, cast(&format!("text::{}", column.type_name)))
            }
            "timestamp without time zone" if field.logical_type == LogicalType::Text => {
                (held, cast(&format!("timestamptz::{}", column.type_name)))
            }
            _ if column.type_name.contains('(') => (held, cast(&column.type_name)),
            base => (held, cast(base)),
        };
        Self {
            name: &field.name,
            held,
            given,
            key,
            is_text,
            is_numeric: base == "numeric",
        }
    }

    fn differs(&self) -> String {
        format!("{} is distinct from {}", self.held, self.given)
    }

    fn json(&self, side: &str) -> String {
        match self.is_numeric {
            // A number of JSON would lose the digits that differ.
            true => format!("pg_catalog.to_jsonb({side}::text)"),
            false => format!("pg_catalog.to_jsonb({side})"),
        }
    }

    /// Text is ordered by bytes, as the host orders it.
    fn ordered(&self, side: &str) -> String {
        match self.is_text {
            true => format!("{side} collate \"C\""),
            false => side.to_owned(),
        }
    }
}
