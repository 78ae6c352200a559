//! The commit: rows, dead letters and checkpoint in one transaction, whose first act is a
//! compare-and-swap on the checkpoint.

use gristmill_core::chain::{Computed, RowSource};
use gristmill_core::column::{Batch, Field};
use gristmill_core::dedup::{Guard, VersionLayout};
use gristmill_core::plan::Roles;
use gristmill_core::record::Records;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Row, Statement, Transaction};

use crate::commit::flush_error::FlushError;
use crate::commit::lease::Lease;
use crate::commit::letter_arrays::Digests;
use crate::commit::parameters::{FlushValues, Values};
use crate::commit::statement::{Shape, Statements};
use crate::commit::time_limit::in_time;
use crate::table::identifier::{OFFSET, PARTITION, REVISION};
use crate::table::target_table::TargetTable;
use crate::wire::column_array::ColumnArray;
use crate::wire::connection::Connection;
use crate::wire::version_array::VersionArray;

/// Why a sink cannot be made: one sentence a problem.
#[derive(Debug, thiserror::Error)]
#[error("rows do not fit the table {table}: {}", problems.join("; "))]
pub struct SinkError {
    pub table: String,
    pub problems: Vec<String>,
}

/// What a flush learned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flushed {
    /// The revision that the partition is to run from its next batch on.
    pub wanted_revision: i32,
}

/// Writes batches of one shape to one table.
#[derive(Clone, Debug)]
pub struct Sink {
    pub(crate) target: TargetTable,
    fields: Vec<Field>,
    has_partition: bool,
    has_offset: bool,
    has_revision: bool,
    /// How versions are packed, where the guard compares them.
    versions: Option<VersionLayout>,
    pub(crate) statements: Statements,
}

/// Where the rows of a batch come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowOrigin {
    /// Which topic of its name it was: see [`Lease::log`].
    pub log: i32,
    pub partition: i32,
}

impl RowOrigin {
    /// The partition that `lease` is for.
    pub fn of(lease: &Lease) -> Self {
        Self {
            log: lease.log,
            partition: lease.key.partition,
        }
    }
}

impl Sink {
    /// A sink for rows of `fields`, as [`Computed::rows`] holds them. Its guard compares columns
    /// ([`Guard::Columns`]).
    pub fn new(target: &TargetTable, fields: &[Field], roles: &Roles) -> Result<Self, SinkError> {
        Self::guarded(target, fields, roles, None)
    }

    /// As [`Sink::new`], with a guard that compares versions ([`Guard::Version`]) by the target's
    /// rule of this number.
    pub fn with_rule(
        target: &TargetTable,
        fields: &[Field],
        roles: &Roles,
        rule: u8,
    ) -> Result<Self, SinkError> {
        Self::guarded(target, fields, roles, Some(rule))
    }

    fn guarded(
        target: &TargetTable,
        fields: &[Field],
        roles: &Roles,
        rule: Option<u8>,
    ) -> Result<Self, SinkError> {
        let guard = rule.map_or(Guard::Columns, |_| Guard::Version);
        let mut problems = target.problems(fields, roles, guard);
        let versions = rule.map(|rule| VersionLayout::new(rule, roles, fields));
        if versions.as_ref().is_some_and(Option::is_none) && problems.is_empty() {
            problems.push("the rows have no event time".to_owned());
        }
        if !problems.is_empty() {
            return Err(SinkError {
                table: target.name.clone(),
                problems,
            });
        }
        let shape = Shape {
            target,
            fields,
            roles,
            rule,
        };
        Ok(Self {
            statements: shape.statements(),
            has_partition: shape.has(PARTITION),
            has_offset: shape.has(OFFSET),
            has_revision: shape.has(REVISION),
            versions: versions.flatten(),
            fields: fields.to_vec(),
            target: target.clone(),
        })
    }

    /// Commits `batch`, which begins at `from_offset` under `lease` and was computed by `revision`;
    /// when that is not the lease's, the partition changes revision here.
    ///
    /// Cancelling leaves the outcome unknown: take the partition again.
    pub async fn flush(
        &self,
        connection: &mut Connection,
        lease: &Lease,
        from_offset: i64,
        batch: &Computed,
        revision: i32,
        digests: Digests<'_>,
    ) -> Result<Flushed, FlushError> {
        let flush = FlushValues::new(lease, from_offset, batch, revision, digests);
        let origin = RowOrigin::of(lease);
        let rows = self.rows(origin, &batch.records, &batch.sources, &batch.rows)?;
        let mut values = flush.values();
        rows.push(&mut values);
        connection.busy = true;
        let flush = self.commit(connection, &values);
        let answer = in_time(flush).await.unwrap_or_else(|late| Err(late.into()));
        connection.busy = answer.as_ref().is_err_and(FlushError::spoils_session);
        let wanted: Option<i32> = answer?.try_get(1)?;
        Ok(Flushed {
            wanted_revision: wanted.unwrap_or(revision),
        })
    }

    async fn commit(
        &self,
        connection: &mut Connection,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<Row, FlushError> {
        let sql = &self.statements.flush;
        let statement = connection.prepared(&sql.text, &sql.types).await?;
        hit(connection.query(&statement, values).await?)
    }

    /// Moves the checkpoint for rows that are written already, in the same transaction.
    pub(crate) async fn advance(
        &self,
        client: &Transaction<'_>,
        statement: &Statement,
        flush: &FlushValues<'_>,
        batch: &Computed,
        revision: i32,
    ) -> Result<Flushed, FlushError> {
        let no_rows = batch.rows.slice(0, 0);
        let no_rows = self.rows(RowOrigin::of(flush.lease), &batch.records, &[], &no_rows)?;
        let mut values = flush.values();
        no_rows.push(&mut values);
        let wanted: Option<i32> =
            hit(in_time(client.query(statement, &values)).await??)?.try_get(1)?;
        Ok(Flushed {
            wanted_revision: wanted.unwrap_or(revision),
        })
    }

    /// Rows as arrays in Postgres' types; `sources` is parallel to them and points into `records`.
    pub(crate) fn rows<'a>(
        &self,
        origin: RowOrigin,
        records: &Records,
        sources: &[RowSource],
        rows: &'a Batch,
    ) -> Result<RowArrays<'a>, FlushError> {
        let offsets = || sources.iter().map(|s| records.offset(s.record as usize));
        let place = (origin.log, origin.partition);
        let pack = |layout: &VersionLayout| VersionArray(layout.pack(rows, place, offsets()));
        Ok(RowArrays {
            offsets: self.has_offset.then(|| offsets().collect()),
            versions: self.versions.as_ref().map(pack),
            columns: self.columns(rows)?,
        })
    }

    /// What the statement takes that writes rows alone.
    pub(crate) fn upsert_values<'a>(
        &self,
        partition: &'a i32,
        revision: &'a i32,
        rows: &'a RowArrays<'_>,
    ) -> Values<'a> {
        let mut values = Values::new();
        if self.has_partition {
            values.push(partition);
        }
        if self.has_revision {
            values.push(revision);
        }
        rows.push(&mut values);
        values
    }

    fn columns<'a>(&self, rows: &'a Batch) -> Result<Vec<ColumnArray<'a>>, FlushError> {
        let columns = self
            .fields
            .iter()
            .zip(&rows.columns)
            .map(|(f, c)| ColumnArray::new(f.logical_type, c));
        let columns: Option<Vec<_>> = columns.collect();
        columns
            .filter(|columns| columns.len() == self.fields.len())
            .ok_or_else(|| FlushError::Halt {
                reason: format!(
                    "a batch for the table {} does not have the columns that were checked: this \
                     is a bug in gristmill, please report it",
                    self.target.name
                ),
            })
    }
}

/// The first act's result. It can be trusted only because the driver waits for the end of the
/// statement's transaction.
fn hit(rows: Vec<Row>) -> Result<Row, FlushError> {
    let row = rows.into_iter().next().ok_or(FlushError::Fenced)?;
    if row.try_get(0)? {
        Ok(row)
    } else {
        Err(FlushError::Fenced)
    }
}

/// Rows as arrays, ready to be sent.
pub(crate) struct RowArrays<'a> {
    /// The offsets of the records that they came from, where the target wants to know.
    offsets: Option<Vec<i64>>,
    versions: Option<VersionArray>,
    columns: Vec<ColumnArray<'a>>,
}

impl RowArrays<'_> {
    /// Appends the arrays to what a statement takes, in the order of its numbers.
    fn push<'p>(&'p self, values: &mut Values<'p>) {
        values.extend(self.offsets.iter().map(|o| o as &(dyn ToSql + Sync)));
        values.extend(self.versions.iter().map(|v| v as &(dyn ToSql + Sync)));
        values.extend(self.columns.iter().map(|c| c as &(dyn ToSql + Sync)));
    }
}
