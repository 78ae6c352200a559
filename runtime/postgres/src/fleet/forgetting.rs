//! Forgetting a pipeline: nothing of it stays but its table, with the rows' versions.

use tokio_postgres::Transaction;

use crate::fleet::host::ALIVE;
use crate::wire::connection::Connection;
use crate::wire::database_error::DatabaseError;

/// What has rows of a pipeline, in an order in which none refers to what is gone.
const TABLES: [&str; 10] = [
    "shadow",
    "file",
    "steering",
    "host",
    "activation",
    "gap",
    "dead_letter",
    "checkpoint",
    "revision",
    "pipeline",
];

/// Rows stay, with versions of these logs: a topic that comes in the place of one that is gone must
/// not have its number, or its first records lose to those rows, and one that is read again must.
const KEEP_LOGS: &str = "
    update gristmill.target_table z
    set forgotten_logs = (
      select coalesce(pg_catalog.jsonb_object_agg(f.id, f.log), '{}'::jsonb)
      from (
        select l.id, pg_catalog.max(l.log) as log
        from (
          select coalesce(c.topic_id, ''::text) as id, c.log
          from gristmill.checkpoint c
          where c.pipeline = p.pipeline
          union all
          select o.key, o.value::int
          from pg_catalog.jsonb_each_text(z.forgotten_logs) as o
        ) as l
        group by l.id
      ) as f
    )
    from gristmill.pipeline p
    where p.pipeline = $1 and p.target = z.name";

/// What became of a pipeline that was to be forgotten.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Forgetting {
    /// There is none of that name.
    Unknown,
    /// It stays, as this process runs it.
    Runs { host: String },
    /// It is forgotten, with so many checkpoints and dead letters.
    Forgotten { partitions: u64, letters: u64 },
}

/// Forgets all of `pipeline` but what it wrote into its table, unless a process runs it.
pub async fn forget(
    connection: &mut Connection,
    pipeline: &str,
) -> Result<Forgetting, DatabaseError> {
    let failed = || DatabaseError::query("forget the pipeline");
    let transaction = connection.transaction().await.map_err(failed())?;
    let forgetting = forget_in(&transaction, pipeline).await.map_err(failed())?;
    transaction.commit().await.map_err(failed())?;
    Ok(forgetting)
}

async fn forget_in(
    transaction: &Transaction<'_>,
    pipeline: &str,
) -> Result<Forgetting, tokio_postgres::Error> {
    // A process that starts waits here, and registers it anew.
    let alone = "select from gristmill.pipeline where pipeline = $1 for update";
    if transaction.query_opt(alone, &[&pipeline]).await?.is_none() {
        return Ok(Forgetting::Unknown);
    }
    let running = format!(
        "select host from gristmill.host where pipeline = $1 and {ALIVE} order by host limit 1"
    );
    if let Some(row) = transaction.query_opt(&running, &[&pipeline]).await? {
        let host = row.get(0);
        return Ok(Forgetting::Runs { host });
    }
    transaction.execute(KEEP_LOGS, &[&pipeline]).await?;
    let (mut partitions, mut letters) = (0, 0);
    for table in TABLES {
        let delete = format!("delete from gristmill.{table} where pipeline = $1");
        let deleted = transaction.execute(&delete, &[&pipeline]).await?;
        match table {
            "checkpoint" => partitions = deleted,
            "dead_letter" => letters = deleted,
            _ => {}
        }
    }
    Ok(Forgetting::Forgotten {
        partitions,
        letters,
    })
}
