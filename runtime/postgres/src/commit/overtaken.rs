//! Dead letters that come too late: the table has a newer row of their key, and does not know what
//! they say.

use gristmill_core::chain::Computed;
use tokio_postgres::{Statement, Transaction};

use crate::commit::commit_step::steps;
use crate::commit::flush_error::FlushError;
use crate::commit::refused_row::RefusedRow;
use crate::commit::row_origin::RowOrigin;
use crate::commit::rows_sql::{RowsKind, RowsSql};
use crate::commit::sink::Sink;
use crate::commit::statement::Sql;
use crate::commit::target_shape::TargetShape;
use crate::commit::time_limit::in_time;
use crate::table::identifier::{VERSION, quote};

/// How it is said of a dead letter that it came too late.
pub(crate) const OVERTAKEN: &str = "the table has a newer row of its key and does not know";

/// Rows of a batch that the table has newer ones of.
#[derive(Default)]
pub(crate) struct Overtaken {
    /// Those that have what the table does not know of the newer row: whether it still holds, only
    /// what came between them says.
    pub(crate) unknown: Vec<RefusedRow>,
    /// Whether a newer row came from a record of the same log and partition.
    pub(crate) is_by_own_log: bool,
}

impl TargetShape<'_> {
    /// What is unknown of rows that are newer than those of a batch, and whether they come from the
    /// same log and partition. `None`: the table cannot say so.
    pub(crate) fn overtaken(&self) -> Option<Sql> {
        if !self.tracks_absent() {
            return None;
        }
        let rows = RowsSql::new(self, RowsKind::Deleted);
        let alive = self.is_marked().map(|marked| format!(" and not {marked}"));
        let log = |version: &str| format!("pg_catalog.substr(gristmill.place_of({version}), 1, 8)");
        let is_of_log = format!("{} = {}", log(&format!("t.{}", quote(VERSION))), log("u.v"));
        let text = format!(
            "select u.n - 1, coalesce({unknown}, ''::bytea), coalesce({is_of_log}, false) from \
             (select pg_catalog.generate_subscripts(:v, 1) as n, {}) as u join {} as t on {} where \
             not ({}){}",
            rows.unnested(),
            self.target.own_rows,
            self.on(),
            self.guarded().stored("u.v", &self.event_time()),
            alive.unwrap_or_default(),
            unknown = self.later().unknown(),
        );
        Some(self.alone(&text, rows.arrays(), false))
    }
}

impl Sink {
    /// The rows of `batch` that the table has newer ones of.
    pub(crate) async fn overtaken(
        &self,
        transaction: &Transaction<'_>,
        statement: Option<&Statement>,
        origin: RowOrigin,
        batch: &Computed,
    ) -> Result<Overtaken, FlushError> {
        let Some(statement) = statement else {
            return Ok(Overtaken::default());
        };
        let mut overtaken = Overtaken::default();
        for step in steps(batch).filter(|step| !step.is_truncate && step.rows.rows > 0) {
            let (records, kind) = (&batch.records, RowsKind::Deleted);
            let rows = self.rows(origin, records, step.sources, step.rows, kind)?;
            let values = self.row_values(&0, &0, &rows, false);
            let newer = in_time(transaction.query(statement, &values)).await??;
            for found in &newer {
                let (row, bits): (i32, Vec<u8>) = (found.try_get(0)?, found.try_get(1)?);
                let row = row as usize;
                overtaken.is_by_own_log |= found.try_get::<_, bool>(2)?;
                let told = self.cells.present(step.rows, row, &bits);
                if self.cells.is_deleted(step.rows, row) || told.is_empty() {
                    continue;
                }
                let names: Vec<&str> = told.iter().map(|i| self.field_name(*i)).collect();
                overtaken.unknown.push(RefusedRow {
                    layer: step.layer,
                    row,
                    sqlstate: String::new(),
                    message: format!(
                        "{OVERTAKEN} {}, and the topic does not say whether what this event says \
                         still holds: make the source send the row once more (`gristmill absent \
                         FILE` says how), then discard this",
                        names.join(", ")
                    ),
                    subject: None,
                });
            }
        }
        Ok(overtaken)
    }
}
