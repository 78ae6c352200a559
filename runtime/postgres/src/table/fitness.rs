//! Whether a table still keeps what is written to it: looked at while a pipeline runs.

use gristmill_core::dedup::Guard;
use gristmill_core::plan::Roles;
use tokio_postgres::Client;

use crate::table::catalogue::Catalogue;
use crate::table::filled_columns::FilledColumns;
use crate::table::target_table::TargetTable;
use crate::wire::database_error::DatabaseError;

/// What the last look at a table has found.
#[derive(Debug, Default)]
pub struct Fitness {
    /// The table as it was then, and for which revision.
    seen: Option<(i32, String)>,
    problem: Option<String>,
}

impl Fitness {
    /// Looks at `table`, which `revision` writes with `roles` under `guard`, and of which it has
    /// the columns `filled`: one query where nothing has changed. Returns what loses rows in
    /// silence or makes them wrong, as the start of the pipeline would say it; what Postgres itself
    /// refuses is left to the flush.
    pub async fn look(
        &mut self,
        client: &Client,
        table: &str,
        revision: i32,
        roles: &Roles,
        guard: Guard,
        filled: &FilledColumns,
    ) -> Result<Option<&str>, DatabaseError> {
        let found = client
            .query_one(include_str!("fingerprint.sql"), &[&table])
            .await
            .map_err(DatabaseError::query("look at the target table"))?;
        let seen = (revision, found.get(0));
        if self.seen.as_ref() != Some(&seen) {
            let target = TargetTable::load(client, table).await?;
            let mut found = target.map_or_else(Vec::new, |target| target.losses(roles, guard));
            if !filled.is_empty()
                && let Some(now) = Catalogue::load(client, table).await?
            {
                found.extend(filled.problem(table, &now));
            }
            self.problem = (!found.is_empty()).then(|| found.join("\n"));
            self.seen = Some(seen);
        }
        Ok(self.problem.as_deref())
    }
}
