//! Writing a batch's rows inside a transaction so that one which Postgres refuses stops no other.

use gristmill_core::chain::{Computed, Layer, RowSource};
use gristmill_core::column::Batch;
use gristmill_core::fault::SinkFault;
use gristmill_core::policy::{Action, Suspect, action};
use tokio_postgres::{Error, Statement, Transaction};

use crate::bisection::Bisection;
use crate::commit::commit_step::{CommitStep, steps};
use crate::commit::flush_error::{
    FlushError, advice, is_canceled, is_raised, is_same_row_twice, may_pass_after_others, suspected,
};
use crate::commit::refused_row::RefusedRow;
use crate::commit::row_origin::RowOrigin;
use crate::commit::rows_sql::RowsKind;
use crate::commit::sink::{Sink, UNLIMITED};
use crate::commit::statement::Sql;
use crate::commit::time_limit::in_time;
use crate::wire::connection::Connection;
use crate::wire::database_error::fault;

/// Once a row is found, a search ends after this many tries: one bad row among 20,000 (the most
/// that a batch may have) takes 31, and a transaction with more than 64 subtransactions slows down
/// everybody else's snapshots (`PGPROC_MAX_CACHED_SUBXIDS`).
const TRIES: usize = 32;
/// Without one a pass goes on this long: each row that a neighbour is in the way of takes two.
const TRIES_MAX: usize = 1_000;
/// A search in several passes ends after this many: what still waits then is refused.
const TRIES_ALL: usize = 4 * TRIES_MAX;
/// So many rows from all over the batch are tried before code that refused the first is believed to
/// refuse them all; a smaller batch is no proof of that.
const SAMPLE: usize = 16;

/// What became of a batch's rows in a transaction.
pub(crate) struct Written {
    /// In the order of the batch. Perhaps not all; where there are none, every row was written.
    pub(crate) refused: Vec<RefusedRow>,
    /// For each of the newest rows whether it was written.
    pub(crate) passed: Vec<bool>,
    /// How many of the newest rows say that a row is deleted which is not there and cannot be made.
    pub(crate) dropped: u64,
}

/// The statements that a batch's rows are written by.
pub(crate) struct WriterStatements {
    /// For each step of the batch.
    steps: Vec<Statement>,
    is_stored: Statement,
    tombstones: Option<Statement>,
    /// For each of [`Sink::unknown`].
    forget: Vec<Statement>,
    keys_read: Option<Statement>,
}

impl WriterStatements {
    pub(crate) async fn prepare(
        connection: &mut Connection,
        sink: &Sink,
        batch: &Computed,
    ) -> Result<Self, FlushError> {
        let mut statements = Vec::new();
        for step in steps(batch) {
            let sql = match step.is_truncate {
                true => sink.truncate()?,
                false => {
                    let kind = sink.kind(&step);
                    &sink.statements.heeding.of_rows(kind).upsert
                }
            };
            statements.push(in_time(connection.prepared(&sql.text, &sql.types)).await??);
        }
        let mut prepare = async |sql: Option<&Sql>| {
            Ok::<_, FlushError>(match sql {
                Some(sql) => Some(in_time(connection.prepared(&sql.text, &sql.types)).await??),
                None => None,
            })
        };
        let tombstones = prepare(sink.statements.tombstones.as_ref()).await?;
        let mut forget = Vec::new();
        for (_, sql) in sink.unknown(batch) {
            forget.extend(prepare(Some(sql)).await?);
        }
        let keys_read = prepare(sink.keys_read(batch).map(|(_, sql)| sql)).await?;
        let sql = &sink.statements.is_stored;
        Ok(Self {
            steps: statements,
            keys_read,
            tombstones,
            forget,
            is_stored: in_time(connection.prepared(&sql.text, &sql.types)).await??,
        })
    }
}

/// Writes the rows of a batch, step by step, each in the order of their records: in that order a
/// value that must be unique was given up before another row took it.
pub(crate) struct RowWriter<'a> {
    transaction: &'a Transaction<'a>,
    statements: &'a WriterStatements,
    step: CommitStep<'a>,
    kind: RowsKind,
    sink: &'a Sink,
    origin: RowOrigin,
    revision: i32,
    batch: &'a Computed,
    /// See [`crate::commit::refusal::Unsettled`].
    pub(crate) was_retried: bool,
    /// Whether all is taken back in the end.
    pub(crate) is_trial: bool,
    /// Of this pass.
    tries: usize,
    sampled: bool,
    written: Written,
    /// For each row of the step whether it was written.
    passed: Vec<bool>,
}

/// A row that was refused, and the answer.
type Answer = (u32, Error);

/// What a pass leaves, in its order.
struct Left {
    /// These may pass by and by.
    waiting: Vec<Answer>,
    /// These come after all that was tried.
    untried: Vec<u32>,
}

impl<'a> RowWriter<'a> {
    pub(crate) fn new(
        transaction: &'a Transaction<'a>,
        statements: &'a WriterStatements,
        sink: &'a Sink,
        origin: RowOrigin,
        revision: i32,
        batch: &'a Computed,
    ) -> Self {
        Self {
            transaction,
            statements,
            step: CommitStep {
                layer: batch.earlier.len(),
                rows: &batch.rows,
                sources: &batch.sources,
                is_truncate: false,
            },
            kind: RowsKind::Plain,
            sink,
            origin,
            revision,
            batch,
            was_retried: false,
            is_trial: false,
            tries: 0,
            sampled: false,
            written: Written {
                refused: Vec::new(),
                passed: Vec::new(),
                dropped: 0,
            },
            passed: Vec::new(),
        }
    }

    /// Writes what Postgres takes. An error other than a row's ends it, as does the proof that all
    /// rows are refused, or that none is though not all can be written.
    pub(crate) async fn write(mut self) -> Result<Written, FlushError> {
        // Constraints that wait for the commit would name no row.
        let immediate = "set constraints all immediate";
        self.run(immediate).await?;
        if let (Some(statement), Some((arrays, _))) =
            (&self.statements.keys_read, self.sink.keys_read(self.batch))
        {
            in_time(self.transaction.execute(statement, &arrays.values())).await??;
        }
        for step in steps(self.batch) {
            self.step = step;
            self.kind = self.sink.kind(&step);
            self.passed = vec![false; step.rows.rows];
            self.sink.refuse_absent(&self.batch.records, &step)?;
            match step.is_truncate {
                // It has no row that could be refused, and it takes a lock that others wait for.
                true if self.is_trial => {}
                true => self.truncate().await?,
                false => self.write_step().await?,
            }
        }
        for (statement, (unknown, _)) in self
            .statements
            .forget
            .iter()
            .zip(self.sink.unknown(self.batch))
        {
            self.forget(statement, unknown).await?;
        }
        self.written.passed = self.passed;
        self.written
            .refused
            .sort_by_key(|refused| (refused.layer, refused.row));
        Ok(self.written)
    }

    /// Says of stored rows what nobody knows of them any more. A row that Postgres refuses has no
    /// key that the table could have.
    async fn forget(&self, statement: &Statement, unknown: &Layer) -> Result<(), FlushError> {
        let mut bisection = Bisection::new(unknown.rows.rows, unknown.rows.rows);
        while let Some(range) = bisection.next() {
            let rows: Vec<u32> = range.clone().map(|row| row as u32).collect();
            let sources = &unknown.sources[range.clone()];
            let rows = unknown.rows.take(&rows);
            let (records, kind) = (&self.batch.records, RowsKind::Deleted);
            let arrays = self.sink.rows(self.origin, records, sources, &rows, kind)?;
            let (partition, revision) = (&self.origin.partition, &self.revision);
            let values = self.sink.row_values(partition, revision, &arrays, false);
            self.run("savepoint forget").await?;
            let answer = in_time(self.transaction.execute(statement, &values)).await?;
            let end = match answer.map_err(FlushError::from) {
                Ok(_) => "release savepoint forget",
                Err(FlushError::Refused { .. }) => {
                    bisection.failed(range);
                    "rollback to savepoint forget; release savepoint forget"
                }
                Err(error) => return Err(error),
            };
            self.run(end).await?;
        }
        Ok(())
    }

    async fn write_step(&mut self) -> Result<(), FlushError> {
        let (sources, before) = (self.step.sources, self.written.refused.len());
        let mut rows: Vec<u32> = (0..self.step.rows.rows as u32).collect();
        rows.sort_by_key(|row| sources[*row as usize]);
        self.write_in_passes(rows).await?;
        let is_all = self.written.refused.len() > before || !self.passed.contains(&false);
        match is_all {
            true => Ok(()),
            false => Err(self.none_refused()),
        }
    }

    async fn truncate(&self) -> Result<(), FlushError> {
        self.run(UNLIMITED).await?;
        self.run(&self.sink.statements.lock).await?;
        Ok(self.upsert(&[0]).await?.map(drop)?)
    }

    /// What a neighbour was in the way of is tried once more after it, as long as that helps.
    async fn write_in_passes(&mut self, mut rows: Vec<u32>) -> Result<(), FlushError> {
        let mut tries = 0;
        while !rows.is_empty() {
            let Left { waiting, untried } = self.pass(&rows).await?;
            tries += self.tries;
            let is_whole = untried.is_empty();
            let found = self.has_found();
            let is_stuck = is_whole && waiting.len() == rows.len();
            if is_stuck || tries >= TRIES_ALL || found && !is_whole {
                // Short of tries, what only waits is nobody's fault while others are.
                if is_stuck || !found {
                    self.refuse(waiting).await?;
                }
                break;
            }
            // In the other direction, so that a whole chain of them passes at once.
            let waiting = waiting.into_iter().map(|(row, _)| row);
            rows = waiting.chain(untried).collect();
            rows.reverse();
        }
        Ok(())
    }

    fn is_spent(&self) -> bool {
        let found = self.has_found();
        self.tries >= TRIES_MAX || found && self.tries >= TRIES
    }

    /// Tries `rows` in order, halving what is refused.
    async fn pass(&mut self, rows: &[u32]) -> Result<Left, FlushError> {
        self.tries = 0;
        let (mut waiting, mut untried) = (Vec::new(), Vec::new());
        let mut bisection = Bisection::new(rows.len(), rows.len());
        while let Some(range) = bisection.next() {
            if self.is_spent() {
                untried.extend_from_slice(&rows[range]);
                continue;
            }
            let Some(answer) = self.try_rows(&rows[range.clone()], true).await? else {
                continue;
            };
            let Some(at) = bisection.failed(range) else {
                continue;
            };
            let answer = self.heard(rows, answer).await?;
            match may_pass_after_others(&answer) {
                true => waiting.push((rows[at], answer)),
                false => self.refuse([(rows[at], answer)]).await?,
            }
        }
        Ok(Left { waiting, untried })
    }

    /// Whether a row of the step is refused.
    fn has_found(&self) -> bool {
        let last = self.written.refused.last();
        last.is_some_and(|refused| refused.layer == self.step.layer)
    }

    async fn refuse(
        &mut self,
        answers: impl IntoIterator<Item = Answer>,
    ) -> Result<(), FlushError> {
        for (row, answer) in answers {
            if self.is_never_made(row, &answer).await? {
                self.passed[row as usize] = true;
                self.written.dropped += u64::from(self.step.layer == self.batch.earlier.len());
                continue;
            }
            let refused = RefusedRow::new(self.step.layer, row as usize, &answer);
            self.written.refused.push(refused);
        }
        Ok(())
    }

    /// Whether the row says that one is deleted which is not there: then there is nothing to be
    /// marked, and a source that sends only the key gives no row that could be made. A tombstone
    /// says so.
    async fn is_never_made(&self, row: u32, answer: &Error) -> Result<bool, FlushError> {
        let (sink, step) = (self.sink, self.step);
        let is_of_constraint = answer
            .code()
            .is_some_and(|code| matches!(code.code(), "23502" | "23514" | "23503"));
        if !is_of_constraint || sink.deletes_for_good {
            return Ok(false);
        }
        if !sink.cells.is_deleted(step.rows, row as usize) {
            return Ok(false);
        }
        let (taken, sources) = self.taken(&[row]);
        let arrays = sink.rows(
            self.origin,
            &self.batch.records,
            &sources,
            &taken,
            RowsKind::Deleted,
        )?;
        let values = sink.row_values(&self.origin.partition, &self.revision, &arrays, false);
        let stored = self
            .transaction
            .query_one(&self.statements.is_stored, &values);
        let is_made = in_time(stored).await??.try_get::<_, bool>(0)?;
        if let Some(bury) = self.statements.tombstones.as_ref().filter(|_| !is_made) {
            in_time(self.transaction.execute(bury, &values)).await??;
        }
        Ok(!is_made)
    }

    /// Rows of the step, each with where it comes from.
    fn taken(&self, rows: &[u32]) -> (Batch, Vec<RowSource>) {
        let sources = rows.iter().map(|r| self.step.sources[*r as usize]);
        (self.step.rows.take(rows), sources.collect())
    }

    /// The answer to one row, once it is known to be about that row: some other passes, or the row
    /// alone is proof enough.
    async fn heard(&mut self, rows: &[u32], answer: Error) -> Result<Error, FlushError> {
        let needs_proof = match suspected(&answer) {
            Suspect::Row => false,
            Suspect::Code => rows.len() >= SAMPLE,
            // A wish to be retried is of one row only where others pass.
            Suspect::Infrastructure | Suspect::Statement => true,
        };
        let is_proven = self.sampled || self.passed.contains(&true);
        // A server may have become slow since others passed.
        if !needs_proof || is_proven && !is_canceled(&answer) {
            return Ok(answer);
        }
        self.sampled = true;
        let step = (rows.len() / SAMPLE).max(1);
        for row in rows.iter().rev().step_by(step) {
            if self.try_rows(&[*row], false).await?.is_none() {
                return Ok(answer);
            }
        }
        Err(self.all_refused(answer))
    }

    fn none_refused(&self) -> FlushError {
        FlushError::Halt {
            reason: format!(
                "the table {} refuses a batch, but none of its rows alone: look at its triggers \
                 and constraints, then resume the partition",
                self.sink.target.name
            ),
        }
    }

    fn all_refused(&self, source: Error) -> FlushError {
        let SinkFault::Answered(state) = fault(&source) else {
            return source.into();
        };
        let waits = match suspected(&source) {
            Suspect::Infrastructure => true,
            Suspect::Statement => action(&SinkFault::Answered(state)) == Action::Restart,
            Suspect::Row | Suspect::Code => false,
        };
        if waits {
            return FlushError::Definite { state, source };
        }
        let said = source.as_db_error().map_or("", |answer| answer.message());
        FlushError::Halt {
            reason: format!(
                "postgres refuses every row for the table {} that was tried, with SQLSTATE \
                 {state}: {said}{}",
                self.sink.target.name,
                advice(state)
            ),
        }
    }

    /// Writes `rows`, and keeps them where `keep` says so. The answer, where one is refused: then
    /// none is written.
    async fn try_rows(&mut self, rows: &[u32], keep: bool) -> Result<Option<Error>, FlushError> {
        self.tries += 1;
        self.run("savepoint trial").await?;
        let answer = self.try_parts(rows).await?;
        let end = match keep && answer.is_none() {
            true => "release savepoint trial",
            false => "rollback to savepoint trial; release savepoint trial",
        };
        self.run(end).await?;
        if keep && answer.is_none() {
            for row in rows {
                self.passed[*row as usize] = true;
            }
        }
        Ok(answer)
    }

    /// Two keys that are one to the table cannot be in one statement: every other row goes into
    /// another, again and again. Their order does not matter, as the guard decides.
    async fn try_parts(&self, rows: &[u32]) -> Result<Option<Error>, FlushError> {
        let mut parts = vec![rows.to_vec()];
        while let Some(part) = parts.pop() {
            self.run("savepoint part").await?;
            let Err(error) = self.upsert(&part).await? else {
                self.run("release savepoint part").await?;
                continue;
            };
            match FlushError::from(error) {
                FlushError::Refused { source, .. }
                    if is_same_row_twice(&source) && part.len() > 1 =>
                {
                    self.run("rollback to savepoint part; release savepoint part")
                        .await?;
                    parts.push(part.iter().skip(1).step_by(2).copied().collect());
                    parts.push(part.iter().step_by(2).copied().collect());
                }
                FlushError::Refused { source, .. } => return Ok(Some(source)),
                FlushError::Definite { source, .. }
                    if self.was_retried && (is_raised(&source) || is_canceled(&source)) =>
                {
                    return Ok(Some(source));
                }
                other => return Err(other),
            }
        }
        Ok(None)
    }

    async fn upsert(&self, rows: &[u32]) -> Result<Result<u64, Error>, FlushError> {
        let (sink, step) = (self.sink, self.step);
        let (taken, sources) = self.taken(rows);
        let records = &self.batch.records;
        let arrays = sink.rows(self.origin, records, &sources, &taken, self.kind)?;
        let (partition, revision) = (&self.origin.partition, &self.revision);
        let values = sink.alone_values(partition, revision, &arrays, step.is_truncate);
        let statement = &self.statements.steps[step.layer];
        let written = self.transaction.execute(statement, &values);
        Ok(match step.is_truncate {
            true => written.await,
            false => in_time(written).await?,
        })
    }

    async fn run(&self, sql: &str) -> Result<(), FlushError> {
        Ok(in_time(self.transaction.batch_execute(sql)).await??)
    }
}
