//! The commit: rows, dead letters and checkpoint in one transaction, whose first act is a
//! compare-and-swap on the checkpoint.

use std::time::Duration;

use gristmill_core::chain::{Computed, RowSource};
use gristmill_core::column::{Batch, Field};
use gristmill_core::dead_letter::Stage;
use gristmill_core::plan::Roles;
use gristmill_core::record::Records;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use crate::commit::advance::Advance;
use crate::commit::checkpoint::Lease;
use crate::commit::letters::Letters;
use crate::commit::statement::{OFFSET, Shape, Statements};
use crate::table::target::Target;
use crate::wire::connect::Connection;
use crate::wire::error::FlushError;
use crate::wire::values::Values;

/// Twice what the server allows a statement (`statement_timeout`): it would have answered. Nothing
/// else notices a server that keeps its connections but is frozen.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(120);

/// Looks up the digest of the component behind a stage, for its dead letters.
pub type Digests<'a> = &'a (dyn Fn(&Stage) -> Option<String> + Sync);

/// Parameters of a statement, in order.
pub(crate) type Parameters<'a> = Vec<&'a (dyn ToSql + Sync)>;

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
    /// The revision that the partition is to run: when it is not the one that runs, there is news.
    pub wanted_revision: i32,
}

/// Writes batches of one shape to one table.
#[derive(Clone, Debug)]
pub struct Sink {
    pub(crate) target: Target,
    fields: Vec<Field>,
    has_offset: bool,
    pub(crate) statements: Statements,
}

impl Sink {
    /// A sink for rows of `fields`, as [`Computed::rows`] holds them.
    pub fn new(target: &Target, fields: &[Field], roles: &Roles) -> Result<Self, SinkError> {
        let problems = target.problems(fields, roles);
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
        };
        Ok(Self {
            statements: shape.statements(),
            has_offset: shape.has(OFFSET),
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
        let advance = Advance::new(lease, from_offset, batch, revision);
        let letters = Letters::new(batch, digests);
        let rows = self.rows(&batch.records, &batch.sources, &batch.rows)?;
        let mut parameters: Parameters<'_> = advance.parameters();
        parameters.extend(letters.parameters());
        rows.push(&mut parameters);
        connection.busy = true;
        let flush = self.commit(connection, &parameters);
        let answer = tokio::time::timeout(FLUSH_TIMEOUT, flush).await;
        let answer = answer.unwrap_or(Err(FlushError::Unknown { source: None }));
        connection.busy = answer.as_ref().is_err_and(FlushError::spoils_session);
        let wanted: Option<i32> = answer?.try_get(1)?;
        Ok(Flushed {
            wanted_revision: wanted.unwrap_or(revision),
        })
    }

    async fn commit(
        &self,
        connection: &mut Connection,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Row, FlushError> {
        let sql = &self.statements.flush;
        let statement = connection.prepared(&sql.text, &sql.types).await?;
        hit(connection.query(&statement, parameters).await?)
    }

    /// Rows in Postgres' types; `sources` is parallel to them and points into `records`.
    pub(crate) fn rows<'a>(
        &self,
        records: &Records,
        sources: &[RowSource],
        rows: &'a Batch,
    ) -> Result<Rows<'a>, FlushError> {
        let offsets = self.has_offset.then(|| {
            sources
                .iter()
                .map(|s| records.get(s.record as usize).offset)
                .collect()
        });
        Ok(Rows {
            offsets,
            columns: self.columns(rows)?,
        })
    }

    fn columns<'a>(&self, rows: &'a Batch) -> Result<Vec<Values<'a>>, FlushError> {
        let columns = self
            .fields
            .iter()
            .zip(&rows.columns)
            .map(|(f, c)| Values::new(f.logical_type, c));
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

/// Rows ready to be sent.
pub(crate) struct Rows<'a> {
    /// Of the records they came from, where the target wants to know.
    pub(crate) offsets: Option<Vec<i64>>,
    pub(crate) columns: Vec<Values<'a>>,
}

impl Rows<'_> {
    /// Appends the arrays.
    pub(crate) fn push<'p>(&'p self, parameters: &mut Parameters<'p>) {
        parameters.extend(self.offsets.iter().map(|o| o as &(dyn ToSql + Sync)));
        parameters.extend(self.columns.iter().map(|c| c as &(dyn ToSql + Sync)));
    }
}
