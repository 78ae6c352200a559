//! What the table holds of rows that an enricher is to see whole.

use gristmill_core::chain::{KeysRead, PreviousRows, WantedCells};
use gristmill_core::column::{Batch, Column, Field, LogicalType};
use gristmill_core::dedup::{StoredVersions, VersionLayout};
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};

use crate::commit::flush_error::FlushError;
use crate::commit::target_shape::TargetShape;
use crate::commit::time_limit::in_time;
use crate::table::identifier::{ABSENT, VERSION, quote};
use crate::table::target_table::{BIT, TargetColumn};
use crate::wire::column_array::{ColumnArray, sent_type};
use crate::wire::connection::Connection;
use crate::wire::read_column::read_column;

/// The answer to what is wanted.
#[derive(Debug)]
pub struct StoredAnswer {
    /// For [`gristmill_core::chain::Chain::with_stored`].
    pub cells: Batch,
    /// Of each row that is held against the table whether it is older, for the same.
    pub older: Vec<bool>,
    /// For [`gristmill_core::chain::Computed::read`]. `None`: rows have no versions to be known by.
    pub read: Option<Box<KeysRead>>,
}

/// The parts of the question.
#[derive(Clone, Debug)]
pub(crate) struct StoredCells {
    table: String,
    /// The key's fields, with what the question calls each.
    key: Vec<(Field, String)>,
    on: String,
    /// That there is a row, which is not deleted.
    is_there: String,
    /// That there is one of a key that is no more, and of no later life.
    was_there: String,
    columns: Vec<StoredColumn>,
    /// Whether rows have versions.
    has_versions: bool,
    /// The version at which the key was deleted, where such a row may leave a tombstone.
    deleted_at: Option<String>,
}

#[derive(Clone, Debug)]
struct StoredColumn {
    field: Field,
    /// Its value, as it is read.
    value: String,
    is_unknown: Option<String>,
}

impl StoredCells {
    pub(crate) fn new(shape: &TargetShape<'_>) -> Self {
        let key: Vec<(usize, &TargetColumn)> = shape.key().collect();
        let is_there = key.first().map(|(_, column)| quote(&column.name));
        let is_there = is_there.map(|name| format!("t.{name} is not null"));
        let alive = shape.is_marked().map(|marked| format!("not {marked}"));
        let was_there = was_there(shape);
        let is_there: Vec<String> = is_there.into_iter().chain(alive).collect();
        let columns = shape.values().map(|(i, column)| StoredColumn {
            field: shape.fields[i].clone(),
            value: read(shape.fields[i].logical_type, column),
            is_unknown: shape
                .tracks_absent()
                .then(|| is_unknown(shape, shape.bit(i))),
        });
        let named = |&(i, _): &(usize, _)| (shape.fields[i].clone(), format!("c{i}"));
        Self {
            table: shape.target.own_rows.clone(),
            on: shape.on(),
            is_there: is_there.join(" and "),
            was_there,
            key: key.iter().map(named).collect(),
            columns: columns.collect(),
            has_versions: shape.kept.is_some(),
            deleted_at: shape.kept.map(|kept| {
                format!(
                    "(select d.version from gristmill.tombstone as d where d.target = {} and \
                     d.key = {})",
                    kept.target,
                    shape.key_texts()
                )
            }),
        }
    }

    /// A cell of each of `columns`, with whether it is known, for each key in the keys' order.
    /// `None`: the table has no such column.
    fn question(&self, wanted: &WantedCells) -> Option<(String, Vec<Type>)> {
        let mut selected = Vec::new();
        let counts = match wanted.previous {
            None => &self.is_there,
            Some(_) => &self.was_there,
        };
        for field in &wanted.columns {
            let stored = self.columns.iter().find(|c| c.field.name == field.name)?;
            let is_unknown = stored.is_unknown.iter();
            let is_unknown: String = is_unknown.map(|bit| format!(" and not {bit}")).collect();
            selected.push(format!("{counts}{is_unknown}, {}", stored.value));
        }
        if self.has_versions {
            selected.push(format!("t.{}", quote(VERSION)));
        }
        let deleted_at = self.deleted_at.clone();
        selected.extend(deleted_at.filter(|_| wanted.held.is_some()));
        let mut names: Vec<&str> = self.key.iter().map(|(_, name)| name.as_str()).collect();
        let types = self.key.iter().map(|(f, _)| sent_type(f.logical_type));
        let mut types: Vec<Type> = types.collect();
        if wanted.previous.is_some() {
            names.extend(["may_be_deleted", "until_us", "deleted_at_us", "partition"]);
            types.extend([
                Type::BOOL_ARRAY,
                Type::INT8_ARRAY,
                Type::INT8_ARRAY,
                Type::INT4_ARRAY,
            ]);
        }
        let places: Vec<String> = (1..=names.len()).map(|i| format!("${i}")).collect();
        let text = format!(
            "select {} from unnest({}) with ordinality as u ({}, n) left join {} as t on {} \
             order by u.n",
            selected.join(", "),
            places.join(", "),
            names.join(", "),
            self.table,
            self.on,
        );
        Some((text, types))
    }
}

fn is_unknown(shape: &TargetShape<'_>, bit: u32) -> String {
    match shape.later().is_later(bit) {
        Some(is_later) => format!("({is_later} or {})", has_bit(bit)),
        None => has_bit(bit),
    }
}

/// That there is a row of a key that is no more, and that it holds all that came before. Nothing is
/// known of one that another partition wrote, but where it says that it was deleted then.
fn was_there(shape: &TargetShape<'_>) -> String {
    if shape.kept.is_none() {
        return "false".to_owned();
    }
    let version = format!("t.{}", quote(VERSION));
    let of = |us: &str| format!("timestamptz 'epoch' + u.{us} * interval '1 microsecond'");
    let at = format!("gristmill.event_time_of({version})");
    let is_whole = format!(
        "gristmill.partition_of({version}) = u.partition and {at} <= {}",
        of("until_us")
    );
    let counts = match shape.is_marked() {
        None => is_whole,
        Some(marked) => format!(
            "case when {marked} then u.may_be_deleted and ({is_whole} or {at} = {}) else \
             {is_whole} end",
            of("deleted_at_us")
        ),
    };
    format!("coalesce({counts}, false)")
}

/// That the bit is set in `_gm_absent`, which may be shorter.
fn has_bit(bit: u32) -> String {
    let (column, byte) = (format!("t.{}", quote(ABSENT)), bit / 8);
    format!(
        "coalesce(case when pg_catalog.length({column}) > {byte} then \
         pg_catalog.get_byte({column}, {byte}) & {} <> 0 end, false)",
        1 << (bit % 8)
    )
}

/// The column as [`read_column`] reads it.
fn read(logical_type: LogicalType, column: &TargetColumn) -> String {
    let name = format!("t.{}", quote(&column.name));
    match logical_type {
        LogicalType::Boolean if column.base_type == BIT => format!("({name}::int4)::boolean"),
        LogicalType::Boolean | LogicalType::Bytes => name,
        LogicalType::Int64 => format!("{name}::int8"),
        LogicalType::Float64 => format!("{name}::float8"),
        LogicalType::Date | LogicalType::TimeUs | LogicalType::TimeMs => name,
        LogicalType::TimestampUs | LogicalType::TimestampMs => {
            match column.base_type == "timestamp without time zone" {
                true => format!("{name} at time zone 'UTC'"),
                false => name,
            }
        }
        LogicalType::Json if column.base_type.ends_with("[]") => {
            format!("pg_catalog.to_jsonb({name})::text")
        }
        LogicalType::Decimal { .. } | LogicalType::Numeric if column.base_type == "money" => {
            format!("{name}::numeric::text")
        }
        LogicalType::Text
        | LogicalType::Uuid
        | LogicalType::Decimal { .. }
        | LogicalType::Numeric
        | LogicalType::Json => format!("{name}::text"),
    }
}

impl StoredCells {
    /// The answer to what is wanted. Nothing of it is known where Postgres takes a row for no key
    /// at all: the flush finds that row.
    pub(crate) async fn read(
        &self,
        connection: &mut Connection,
        wanted: &WantedCells,
        held: Option<&(&VersionLayout, StoredVersions)>,
    ) -> Result<StoredAnswer, FlushError> {
        let rows = match self.rows(connection, wanted).await {
            Ok(rows) => rows,
            Err(FlushError::Refused { .. }) => return Ok(unknown(wanted)),
            Err(error) => return Err(error),
        };
        if rows.len() != wanted.keys.rows {
            return Ok(unknown(wanted));
        }
        let fields = wanted.columns.iter().enumerate();
        let columns = fields.map(|(i, field)| {
            let known = rows.iter().map(|row| row.try_get::<_, bool>(2 * i));
            let known = known.collect::<Result<Vec<bool>, _>>()?;
            let column = read_column(&rows, 2 * i + 1, field.logical_type)?;
            Ok(Column {
                values: column.values,
                presence: Some(known.into_iter().collect()),
            })
        });
        let columns: Result<Vec<Column>, tokio_postgres::Error> = columns.collect();
        let cells = Batch {
            rows: rows.len(),
            fields: wanted.columns.clone().into(),
            columns: columns?,
        };
        let version = |row: &Row| row.try_get(2 * wanted.columns.len());
        let versions = self
            .has_versions
            .then(|| rows.iter().map(version).collect());
        let versions: Option<Vec<Option<Vec<u8>>>> = versions.transpose()?;
        let keys = held_keys(wanted);
        let mut older = vec![false; keys.len()];
        if let (Some((layout, held)), Some(versions)) = (held, &versions) {
            for (i, (&key, older)) in keys.iter().zip(&mut older).enumerate() {
                let key = key as usize;
                let deleted_at = rows[key].try_get(2 * wanted.columns.len() + 1)?;
                let known = [versions[key].clone(), deleted_at];
                *older = known
                    .iter()
                    .flatten()
                    .any(|version| layout.is_older(held.get(i), version));
            }
        }
        let read = versions.map(|versions| {
            Box::new(KeysRead {
                keys: wanted.keys.clone(),
                versions,
            })
        });
        Ok(StoredAnswer { cells, older, read })
    }

    async fn rows(
        &self,
        connection: &mut Connection,
        wanted: &WantedCells,
    ) -> Result<Vec<Row>, FlushError> {
        let Some((text, types)) = self.question(wanted) else {
            return Ok(Vec::new());
        };
        let key = self.key.iter().zip(&wanted.keys.columns);
        let key = key.filter_map(|((f, _), column)| ColumnArray::new(f.logical_type, column));
        let key: Vec<ColumnArray<'_>> = key.collect();
        let of_all = |previous: &PreviousRows| vec![previous.partition; wanted.keys.rows];
        let partitions = wanted.previous.as_ref().map(of_all);
        let mut values: Vec<&(dyn ToSql + Sync)> = key.iter().map(|k| k as _).collect();
        if let (Some(previous), Some(partitions)) = (&wanted.previous, &partitions) {
            values.push(&previous.may_be_deleted);
            values.push(&previous.until_us);
            values.push(&previous.deleted_at_us);
            values.push(partitions);
        }
        connection.busy = true;
        let asked = in_time(async {
            let statement = connection.prepared(&text.into(), &types).await?;
            connection.query(&statement, &values).await
        });
        let answer = match asked.await {
            Ok(answer) => answer.map_err(FlushError::from),
            Err(late) => Err(late.into()),
        };
        connection.busy = answer.as_ref().is_err_and(FlushError::spoils_session);
        answer
    }
}

/// Of each row that is held against the table the place of its key.
fn held_keys(wanted: &WantedCells) -> &[u32] {
    wanted.held.as_ref().map_or(&[][..], |held| &held.keys)
}

/// An answer that knows nothing.
fn unknown(wanted: &WantedCells) -> StoredAnswer {
    let rows = wanted.keys.rows;
    let columns = wanted.columns.iter().map(|field| Column {
        values: arrow_array::new_null_array(&field.logical_type.data_type(), rows),
        presence: Some((0..rows).map(|_| false).collect()),
    });
    StoredAnswer {
        cells: Batch {
            rows,
            fields: wanted.columns.clone().into(),
            columns: columns.collect(),
        },
        older: vec![false; held_keys(wanted).len()],
        read: None,
    }
}
