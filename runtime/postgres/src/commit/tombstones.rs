//! What keeps rows that were deleted for good from coming back.

use std::sync::Arc;

use crate::commit::rows_sql::{RowsKind, RowsSql};
use crate::commit::statement::Sql;
use crate::commit::target_shape::TargetShape;
use crate::table::identifier::{VERSION, quote};

/// The statements about tombstones of a target.
#[derive(Clone, Debug)]
pub(crate) struct Tombstones {
    /// The table in `gristmill.target_table`.
    pub(crate) target: i32,
    /// Deletes the rows below those of the last two minutes.
    pub(crate) sweep: Arc<str>,
    /// The rows of a batch whose key has no row, and perhaps had a tombstone.
    pub(crate) forgotten: Sql,
}

impl Tombstones {
    /// `None`: nothing of this target is deleted for good.
    pub(crate) fn new(shape: &TargetShape<'_>) -> Option<Self> {
        let kept = shape.kept.filter(|_| shape.reads_tombstones())?;
        let stored = format!("t.{}", quote(VERSION));
        // Another session's statement may have read the tombstones before this one was there, and
        // have written an older row beside it: for two minutes, longer than any statement takes.
        let sweep = format!(
            "delete from {} as t using gristmill.tombstone as d where d.target = {} and d.at > \
             pg_catalog.now() - interval '2 minutes' and \
             pg_catalog.get_byte(d.version, 0) = {} and {} and {stored} <> d.version and {}",
            shape.target.sql_name,
            kept.target,
            kept.rule,
            shape.on_tombstone(),
            shape.guarded().versions(&stored, "d.version"),
        );
        let rows = RowsSql::new(shape, RowsKind::Deleted);
        let forgotten = format!(
            "select u.n - 1, z.forgotten_below::text from (select \
             pg_catalog.generate_subscripts(:v, 1) as n, {}) as u join gristmill.target_table as z \
             on z.target = {} where {} <= z.forgotten_below and not exists (select from {} as t \
             where {}) order by 1",
            rows.unnested(),
            kept.target,
            shape.event_time(),
            shape.target.sql_name,
            shape.on(),
        );
        Some(Self {
            target: kept.target,
            sweep: sweep.into(),
            forgotten: shape.alone(&forgotten, rows.arrays(), false),
        })
    }
}
