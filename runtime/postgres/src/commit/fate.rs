//! What became of the rows that a flush handed over: the flush itself does not say which of them
//! gave way to newer ones, as counting them would slow every flush down.

use std::time::Duration;

use gristmill_core::chain::Computed;
use gristmill_core::dedup::VersionKind;
use tokio::time::timeout;

use crate::commit::flush_error::FlushError;
use crate::commit::row_origin::RowOrigin;
use crate::commit::rows_sql::{RowsKind, RowsSql};
use crate::commit::sink::Sink;
use crate::commit::statement::Sql;
use crate::commit::target_shape::TargetShape;
use crate::table::identifier::{VERSION, quote};
use crate::wire::connection::Connection;

/// Looking them up takes milliseconds. The next flush must not wait for a server that takes longer.
const LOOK_MAX: Duration = Duration::from_secs(5);

/// What became of some rows. Those of new keys are not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fate {
    /// They took the place of older ones.
    pub won: u64,
    /// The table has newer versions of their keys, which happened earlier.
    pub lost: u64,
    /// The first of those that lost.
    pub lost_from: Option<i64>,
}

impl TargetShape<'_> {
    /// The question for it. `None`: the event time decides, or the place in the topic, neither of
    /// which begins anew.
    pub(crate) fn fate(&self) -> Option<Sql> {
        let kept = self.kept?;
        if self.roles.version.kind != VersionKind::OrderFirst {
            return None;
        }
        let stored = format!("t.{}", quote(VERSION));
        // An upsert locks the row that it replaces, and that stays to be seen in the new one.
        let was_there = match self.target.kind.as_str() {
            "r" | "p" => "t.xmax <> '0'",
            _ => "true",
        };
        let has_lost = format!(
            "pg_catalog.get_byte({stored}, 0) = {} and {stored} > u.v and \
             gristmill.event_time_of({stored}) < gristmill.event_time_of(u.v)",
            kept.rule
        );
        let rows = RowsSql::new(self, RowsKind::Plain);
        let text = format!(
            "select pg_catalog.count(*) filter (where {stored} = u.v and {was_there}), \
             pg_catalog.count(*) filter (where {has_lost}), \
             pg_catalog.min(gristmill.offset_of(u.v)) filter (where {has_lost}) \
             from (select {arrays}) as u join {table} as t on {on}",
            arrays = rows.unnested(),
            table = self.target.own_rows,
            on = self.on(),
        );
        Some(self.alone(&text, rows.arrays(), false))
    }
}

impl Sink {
    /// Looks up the rows of `batch`, which has committed, that come of the last records, `most` of
    /// them. `None`: there is nothing to learn.
    pub async fn fate(
        &self,
        connection: &mut Connection,
        origin: RowOrigin,
        batch: &Computed,
        most: usize,
    ) -> Result<Option<Fate>, FlushError> {
        let Some(fate) = self.fate.as_ref().filter(|_| batch.rows.rows.min(most) > 0) else {
            return Ok(None);
        };
        let mut last: Vec<u32> = (0..batch.rows.rows as u32).collect();
        if last.len() > most {
            let from_end = |row: &u32| std::cmp::Reverse(batch.sources[*row as usize]);
            last.select_nth_unstable_by_key(most, from_end);
            last.truncate(most);
        }
        let sources: Vec<_> = last
            .iter()
            .map(|&row| batch.sources[row as usize])
            .collect();
        let rows = batch.rows.take(&last);
        let rows = self.rows(origin, &batch.records, &sources, &rows, RowsKind::Plain)?;
        let values = self.row_values(&0, &0, &rows, false);
        connection.busy = true;
        let ask = async {
            let statement = connection.prepared(&fate.text, &fate.types).await?;
            connection.query_one(&statement, &values).await
        };
        let answer = timeout(LOOK_MAX, ask).await;
        // A session that still works for it is not used again.
        connection.busy = answer.is_err();
        let Ok(found) = answer else {
            return Ok(None);
        };
        let found = found?;
        let count = |at: usize| found.try_get::<_, i64>(at).map(i64::unsigned_abs);
        Ok(Some(Fate {
            won: count(0)?,
            lost: count(1)?,
            lost_from: found.try_get(2)?,
        }))
    }
}
