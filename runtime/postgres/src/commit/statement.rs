//! The sink's SQL, written once for a target and a set of columns.

use std::sync::Arc;

use gristmill_core::column::{Field, LogicalType};
use gristmill_core::plan::Roles;
use tokio_postgres::types::Type;

use crate::table::target::{Target, TargetColumn};
use crate::wire::values::sent_type;

/// The optional columns of a target that say where a row came from.
pub(crate) const PARTITION: &str = "_gm_partition";
pub(crate) const OFFSET: &str = "_gm_offset";
pub(crate) const REVISION: &str = "_gm_revision";

/// SQL text and the types of its parameters.
#[derive(Clone, Debug)]
pub(crate) struct Sql {
    pub(crate) text: Arc<str>,
    pub(crate) types: Vec<Type>,
}

/// The checkpoint moves, or nothing else happens. Parameters: see [`CHECKPOINT_TYPES`].
const CHECKPOINT: &str = "with cp as ( update gristmill.checkpoint set next_offset = $7, event_time_max = \
     greatest(event_time_max, $8), revision = $9, last_record_offset = coalesce($11, \
     last_record_offset), last_record_at = case when $11 is null then last_record_at else $12 \
     end, last_record_hash = coalesce($13, last_record_hash), records = records + $14[1], \
     rows_upserted = rows_upserted + $14[2], superseded = superseded + $14[3], late = late + \
     $14[4], dropped = dropped + $14[5], tombstones = tombstones + $14[6], dead_letters = \
     dead_letters + $14[7], backend_pid = pg_backend_pid(), flushed_at = now() where pipeline = \
     $1 and run = $2 and topic = $3 and partition = $4 and next_offset = $5 and owner_epoch = $6 \
     returning owner), activated as ( insert into gristmill.activation (pipeline, run, topic, \
     partition, from_offset, revision, by) select $1, $2, $3, $4, $5, $9, coalesce((select \
     taken_back_by from gristmill.revision where pipeline = $1 and revision = $10 and $10 > $9), \
     (select by from gristmill.revision where pipeline = $1 and revision = $9), cp.owner) from cp \
     where $9 <> $10 on conflict (pipeline, run, topic, partition, from_offset) do update set \
     revision = excluded.revision, at = excluded.at, by = excluded.by), letters as ( insert into \
     gristmill.dead_letter (pipeline, run, topic, partition, \"offset\", ordinal, stage, code, \
     message, revision, digest, key, headers, value, record_at) select $1, $2, $3, $4, d.o, \
     d.ordinal, d.stage, d.code, d.message, $9, d.digest, d.key, d.headers::jsonb, d.value, \
     d.record_at from cp, unnest($15, $16, $17, $18, $19, $20, $21, $22, $23, $24) as d (o, \
     ordinal, stage, code, message, digest, key, headers, value, record_at) on conflict \
     (pipeline, run, topic, partition, \"offset\", ordinal) do update set stage = excluded.stage, \
     code = excluded.code, message = excluded.message, revision = excluded.revision, digest = \
     excluded.digest, key = excluded.key, headers = excluded.headers, value = excluded.value, \
     record_at = excluded.record_at, attempts = 0, state = 'new')";

/// One row: whether the checkpoint moved, and the revision that the partition is to run.
const ANSWER: &str = " select exists (select from cp), (select case when canary_partition = $4 \
                      then staging_revision else active_revision end from gristmill.pipeline \
                      where pipeline = $1)";

/// What [`CHECKPOINT`] takes.
pub(crate) const CHECKPOINT_TYPES: [Type; 24] = [
    Type::TEXT,
    Type::INT8,
    Type::TEXT,
    Type::INT4,
    Type::INT8,
    Type::INT8,
    Type::INT8,
    Type::TIMESTAMPTZ,
    Type::INT4,
    Type::INT4,
    Type::INT8,
    Type::TIMESTAMPTZ,
    Type::INT8,
    Type::INT8_ARRAY,
    Type::INT8_ARRAY,
    Type::INT4_ARRAY,
    Type::TEXT_ARRAY,
    Type::TEXT_ARRAY,
    Type::TEXT_ARRAY,
    Type::TEXT_ARRAY,
    Type::BYTEA_ARRAY,
    Type::TEXT_ARRAY,
    Type::BYTEA_ARRAY,
    Type::TIMESTAMPTZ_ARRAY,
];
/// Where [`CHECKPOINT`] has the partition and the revision.
const PARTITION_PARAMETER: usize = 4;
const REVISION_PARAMETER: usize = 9;

/// Every statement that a sink sends.
#[derive(Clone, Debug)]
pub(crate) struct Statements {
    /// Checkpoint, dead letters and rows in one.
    pub(crate) flush: Sql,
    /// Rows alone: $1 partition, $2 revision, then as in `flush`.
    pub(crate) upsert: Sql,
}

/// The names and types that statements are made of. Fields are known to fit the target.
pub(crate) struct Shape<'a> {
    pub(crate) target: &'a Target,
    pub(crate) fields: &'a [Field],
    pub(crate) roles: &'a Roles,
}

impl Shape<'_> {
    pub(crate) fn statements(&self) -> Statements {
        let base = CHECKPOINT_TYPES.len();
        let upsert = self.insert(
            &self.unnest(base),
            ", cp",
            PARTITION_PARAMETER,
            REVISION_PARAMETER,
        );
        let flush = format!("{CHECKPOINT}, rows as ({upsert}){ANSWER}");
        let rows = CHECKPOINT_TYPES.into_iter().chain(self.row_types());
        Statements {
            flush: Sql {
                text: flush.into(),
                types: rows.collect(),
            },
            upsert: Sql {
                text: self.insert(&self.unnest(2), "", 1, 2).into(),
                types: [Type::INT4, Type::INT4]
                    .into_iter()
                    .chain(self.row_types())
                    .collect(),
            },
        }
    }

    /// Whether rows carry `_gm_offset`; then its array comes before the columns'.
    pub(crate) fn has(&self, provenance: &str) -> bool {
        self.target.column(provenance).is_some()
    }

    fn row_types(&self) -> impl Iterator<Item = Type> {
        let offset = self.has(OFFSET).then_some(Type::INT8_ARRAY);
        offset
            .into_iter()
            .chain(self.fields.iter().map(|f| sent_type(f.logical_type)))
    }

    /// `(select unnest($n) as name, ..) as u`, with parameters from `base` + 1 on. In the select
    /// list and not in FROM: there the server writes each array into a tuple store of its own
    /// before it reads the first row.
    fn unnest(&self, base: usize) -> String {
        let names = self.sent_names();
        let arrays = names.iter().zip(base + 1..);
        let arrays: Vec<_> = arrays
            .map(|(name, i)| format!("unnest(${i}) as {name}"))
            .collect();
        format!("(select {}) as u", arrays.join(", "))
    }

    /// The columns of what is sent: numbered, so that no name can clash.
    fn sent_names(&self) -> Vec<String> {
        let offset = self.has(OFFSET).then(|| "o".to_owned());
        offset
            .into_iter()
            .chain((0..self.fields.len()).map(|i| format!("c{i}")))
            .collect()
    }

    fn insert(&self, from: &str, and: &str, partition: usize, revision: usize) -> String {
        let mut names: Vec<String> = self.fields.iter().map(|f| quote(&f.name)).collect();
        let mut values: Vec<String> = self
            .fields
            .iter()
            .enumerate()
            .map(|(i, f)| self.value(i, f))
            .collect();
        let provenance = [
            (PARTITION, format!("${partition}")),
            (OFFSET, "u.o".to_owned()),
            (REVISION, format!("${revision}")),
        ];
        for (name, value) in provenance.into_iter().filter(|(name, _)| self.has(name)) {
            names.push(quote(name));
            values.push(value);
        }
        let key: Vec<_> = self.roles.key.iter().map(|k| quote(k)).collect();
        let is_key = |name: &&String| !key.contains(name);
        let set: Vec<_> = names
            .iter()
            .filter(is_key)
            .map(|n| format!("{n} = excluded.{n}"))
            .collect();
        format!(
            "insert into {} as t ({}) select {} from {from}{and} on conflict ({}) do update set \
             {} where {}",
            self.target.sql_name,
            names.join(", "),
            values.join(", "),
            key.join(", "),
            set.join(", "),
            self.guard()
        )
    }

    fn value(&self, i: usize, field: &Field) -> String {
        let column = self.target.column(&field.name);
        match column.and_then(|c| c.cast(field.logical_type)) {
            Some(cast) => format!("u.c{i}::{cast}"),
            None => format!("u.c{i}"),
        }
    }

    /// True when the stored version is not newer than the incoming one: versions are tuples
    /// compared column by column, null before everything. Rows that others wrote
    /// have no partition and offset: null, so a tie goes to the incoming row.
    fn guard(&self) -> String {
        let mut version: Vec<&str> = vec![&self.roles.event_time];
        version.extend(self.roles.order.iter().map(String::as_str));
        if self.has(PARTITION) && self.has(OFFSET) {
            version.extend([PARTITION, OFFSET]);
        }
        let guard = version
            .into_iter()
            .rev()
            .fold(None, |rest: Option<String>, name| {
                let (old, new) = (
                    self.comparable("t", name),
                    self.comparable("excluded", name),
                );
                let not_null = self.target.column(name).is_some_and(|c| c.not_null);
                Some(match (rest, not_null) {
                    (None, true) => format!("{old} <= {new}"),
                    (None, false) => format!("({old} <= {new} or {old} is null)"),
                    (Some(rest), true) => format!("({old} < {new} or ({old} = {new} and {rest}))"),
                    (Some(rest), false) => {
                        format!(
                            "({old} < {new} or ({old} is null and {new} is not null) or ({old} is \
                             not distinct from {new} and {rest}))"
                        )
                    }
                })
            });
        guard.unwrap_or_else(|| "true".to_owned())
    }

    /// Text is ordered by bytes, as the host orders it.
    fn comparable(&self, table: &str, name: &str) -> String {
        let textual = |c: &TargetColumn| {
            matches!(
                c.base_type.as_str(),
                "text" | "character varying" | "bpchar"
            )
        };
        let collate = if self.target.column(name).is_some_and(textual) {
            " collate \"C\""
        } else {
            ""
        };
        format!("{table}.{}{collate}", quote(name))
    }
}

/// The order columns' types that both the host and Postgres order alike.
pub(crate) fn is_orderable(logical_type: LogicalType) -> bool {
    !matches!(
        logical_type,
        LogicalType::Json | LogicalType::Uuid | LogicalType::Decimal { .. }
    )
}

/// `name` as an identifier.
pub(crate) fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
