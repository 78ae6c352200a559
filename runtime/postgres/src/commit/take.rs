//! Taking a partition: whoever took it last owns it.

use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;

use crate::commit::checkpoint::{Checkpoint, Lease, PartitionKey, Taken};
use crate::wire::connect::Connection;
use crate::wire::error::DatabaseError;

/// How long taking waits for a flush of the previous owner before it ends that owner's session: a
/// flush in progress takes milliseconds.
const TAKE_LOCK_TIMEOUT: &str = "set local lock_timeout = '2s'";

/// Takes the partition for `owner`, which fences everybody who took it before, and returns the
/// truth about it. A partition without checkpoint starts at `start_offset_if_new`. A `topic_id` is
/// only stored where there is none.
///
/// A previous owner that froze inside a transaction holds the row: its session is ended, where this
/// role may do that (its own sessions, always).
pub async fn take(
    connection: &mut Connection,
    key: &PartitionKey,
    owner: &str,
    revision: i32,
    start_offset_if_new: i64,
    topic_id: Option<&str>,
) -> Result<Taken, DatabaseError> {
    let first = take_once(
        connection,
        key,
        owner,
        revision,
        start_offset_if_new,
        topic_id,
    )
    .await;
    let locked = |e: &DatabaseError| matches!(e, DatabaseError::Query { source, .. } if source.code() == Some(&SqlState::LOCK_NOT_AVAILABLE));
    match first {
        Err(error) if locked(&error) => {
            end_holder(connection, key).await?;
            take_once(
                connection,
                key,
                owner,
                revision,
                start_offset_if_new,
                topic_id,
            )
            .await
        }
        other => other,
    }
}

async fn take_once(
    connection: &mut Connection,
    key: &PartitionKey,
    owner: &str,
    revision: i32,
    start_offset_if_new: i64,
    topic_id: Option<&str>,
) -> Result<Taken, DatabaseError> {
    let failed = || DatabaseError::query("take the partition");
    let transaction = connection.transaction().await.map_err(failed())?;
    transaction
        .batch_execute(TAKE_LOCK_TIMEOUT)
        .await
        .map_err(failed())?;
    let old = "select revision from gristmill.checkpoint where pipeline = $1 and run = $2 and \
               topic = $3 and partition = $4 for update";
    let old = transaction
        .query_opt(old, &[&key.pipeline, &key.run, &key.topic, &key.partition])
        .await
        .map_err(failed())?;
    let take = "insert into gristmill.checkpoint as c (pipeline, run, topic, partition, topic_id, \
                next_offset, owner_epoch, owner, backend_pid, revision) values ($1, $2, $3, $4, \
                $5, $6, 1, $7, pg_backend_pid(), $8) on conflict (pipeline, run, topic, \
                partition) do update set owner_epoch = c.owner_epoch + 1, owner = excluded.owner, \
                backend_pid = excluded.backend_pid, revision = excluded.revision, topic_id = \
                coalesce(c.topic_id, excluded.topic_id) returning *";
    let parameters: [&(dyn ToSql + Sync); 8] = [
        &key.pipeline,
        &key.run,
        &key.topic,
        &key.partition,
        &topic_id,
        &start_offset_if_new,
        &owner,
        &revision,
    ];
    let row = transaction
        .query_one(take, &parameters)
        .await
        .map_err(failed())?;
    let checkpoint = Checkpoint::from_row(&row).map_err(failed())?;
    let old: Option<i32> = old.as_ref().map(|old| old.get(0));
    if old != Some(revision) {
        let activate = "insert into gristmill.activation (pipeline, run, topic, partition, \
                        from_offset, revision, by) values ($1, $2, $3, $4, $5, $6, \
                        coalesce((select taken_back_by from gristmill.revision where pipeline = \
                        $1 and revision = $8 and $8 > $6), (select by from gristmill.revision \
                        where pipeline = $1 and revision = $6), $7)) on conflict (pipeline, run, \
                        topic, partition, from_offset) do update set revision = \
                        excluded.revision, at = excluded.at, by = excluded.by";
        let parameters: [&(dyn ToSql + Sync); 8] = [
            &key.pipeline,
            &key.run,
            &key.topic,
            &key.partition,
            &checkpoint.next_offset,
            &revision,
            &owner,
            &old,
        ];
        transaction
            .execute(activate, &parameters)
            .await
            .map_err(failed())?;
    }
    transaction.commit().await.map_err(failed())?;
    Ok(taken(checkpoint))
}

/// Ends the session that holds the checkpoint's row: the row names its transaction, the lock table
/// the session.
async fn end_holder(connection: &mut Connection, key: &PartitionKey) -> Result<(), DatabaseError> {
    let failed = || {
        DatabaseError::query(
            "end the session of the partition's previous owner: it holds the checkpoint's row, \
             and this role may not end it",
        )
    };
    let end = "select a.pid, pg_terminate_backend(a.pid, 2000) from gristmill.checkpoint c join \
               pg_locks l on l.locktype = 'transactionid' and l.transactionid = c.xmax and \
               l.granted join pg_stat_activity a on a.pid = l.pid and a.application_name like \
               'gristmill/%' where c.pipeline = $1 and c.run = $2 and c.topic = $3 and \
               c.partition = $4 and a.pid <> pg_backend_pid()";
    let ended = connection
        .query(end, &[&key.pipeline, &key.run, &key.topic, &key.partition])
        .await
        .map_err(failed())?;
    for row in ended {
        let pid: i32 = row.get(0);
        tracing::warn!(
            topic = key.topic,
            partition = key.partition,
            pid,
            "ended the session of the partition's previous owner, which held its checkpoint"
        );
    }
    Ok(())
}

fn taken(checkpoint: Checkpoint) -> Taken {
    Taken {
        lease: Lease {
            key: checkpoint.key,
            owner_epoch: checkpoint.owner_epoch,
            revision: checkpoint.revision,
        },
        next_offset: checkpoint.next_offset,
        event_time_max_us: checkpoint.event_time_max_us,
        topic_id: checkpoint.topic_id,
        last_record: checkpoint.last_record,
        state: checkpoint.state,
        reason: checkpoint.reason,
    }
}
