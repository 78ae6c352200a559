//! Who changed what a pipeline runs, when and why, and from which offsets.

use jiff::Timestamp;
use tokio_postgres::{Client, Row};

use crate::fleet::definition_store::StoredRevision;
use crate::wire::database_error::DatabaseError;

/// A revision, and when it was made.
#[derive(Clone, Debug)]
pub struct DatedRevision {
    pub at: Timestamp,
    pub based_on: Option<i32>,
    /// The revision that it took a rule back from.
    pub restores: Option<i32>,
    /// Who made it as Postgres knew them, where it was noted.
    pub session_user: Option<String>,
    pub revision: StoredRevision,
}

/// A change of one partition's revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Activation {
    pub at: Timestamp,
    pub run: i64,
    pub topic: String,
    pub partition: i32,
    pub from_offset: i64,
    pub revision: i32,
    pub by: String,
}

/// All revisions, oldest first.
pub async fn revisions(
    client: &Client,
    pipeline: &str,
) -> Result<Vec<DatedRevision>, DatabaseError> {
    let sql = r"
        select revision, spec, state, reason, by, at, based_on, restores,
          session_user_name
        from gristmill.revision
        where pipeline = $1
        order by revision";
    let rows = client
        .query(sql, &[&pipeline])
        .await
        .map_err(DatabaseError::query("read the revisions"))?;
    let made = |row: &Row| DatedRevision {
        at: row.get(5),
        based_on: row.get(6),
        restores: row.get(7),
        session_user: row.get(8),
        revision: StoredRevision {
            revision: row.get(0),
            spec: row.get(1),
            state: row.get(2),
            reason: row.get(3),
            by: row.get(4),
        },
    };
    Ok(rows.iter().map(made).collect())
}

/// All activations, oldest first.
pub async fn activations(
    client: &Client,
    pipeline: &str,
) -> Result<Vec<Activation>, DatabaseError> {
    let sql = r"
        select at, run, topic, partition, from_offset, revision, by
        from gristmill.activation
        where pipeline = $1
        order by at, run, topic, partition, from_offset";
    let rows = client
        .query(sql, &[&pipeline])
        .await
        .map_err(DatabaseError::query("read the activations"))?;
    let activation = |row: &Row| Activation {
        at: row.get(0),
        run: row.get(1),
        topic: row.get(2),
        partition: row.get(3),
        from_offset: row.get(4),
        revision: row.get(5),
        by: row.get(6),
    };
    Ok(rows.iter().map(activation).collect())
}

/// Counts the target's rows by the revision that wrote them, where it has `_gm_revision`. `table`
/// is its name as SQL.
pub async fn rows_by_revision(
    client: &Client,
    table: &str,
) -> Result<Vec<(i32, i64)>, DatabaseError> {
    let sql = format!(
        r"
        select _gm_revision, count(*)
        from {table}
        where _gm_revision is not null
        group by _gm_revision
        order by _gm_revision"
    );
    let rows = client
        .query(&sql, &[])
        .await
        .map_err(DatabaseError::query("count the target's rows by revision"))?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}
