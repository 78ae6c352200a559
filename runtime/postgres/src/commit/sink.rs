//! The commit: rows, dead letters and checkpoint in one transaction, whose first act is a
//! compare-and-swap on the checkpoint.

use std::sync::Arc;

use gristmill_core::chain::{Computed, Delete, Layer, RowSource, WantedCells};
use gristmill_core::column::{Batch, Field};
use gristmill_core::decode::JsonForms;
use gristmill_core::dedup::{Guard, RecordPlace, VersionLayout};
use gristmill_core::plan::Roles;
use gristmill_core::record::Records;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row, Statement, Transaction};

use crate::commit::commit_step::{CommitStep, steps};
use crate::commit::flush_error::FlushError;
use crate::commit::lease::Lease;
use crate::commit::letter_arrays::Digests;
use crate::commit::missing_cells::MissingCells;
use crate::commit::older_sql::OlderSql;
use crate::commit::parameters::{FlushValues, Values};
use crate::commit::pipelined::{Answer, all};
use crate::commit::row_origin::RowOrigin;
use crate::commit::rows_sql::RowsKind;
use crate::commit::seen_tombstones::{SeenTombstones, TombstonesSeen};
use crate::commit::stale_rows::StaleRows;
use crate::commit::statement::{Sql, Statements};
use crate::commit::stored_cells::{StoredAnswer, StoredCells};
use crate::commit::target_shape::TargetShape;
use crate::commit::time_limit::in_time;
use crate::commit::tombstones::Tombstones;
use crate::table::bookkeeping::Bookkeeping;
use crate::table::identifier::{ABSENT, OFFSET, PARTITION, REVISION, VERSION};
use crate::table::target_table::TargetTable;
use crate::wire::column_array::ColumnArray;
use crate::wire::column_form::ColumnForm;
use crate::wire::connection::Connection;
use crate::wire::mask_array::MaskArray;
use crate::wire::version_array::VersionArray;

/// Why a sink cannot be made: one sentence a problem.
#[derive(Debug, thiserror::Error)]
#[error("rows do not fit the table {table}: {}", problems.join("; "))]
pub struct SinkError {
    pub table: String,
    pub problems: Vec<String>,
}

/// Deleting all rows of a table takes longer than a flush may.
pub(crate) const UNLIMITED: &str = "set local statement_timeout = 0";

/// What a flush learned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flushed {
    /// The revision that the partition is to run from its next batch on.
    pub wanted_revision: i32,
    /// Rows that the table had newer ones of.
    pub stale_rows: u64,
}

/// Writes batches of one shape to one table.
#[derive(Clone, Debug)]
pub struct Sink {
    pub(crate) target: TargetTable,
    fields: Vec<Field>,
    /// The fields that are sent of rows of which none is deleted, and of others.
    sent: [Vec<usize>; 2],
    has_partition: bool,
    /// How columns take texts, parallel to the fields.
    forms: Vec<ColumnForm>,
    has_offset: bool,
    has_revision: bool,
    /// How versions are packed, where the guard compares them.
    versions: Option<VersionLayout>,
    pub(crate) cells: MissingCells,
    pub(crate) deletes_for_good: bool,
    pub(crate) statements: Statements,
    pub(crate) tombstones: Option<Tombstones>,
    pub(crate) seen: Arc<SeenTombstones>,
    pub(crate) stored: StoredCells,
    pub(crate) older: Option<OlderSql>,
    pub(crate) fate: Option<Sql>,
}

/// Where the records stand that rows came from.
fn places(records: &Records, sources: &[RowSource]) -> impl Iterator<Item = RecordPlace> {
    let indices = sources.iter().map(|source| source.record as usize);
    indices.map(|record| RecordPlace {
        offset: records.offset(record),
        timestamp_ms: records.timestamp_ms(record),
    })
}

impl Sink {
    /// A sink for rows of `fields`, as [`Computed::rows`] holds them. Its guard compares columns
    /// ([`Guard::Columns`]).
    pub fn new(target: &TargetTable, fields: &[Field], roles: &Roles) -> Result<Self, SinkError> {
        Self::guarded(target, fields, roles, None, Delete::Soft)
    }

    /// As [`Sink::new`], with what is known of the target, where its guard compares versions
    /// ([`Guard::Version`]). `delete`: what is left of deleted rows.
    pub fn guarded(
        target: &TargetTable,
        fields: &[Field],
        roles: &Roles,
        kept: Option<&Bookkeeping>,
        delete: Delete,
    ) -> Result<Self, SinkError> {
        let guard = kept.map_or(Guard::Columns, |_| Guard::Version);
        let mut problems = target.problems(fields, roles, guard, delete);
        let versions = kept.map(|kept| VersionLayout::new(kept.rule, roles, fields));
        if versions.as_ref().is_some_and(Option::is_none) && problems.is_empty() {
            problems.push("the rows have no event time".to_owned());
        }
        if !problems.is_empty() {
            return Err(SinkError {
                table: target.name.clone(),
                problems,
            });
        }
        let shape = TargetShape {
            target,
            fields,
            roles,
            kept,
            delete,
        };
        Ok(Self {
            statements: shape.statements(),
            sent: [shape.sent(false), shape.sent(true)],
            has_partition: shape.has(PARTITION),
            has_offset: shape.has(OFFSET),
            has_revision: shape.has(REVISION),
            versions: versions.flatten(),
            cells: MissingCells::new(&shape),
            deletes_for_good: shape.deletes_for_good(),
            tombstones: Tombstones::new(&shape),
            seen: Arc::new(SeenTombstones::new()),
            stored: StoredCells::new(&shape),
            older: OlderSql::new(&shape),
            fate: shape.fate(),
            forms: target.forms(fields, JsonForms::default()),
            fields: fields.to_vec(),
            target: target.clone(),
        })
    }

    /// For rows whose JSON is in `forms`.
    pub fn in_forms(mut self, forms: JsonForms) -> Self {
        self.forms = self.target.forms(&self.fields, forms);
        self
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
        for step in steps(batch) {
            self.refuse_absent(&batch.records, &step)?;
        }
        let flush = FlushValues::new(lease, from_offset, batch, revision, digests);
        connection.busy = true;
        let mut seen = self.seen.now();
        let answer = loop {
            let answer = self.send(connection, &flush, batch, revision, seen).await;
            let error = answer.as_ref().err();
            match error.and_then(|error| self.seen.learn(error, seen)) {
                Some(more) => seen = more,
                None => break answer,
            }
        };
        connection.busy = answer.as_ref().is_err_and(FlushError::spoils_session);
        let (row, stale_rows) = answer?;
        let wanted: Option<i32> = row.try_get(1)?;
        Ok(Flushed {
            wanted_revision: wanted.unwrap_or(revision),
            stale_rows,
        })
    }

    /// The flush's answer, and how many rows were turned away.
    async fn send(
        &self,
        connection: &mut Connection,
        flush: &FlushValues<'_>,
        batch: &Computed,
        revision: i32,
        seen: TombstonesSeen,
    ) -> Result<(Row, u64), FlushError> {
        let commit = async {
            let is_one = batch.earlier.is_empty() && batch.read.is_none();
            match is_one && self.unknown(batch).next().is_none() {
                true => self.commit(connection, flush, batch, seen).await,
                false => {
                    self.commit_steps(connection, flush, batch, revision, seen)
                        .await
                }
            }
        };
        match steps(batch).any(|step| step.is_truncate) {
            // As long as the table is large.
            true => commit.await,
            false => in_time(commit)
                .await
                .unwrap_or_else(|late| Err(late.into())),
        }
    }

    async fn commit(
        &self,
        connection: &mut Connection,
        flush: &FlushValues<'_>,
        batch: &Computed,
        seen: TombstonesSeen,
    ) -> Result<(Row, u64), FlushError> {
        let origin = RowOrigin::of(flush.lease);
        let kind = self.cells.kind(&batch.rows);
        let rows = self.rows(origin, &batch.records, &batch.sources, &batch.rows, kind)?;
        let mut values = flush.values();
        rows.push(&mut values);
        let sql = self.statements.flush(kind, seen);
        let statement = connection.prepared(&sql.text, &sql.types).await?;
        let stale_rows = StaleRows::prepare(connection).await?;
        let client: &Client = connection;
        // Sent in this order, without waiting between them.
        let (answer, stale_rows) = tokio::join!(
            biased;
            client.query(&statement, &values),
            stale_rows.take(client),
        );
        Ok((hit(answer?)?, stale_rows))
    }

    /// A batch of several steps is a transaction whose statements do not wait for each other. The
    /// first one, with the rows of the first step, ends it when the checkpoint is elsewhere:
    /// nothing else would keep a fenced owner's rows out.
    async fn commit_steps(
        &self,
        connection: &mut Connection,
        flush: &FlushValues<'_>,
        batch: &Computed,
        revision: i32,
        seen: TombstonesSeen,
    ) -> Result<(Row, u64), FlushError> {
        let origin = RowOrigin::of(flush.lease);
        // A step reads the tombstones of those before it.
        let by_kind = match self.deletes_for_good || seen.are_some {
            true => &self.statements.heeding,
            false => &self.statements.heedless,
        };
        let steps: Vec<_> = steps(batch).filter(|step| step.rows.rows > 0).collect();
        // A statement of deleted rows counts what it leaves out, which is for the newest rows.
        let along = steps.first();
        let along = along.filter(|step| self.kind(step) != RowsKind::Deleted);
        let no_rows = batch.rows.slice(0, 0);
        let (sources, rows) = along.map_or((&[][..], &no_rows), |step| (step.sources, step.rows));
        let kind = self.cells.kind(rows);
        let advance = self
            .prepare(connection, &by_kind.of_rows(kind).flush)
            .await?;
        let written_along = self.rows(origin, &batch.records, sources, rows, kind)?;
        let mut first = flush.values();
        written_along.push(&mut first);
        let mut prepared = Vec::new();
        for step in &steps[usize::from(along.is_some())..] {
            let kind = self.kind(step);
            let rows = self.rows(origin, &batch.records, step.sources, step.rows, kind)?;
            let sql = match step.is_truncate {
                true => self.truncate()?,
                false => &by_kind.of_rows(kind).upsert,
            };
            let statement = self.prepare(connection, sql).await?;
            prepared.push((step.is_truncate, rows, statement));
        }
        let mut forget = Vec::new();
        for (unknown, sql) in self.unknown(batch) {
            let (rows, sources) = (&unknown.rows, &unknown.sources);
            let kind = RowsKind::Deleted;
            let rows = self.rows(origin, &batch.records, sources, rows, kind)?;
            forget.push((rows, self.prepare(connection, sql).await?));
        }
        let read = match self.keys_read(batch) {
            None => None,
            Some((arrays, sql)) => Some((arrays, self.prepare(connection, sql).await?)),
        };
        let stale_rows = StaleRows::prepare(connection).await?;
        let values = prepared.iter().map(|(is_truncate, rows, _)| {
            self.alone_values(&origin.partition, &revision, rows, *is_truncate)
        });
        let values: Vec<Values<'_>> = values.collect();
        let forget = forget.iter().map(|(rows, statement)| {
            let values = self.row_values(&origin.partition, &revision, rows, false);
            (values, statement)
        });
        let forget: Vec<(Values<'_>, &Statement)> = forget.collect();
        let read = read.as_ref().map(|(arrays, sql)| (arrays.values(), sql));
        let client: &Client = connection;
        let run = |sql: &'static str| -> Answer<'_, Result<Option<Row>, tokio_postgres::Error>> {
            Box::pin(async move { client.batch_execute(sql).await.map(|()| None) })
        };
        let mut statements = vec![run("begin")];
        // The rows are locked as they were, before this very batch changes them.
        if let Some((values, statement)) = &read {
            statements.push(Box::pin(async move {
                client.execute(*statement, values).await.map(|_| None)
            }));
        }
        let (advance, first) = (&advance, &first);
        statements.push(Box::pin(async move {
            Ok(client.query(advance, first).await?.into_iter().next())
        }));
        for ((is_truncate, _, statement), values) in prepared.iter().zip(&values) {
            if *is_truncate {
                statements.push(run(UNLIMITED));
                let lock = self.statements.lock.as_str();
                let lock = client.batch_execute(lock);
                statements.push(Box::pin(async move { lock.await.map(|()| None) }));
            }
            statements.push(Box::pin(async move {
                client.execute(statement, values).await.map(|_| None)
            }));
        }
        for (values, statement) in &forget {
            statements.push(Box::pin(async move {
                client.execute(*statement, values).await.map(|_| None)
            }));
        }
        statements.push(run("commit"));
        let mut moved = None;
        let (answers, stale_rows) = tokio::join!(biased; all(statements), stale_rows.take(client));
        // What is sent to a transaction that has ended is an error, too: the first one says why.
        for answer in answers {
            moved = answer?.or(moved);
        }
        Ok((hit(moved.into_iter().collect())?, stale_rows))
    }

    pub(crate) fn field_name(&self, field: usize) -> &str {
        &self.fields[field].name
    }

    /// The rows of which nobody knows some cells once `batch` has been written, with what says so.
    /// None, where the table cannot say it.
    pub(crate) fn unknown<'a>(
        &'a self,
        batch: &'a Computed,
    ) -> impl Iterator<Item = (&'a Layer, &'a Sql)> {
        let Statements {
            forget,
            forget_earlier,
            ..
        } = &self.statements;
        let layers = [(&batch.unknown, forget), (&batch.unread, forget_earlier)];
        let layers = layers.into_iter();
        layers.filter_map(|(layer, sql)| layer.as_deref().zip(sql.as_ref()))
    }

    /// What the table has of what a batch of `records` wants.
    pub async fn stored(
        &self,
        connection: &mut Connection,
        origin: RowOrigin,
        records: &Records,
        wanted: &WantedCells,
    ) -> Result<StoredAnswer, FlushError> {
        let held = self.versions.as_ref().zip(wanted.held.as_ref());
        let held = held.map(|(layout, held)| {
            let Layer { rows, sources } = &held.layer;
            let place = (origin.log, origin.partition);
            (layout, layout.pack(rows, place, places(records, sources)))
        });
        self.stored.read(connection, wanted, held.as_ref()).await
    }

    async fn prepare(
        &self,
        connection: &mut Connection,
        sql: &Sql,
    ) -> Result<Statement, FlushError> {
        Ok(connection.prepared(&sql.text, &sql.types).await?)
    }

    /// Which statements a step's rows are for; that of a truncate takes what deleted rows have.
    pub(crate) fn kind(&self, step: &CommitStep<'_>) -> RowsKind {
        match step.is_truncate {
            true => RowsKind::Deleted,
            false => self.cells.kind(step.rows),
        }
    }

    /// What deletes the rows that are older than a truncate.
    pub(crate) fn truncate(&self) -> Result<&Sql, FlushError> {
        let truncate = self.statements.truncate.as_ref();
        truncate.ok_or_else(|| FlushError::Halt {
            reason: format!(
                "the source table was emptied, and rows of the table {} have no versions to tell \
                 older ones by: alter table {} add column {VERSION} bytea, then restart; or say \
                 truncate = \"ignore\" under [target]",
                self.target.name, self.target.sql_name
            ),
        })
    }

    /// Moves the checkpoint for rows that are written already, in the same transaction. Returns the
    /// revision that the partition is to run.
    pub(crate) async fn advance(
        &self,
        client: &Transaction<'_>,
        statement: &Statement,
        flush: &FlushValues<'_>,
        batch: &Computed,
        revision: i32,
    ) -> Result<i32, FlushError> {
        let no_rows = batch.rows.slice(0, 0);
        let origin = RowOrigin::of(flush.lease);
        let no_rows = self.rows(origin, &batch.records, &[], &no_rows, RowsKind::Plain)?;
        let mut values = flush.values();
        no_rows.push(&mut values);
        let wanted: Option<i32> =
            hit(in_time(client.query(statement, &values)).await??)?.try_get(1)?;
        Ok(wanted.unwrap_or(revision))
    }

    /// The lowest of the versions of a batch's rows; `None`: it has none.
    pub fn lowest_version(&self, origin: RowOrigin, batch: &Computed) -> Option<Vec<u8>> {
        let layout = self.versions.as_ref()?;
        let places = places(&batch.records, &batch.sources);
        let packed = layout.pack(&batch.rows, (origin.log, origin.partition), places);
        let versions = (0..packed.len()).map(|row| packed.get(row));
        versions.min().map(<[u8]>::to_vec)
    }

    /// The version of all that comes from the record at `place`; `None`: more than that decides.
    pub fn version_of_place(&self, origin: RowOrigin, place: RecordPlace) -> Option<Vec<u8>> {
        let layout = self.versions.as_ref()?;
        layout.of_place((origin.log, origin.partition), place)
    }

    /// Rows as arrays in Postgres' types; `sources` is parallel to them and points into `records`.
    pub(crate) fn rows<'a>(
        &self,
        origin: RowOrigin,
        records: &Records,
        sources: &[RowSource],
        rows: &'a Batch,
        kind: RowsKind,
    ) -> Result<RowArrays<'a>, FlushError> {
        let are_masked = kind != RowsKind::Plain;
        let places = || places(records, sources);
        let place = (origin.log, origin.partition);
        let pack = |layout: &VersionLayout| VersionArray(layout.pack(rows, place, places()));
        Ok(RowArrays {
            offsets: self
                .has_offset
                .then(|| places().map(|p| p.offset).collect()),
            versions: self.versions.as_ref().map(pack),
            masks: are_masked.then(|| self.cells.masks(rows)),
            columns: self.columns(rows, kind == RowsKind::Deleted)?,
        })
    }

    /// An absent cell keeps what is stored, and is known to be absent where nothing is: a table
    /// that cannot say so would hold what nobody sent.
    pub(crate) fn refuse_absent(
        &self,
        records: &Records,
        step: &CommitStep<'_>,
    ) -> Result<(), FlushError> {
        // Of the end of all rows the version alone is written.
        let is_told = self.cells.are_tracked || step.is_truncate;
        let absent = (!is_told).then(|| self.cells.first_absent(step.rows));
        let Some((row, column)) = absent.flatten() else {
            return Ok(());
        };
        let (table, sql_name) = (&self.target.name, &self.target.sql_name);
        let column = &self.fields[column].name;
        let offset = records.offset(step.sources[row].record as usize);
        let mut add = vec![format!("add column {ABSENT} bytea")];
        if self.versions.is_none() {
            add.insert(0, format!("add column {VERSION} bytea"));
        }
        Err(FlushError::Halt {
            reason: format!(
                "the record at offset {offset} does not say the value of {column}, and the table \
                 {table} has no column {ABSENT} to tell such values by: alter table {sql_name} {}, \
                 then restart",
                add.join(", ")
            ),
        })
    }

    /// What a statement takes that writes rows alone, or deletes older ones.
    pub(crate) fn alone_values<'a>(
        &self,
        partition: &'a i32,
        revision: &'a i32,
        rows: &'a RowArrays<'_>,
        is_truncate: bool,
    ) -> Values<'a> {
        let has_origin = !is_truncate || self.statements.truncate_has_origin;
        self.row_values(partition, revision, rows, has_origin)
    }

    /// What a statement of rows takes; `has_origin`: it writes where they came from.
    pub(crate) fn row_values<'a>(
        &self,
        partition: &'a i32,
        revision: &'a i32,
        rows: &'a RowArrays<'_>,
        has_origin: bool,
    ) -> Values<'a> {
        let mut values = Values::new();
        if self.has_partition && has_origin {
            values.push(partition);
        }
        if self.has_revision && has_origin {
            values.push(revision);
        }
        rows.push(&mut values);
        values
    }

    fn columns<'a>(
        &self,
        rows: &'a Batch,
        are_deleted: bool,
    ) -> Result<Vec<ColumnArray<'a>>, FlushError> {
        let sent = &self.sent[usize::from(are_deleted)];
        let columns = sent.iter().map(|&i| {
            let column = rows.columns.get(i)?;
            let array = ColumnArray::new(self.fields[i].logical_type, column)?;
            Some(array.in_form(self.forms[i]))
        });
        let columns: Option<Vec<_>> = columns.collect();
        columns
            .filter(|_| rows.columns.len() == self.fields.len())
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
    /// Which cells are absent, where some may be.
    masks: Option<MaskArray>,
    columns: Vec<ColumnArray<'a>>,
}

impl RowArrays<'_> {
    /// Appends the arrays to what a statement takes, in the order of its numbers.
    fn push<'p>(&'p self, values: &mut Values<'p>) {
        values.extend(self.offsets.iter().map(|o| o as &(dyn ToSql + Sync)));
        values.extend(self.versions.iter().map(|v| v as &(dyn ToSql + Sync)));
        values.extend(self.masks.iter().map(|m| m as &(dyn ToSql + Sync)));
        values.extend(self.columns.iter().map(|c| c as &(dyn ToSql + Sync)));
    }
}
