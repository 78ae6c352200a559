//! Finding the rows that Postgres refuses.

use std::ops::Range;

use gristmill_core::chain::Computed;
use gristmill_core::dead_letter::{DeadLetter, Stage};
use tokio_postgres::{Statement, Transaction};

use crate::bisection::Bisection;
use crate::commit::flush_error::FlushError;
use crate::commit::sink::Sink;
use crate::wire::connection::Connection;
use crate::wire::database_error::DatabaseError;

/// A batch's rows are searched with at most this many savepoints a call: one bad row among 20,000
/// (the most that a batch may have) takes 31, and a transaction with more than 64 subtransactions
/// slows down everybody else's snapshots (`PGPROC_MAX_CACHED_SUBXIDS`).
const SAVEPOINTS_MAX: usize = 32;

/// A row that Postgres refuses, and its words for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedRow {
    /// Index into the rows of the batch.
    pub row: usize,
    pub sqlstate: String,
    pub message: String,
    /// The constraint, else the column, that Postgres names.
    pub subject: Option<String>,
}

impl RefusedRow {
    /// The dead letter that the row's record becomes.
    pub fn dead_letter(&self, batch: &Computed) -> DeadLetter {
        let source = batch.sources[self.row];
        let subject = self
            .subject
            .as_ref()
            .map_or(String::new(), |s| format!(" ({s})"));
        DeadLetter {
            record: source.record,
            ordinal: source.rank + 1,
            stage: Stage::Sink,
            code: "refused".to_owned(),
            message: format!(
                "postgres refuses the row with SQLSTATE {}: {}{subject}",
                self.sqlstate, self.message
            ),
        }
    }
}

/// Finds rows of `batch` that Postgres refuses, after a flush ended with [`FlushError::Refused`].
/// Writes nothing. Perhaps not all: leave them out, flush, and ask again. None: the batch passes by
/// now. Rows are judged in order, each beside those before it that passed.
///
/// First compares the target with what was validated: when it changed, [`FlushError::Halt`]. Halts,
/// too, when no row alone is refused.
pub async fn blame(
    connection: &mut Connection,
    sink: &Sink,
    partition: i32,
    batch: &Computed,
    revision: i32,
) -> Result<Vec<RefusedRow>, FlushError> {
    connection.busy = true;
    let found = search(connection, sink, partition, batch, revision).await;
    connection.busy = found.as_ref().is_err_and(FlushError::spoils_session);
    found
}

async fn search(
    connection: &mut Connection,
    sink: &Sink,
    partition: i32,
    batch: &Computed,
    revision: i32,
) -> Result<Vec<RefusedRow>, FlushError> {
    if let Some(reason) = sink.target.changed(connection).await.map_err(flush_error)? {
        return Err(FlushError::Halt { reason });
    }
    let sql = &sink.statements.upsert;
    let statement = connection.prepared(&sql.text, &sql.types).await?;
    let transaction = connection.transaction().await?;
    transaction
        .batch_execute("set constraints all immediate")
        .await?;
    let search = Search {
        transaction: &transaction,
        statement: &statement,
        sink,
        partition,
        revision,
        batch,
    };
    let found = search.bisect().await?;
    transaction.rollback().await?;
    // What was refused may pass by now: the row that a foreign key missed has come, the one that
    // clashed is gone.
    let Some(refused) = found else {
        return Ok(Vec::new());
    };
    if refused.is_empty() {
        let table = &sink.target.name;
        let reason = format!(
            "the table {table} refuses a batch, but none of its rows alone: look at its triggers \
             and constraints, then restart the partition"
        );
        return Err(FlushError::Halt { reason });
    }
    Ok(refused)
}

fn flush_error(error: DatabaseError) -> FlushError {
    match error {
        DatabaseError::Query { source, .. } | DatabaseError::Connect { source, .. } => {
            source.into()
        }
        other => FlushError::Halt {
            reason: other.to_string(),
        },
    }
}

struct Search<'a> {
    transaction: &'a Transaction<'a>,
    statement: &'a Statement,
    sink: &'a Sink,
    partition: i32,
    revision: i32,
    batch: &'a Computed,
}

impl Search<'_> {
    /// Tries rows in order, so that what passed before stays in the transaction, and rows that only
    /// clash with each other are found. `None`: all of them pass.
    async fn bisect(&self) -> Result<Option<Vec<RefusedRow>>, FlushError> {
        let all = self.batch.rows.rows;
        if all == 0 {
            return Ok(None);
        }
        let mut refused = Vec::new();
        let mut bisection = Bisection::new(all, all);
        for _ in 0..SAVEPOINTS_MAX {
            let Some(range) = bisection.next() else { break };
            match self.try_rows(range.clone()).await? {
                None if range.len() == all => return Ok(None),
                None => {}
                Some(answer) => {
                    let row = bisection.failed(range);
                    refused.extend(row.map(|row| refused_row(row, &answer)));
                }
            }
        }
        Ok(Some(refused))
    }

    /// `None`: they pass, and stay.
    async fn try_rows(
        &self,
        range: Range<usize>,
    ) -> Result<Option<tokio_postgres::Error>, FlushError> {
        let slice = self.batch.rows.slice(range.start, range.len());
        let rows = self
            .sink
            .rows(&self.batch.records, &self.batch.sources[range], &slice)?;
        let values = self
            .sink
            .upsert_values(&self.partition, &self.revision, &rows);
        self.transaction.batch_execute("savepoint trial").await?;
        match self.transaction.execute(self.statement, &values).await {
            Ok(_) => {
                self.transaction
                    .batch_execute("release savepoint trial")
                    .await?;
                Ok(None)
            }
            Err(error) => match FlushError::from(error) {
                FlushError::Refused { source, .. } => {
                    self.transaction
                        .batch_execute("rollback to savepoint trial; release savepoint trial")
                        .await?;
                    Ok(Some(source))
                }
                other => Err(other),
            },
        }
    }
}

fn refused_row(row: usize, error: &tokio_postgres::Error) -> RefusedRow {
    let answer = error.as_db_error();
    let subject = answer
        .and_then(|a| a.constraint().or(a.column()))
        .map(str::to_owned);
    RefusedRow {
        row,
        sqlstate: answer.map_or_else(String::new, |a| a.code().code().to_owned()),
        message: answer.map_or_else(|| error.to_string(), |a| a.message().to_owned()),
        subject,
    }
}
