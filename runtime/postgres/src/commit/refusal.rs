//! Finding the rows that Postgres refuses, and committing a batch that takes more than one
//! statement.

use gristmill_core::chain::Computed;

use crate::commit::flush_error::FlushError;
use crate::commit::lease::Lease;
use crate::commit::letter_arrays::Digests;
use crate::commit::parameters::FlushValues;
use crate::commit::row_origin::RowOrigin;
use crate::commit::row_writer::{RowWriter, WriterStatements, Written};
use crate::commit::sink::{Flushed, Sink};
use crate::commit::stale_rows::StaleRows;
use crate::commit::time_limit::in_time;
use crate::wire::connection::Connection;
use crate::wire::database_error::DatabaseError;

pub use crate::commit::refused_row::RefusedRow;

/// A batch that one statement could not commit.
#[derive(Clone, Copy)]
pub struct Unsettled<'a> {
    pub sink: &'a Sink,
    pub lease: &'a Lease,
    /// The offset at which it begins.
    pub from_offset: i64,
    pub batch: &'a Computed,
    /// The revision that computed it.
    pub revision: i32,
    pub digests: Digests<'a>,
    /// Whether code of the table's that asks to be tried again, or a statement that took too long,
    /// has been tried again in vain: then a row is to blame, if others pass.
    pub was_retried: bool,
}

/// What became of a batch that one statement could not commit.
#[derive(Debug)]
pub enum Settled {
    /// It is committed: in another order, or in parts, all rows pass.
    Committed(Flushed),
    /// Nothing was written. Perhaps these are not all: leave them out, flush, and ask again.
    Refused(Vec<RefusedRow>),
}

/// Commits a batch whose flush ended with [`FlushError::Refused`], or again and again with what is
/// [perhaps of a row](FlushError::is_perhaps_of_a_row), row by row where it must be, or finds rows
/// that Postgres refuses. The later of two that clash is the one.
///
/// First compares the target with what was validated: when it changed, [`FlushError::Halt`].
/// Another error says that no row is to blame, and quotes Postgres.
pub async fn settle(
    connection: &mut Connection,
    flush: Unsettled<'_>,
) -> Result<Settled, FlushError> {
    connection.busy = true;
    let settled = write_and_commit(connection, flush).await;
    connection.busy = settled.as_ref().is_err_and(FlushError::spoils_session);
    settled
}

async fn write_and_commit(
    connection: &mut Connection,
    unsettled: Unsettled<'_>,
) -> Result<Settled, FlushError> {
    let Unsettled {
        sink,
        lease,
        from_offset,
        batch,
        revision,
        digests,
        was_retried,
    } = unsettled;
    compare(connection, sink).await?;
    let statements = WriterStatements::prepare(connection, sink, batch).await?;
    let sql = &sink.statements.heeding.plain.flush;
    let flush = in_time(connection.prepared(&sql.text, &sql.types)).await??;
    let stale_rows = in_time(StaleRows::prepare(connection)).await??;
    let transaction = in_time(connection.transaction()).await??;
    let origin = RowOrigin::of(lease);
    let mut writer = RowWriter::new(&transaction, &statements, sink, origin, revision, batch);
    writer.was_retried = was_retried;
    let written = writer.write().await?;
    if !written.refused.is_empty() {
        in_time(transaction.rollback()).await??;
        return Ok(Settled::Refused(written.refused));
    }
    let values = FlushValues::new(lease, from_offset, batch, revision, digests);
    let values = values.dropping(written.dropped);
    let wanted_revision = sink
        .advance(&transaction, &flush, &values, batch, revision)
        .await?;
    in_time(transaction.commit()).await??;
    let stale_rows = in_time(stale_rows.take(connection))
        .await
        .unwrap_or_default();
    Ok(Settled::Committed(Flushed {
        wanted_revision,
        stale_rows,
    }))
}

/// Which rows Postgres would refuse.
#[derive(Debug)]
pub struct BlamedRows {
    /// Perhaps not all.
    pub refused: Vec<RefusedRow>,
    /// For each of the newest rows whether it passes beside the others that do.
    pub passed: Vec<bool>,
}

/// As [`settle`], but writes nothing.
pub async fn blame(
    connection: &mut Connection,
    sink: &Sink,
    origin: RowOrigin,
    batch: &Computed,
    revision: i32,
) -> Result<BlamedRows, FlushError> {
    connection.busy = true;
    let judged = judge(connection, sink, origin, batch, revision).await;
    connection.busy = judged.as_ref().is_err_and(FlushError::spoils_session);
    judged
}

async fn judge(
    connection: &mut Connection,
    sink: &Sink,
    origin: RowOrigin,
    batch: &Computed,
    revision: i32,
) -> Result<BlamedRows, FlushError> {
    compare(connection, sink).await?;
    let statements = WriterStatements::prepare(connection, sink, batch).await?;
    let transaction = in_time(connection.transaction()).await??;
    let mut writer = RowWriter::new(&transaction, &statements, sink, origin, revision, batch);
    writer.is_trial = true;
    let Written {
        refused, passed, ..
    } = writer.write().await?;
    in_time(transaction.rollback()).await??;
    Ok(BlamedRows { refused, passed })
}

async fn compare(connection: &Connection, sink: &Sink) -> Result<(), FlushError> {
    let changed = in_time(sink.target.changed(connection)).await?;
    match changed.map_err(flush_error)? {
        Some(reason) => Err(FlushError::Halt { reason }),
        None => Ok(()),
    }
}

fn flush_error(error: DatabaseError) -> FlushError {
    match error {
        DatabaseError::Query { source, .. } => source.into(),
        other => FlushError::Halt {
            reason: other.to_string(),
        },
    }
}
