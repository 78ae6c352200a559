//! What keeps rows that were deleted from coming back.

use std::sync::Arc;

use gristmill_core::chain::Delete;

use crate::commit::rows_sql::{RowsKind, RowsSql};
use crate::commit::statement::Sql;
use crate::commit::target_shape::TargetShape;
use crate::table::identifier::{OFFSET, PARTITION, VERSION, quote};

/// The statements about tombstones of a target.
#[derive(Clone, Debug)]
pub(crate) struct Tombstones {
    /// The table in `gristmill.target_table`.
    pub(crate) target: i32,
    /// Deletes the rows below those since the microsecond that it takes, or marks them as deleted.
    /// `None`: rows say nothing of that.
    pub(crate) sweep: Option<Arc<str>>,
    /// The rows of a batch whose key has no row, and perhaps had a tombstone.
    pub(crate) forgotten: Sql,
}

impl Tombstones {
    /// `None`: rows have no versions.
    pub(crate) fn new(shape: &TargetShape<'_>) -> Option<Self> {
        let kept = shape.kept?;
        let rows = RowsSql::new(shape, RowsKind::Deleted);
        // What was forgotten is not added to while this is looked at.
        let forgotten = format!(
            "select u.n - 1, z.forgotten_below::text from (select \
             pg_catalog.generate_subscripts(:v, 1) as n, {}) as u join (select z.forgotten_below \
             from gristmill.target_table as z where z.target = {} for share) as z on {} <= \
             z.forgotten_below and not exists (select from {} as t where {}) order by 1",
            rows.unnested(),
            kept.target,
            shape.event_time(),
            shape.target.own_rows,
            shape.on(),
        );
        Some(Self {
            target: kept.target,
            sweep: shape.sweep().map(Arc::from),
            forgotten: shape.alone(&forgotten, rows.arrays(), false),
        })
    }
}

impl TargetShape<'_> {
    /// What writes tombstones of those rows of `rows`, beside `and_checkpoint` in the from clause,
    /// for which `condition` holds; `are_first`: their keys have none. `None`: there are no
    /// versions.
    pub(crate) fn tombstones(
        &self,
        rows: &str,
        and_checkpoint: &str,
        condition: &str,
        are_first: bool,
    ) -> Option<String> {
        let kept = self.kept?;
        let raised = || {
            format!(
                "on conflict (target, key) do update set version = excluded.version, event_time = \
                 excluded.event_time, at = excluded.at where {}",
                self.guarded().versions("s.version", "excluded.version")
            )
        };
        Some(format!(
            include_str!("tombstone.sql"),
            target = kept.target,
            key = self.key_texts(),
            event_time = self.event_time(),
            rows = rows,
            and_checkpoint = and_checkpoint,
            condition = condition,
            on_conflict = match are_first {
                true => String::new(),
                false => raised(),
            },
        ))
    }

    /// Another session's statement may have read the tombstones before one was there, and have
    /// written an older row beside it.
    fn sweep(&self) -> Option<String> {
        let kept = self.kept?;
        let stored = format!("t.{}", quote(VERSION));
        let (table, of) = (&self.target.own_rows, "gristmill.tombstone as d");
        let (effect, alive) = match (self.delete, self.flag()) {
            (Delete::Hard, _) => (
                format!("delete from {table} as t using {of}"),
                String::new(),
            ),
            (Delete::Soft, None) => return None,
            (Delete::Soft, Some(flag)) => (
                format!(
                    "update {table} as t set {flag} = true{} from {of}",
                    self.buried()
                ),
                self.is_marked()
                    .map_or_else(String::new, |marked| format!(" and not {marked}")),
            ),
        };
        Some(format!(
            "{effect} where d.target = {} and d.at > timestamptz 'epoch' + $1::bigint * interval \
             '1 microsecond' and pg_catalog.get_byte(d.version, 0) = {} and {} and {stored} <> \
             d.version and {}{alive}",
            kept.target,
            kept.rule,
            self.on_tombstone(),
            self.guarded().versions(&stored, "d.version"),
        ))
    }

    /// What a row that is marked as deleted has of the tombstone `d`.
    pub(crate) fn buried(&self) -> String {
        let time = self.position(&self.roles.event_time);
        let time = time.and_then(|i| Some((self.column(i)?.name.as_str(), "d.event_time")));
        let provenance = [
            (PARTITION, "gristmill.partition_of(d.version)"),
            (OFFSET, "gristmill.offset_of(d.version)"),
            (VERSION, "d.version"),
        ];
        let provenance = provenance.into_iter().filter(|(name, _)| self.has(name));
        let set = time.into_iter().chain(provenance);
        set.map(|(name, value)| format!(", {} = {value}", quote(name)))
            .collect()
    }
}
