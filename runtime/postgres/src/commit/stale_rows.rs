//! How many rows the guard turned away. They are counted in a setting of the session, by the guard
//! itself: where it turns none away, that costs nothing. Postgres takes the count back with what is
//! rolled back.

use std::sync::{Arc, LazyLock};

use tokio_postgres::{Client, Error, Statement};

use crate::wire::connection::Connection;

/// Counts a row. Is false.
pub(crate) const COUNTED: &str = "pg_catalog.set_config('gristmill.stale_rows', \
     (coalesce(nullif(pg_catalog.current_setting('gristmill.stale_rows', true), ''), '0')::int8 \
     + 1)::text, false) is null";

/// The count, which begins anew. No row: none was counted.
static TAKE: LazyLock<Arc<str>> = LazyLock::new(|| {
    "select n::int8, pg_catalog.set_config('gristmill.stale_rows', '', false) \
     from (select pg_catalog.current_setting('gristmill.stale_rows', true) as n) as counted \
     where n <> ''"
        .into()
});

/// What takes the count of a session.
pub(crate) struct StaleRows(Statement);

impl StaleRows {
    pub(crate) async fn prepare(connection: &mut Connection) -> Result<Self, Error> {
        connection.prepared(&TAKE, &[]).await.map(Self)
    }

    /// The rows that were turned away since the last call. To be sent after the commit, which has
    /// been made whatever becomes of this: what cannot be told is 0.
    pub(crate) async fn take(&self, client: &Client) -> u64 {
        let counted = client.query_opt(&self.0, &[]).await.ok().flatten();
        let counted = counted.and_then(|row| row.try_get::<_, i64>(0).ok());
        counted.unwrap_or_default().unsigned_abs()
    }
}
