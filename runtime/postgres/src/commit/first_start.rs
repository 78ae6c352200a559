//! Where the partitions of a topic begin that a pipeline reads from its end on.
//!
//! `start = "latest"` counts once: for the partitions that the topic has when the pipeline asks for
//! it first. One that is added later begins with its first record, and so does a topic that was not
//! there then.

use tokio_postgres::Client;
use tokio_postgres::types::Type;

use crate::commit::checkpoint::PartitionKey;
use crate::wire::database_error::DatabaseError;
use crate::wire::placeholder::{self, Named};

/// Whether the pipeline has a checkpoint of the topic, in any run.
pub async fn has_met(client: &Client, pipeline: &str, topic: &str) -> Result<bool, DatabaseError> {
    let sql = r"
        select exists (
          select from gristmill.checkpoint where pipeline = :pipeline and topic = :topic
        )";
    let parameters: [Named<'_>; 2] = [
        ("pipeline", Type::TEXT, &pipeline),
        ("topic", Type::TEXT, &topic),
    ];
    let row = placeholder::query_one(client, sql, &parameters).await;
    Ok(row
        .map_err(DatabaseError::query("look for checkpoints"))?
        .get(0))
}

/// Begins all partitions of a topic, each at its offset, for whoever takes them. Does nothing when
/// the pipeline has met the topic meanwhile.
pub async fn begin_at(
    client: &Client,
    owner: &str,
    topic_id: Option<&str>,
    begins: &[(PartitionKey, i64)],
) -> Result<u64, DatabaseError> {
    let Some((
        PartitionKey {
            pipeline,
            run,
            topic,
            ..
        },
        _,
    )) = begins.first()
    else {
        return Ok(0);
    };
    let partitions: Vec<i32> = begins.iter().map(|(key, _)| key.partition).collect();
    let offsets: Vec<i64> = begins.iter().map(|(_, offset)| *offset).collect();
    // Revision 0: none has run yet, so the take writes from which offset on its own does. A topic
    // in the place of another has offsets of its own, as `take.sql` says.
    let sql = r"
        insert into gristmill.checkpoint (
          pipeline, run, topic, partition, topic_id, next_offset,
          owner_epoch, owner, backend_pid, revision, log
        )
        select
          :pipeline, :run, :topic, p.number, :topic_id, p.next_offset,
          0, :owner, pg_catalog.pg_backend_pid(), 0,
          gristmill.log_of_topic(:pipeline, :topic, :topic_id)
        from unnest(:partitions, :offsets) as p (number, next_offset)
        where not exists (
          select from gristmill.checkpoint where pipeline = :pipeline and topic = :topic
        )
        on conflict do nothing";
    let parameters: [Named<'_>; 7] = [
        ("pipeline", Type::TEXT, pipeline),
        ("run", Type::INT8, run),
        ("topic", Type::TEXT, topic),
        ("topic_id", Type::TEXT, &topic_id),
        ("owner", Type::TEXT, &owner),
        ("partitions", Type::INT4_ARRAY, &partitions),
        ("offsets", Type::INT8_ARRAY, &offsets),
    ];
    placeholder::execute(client, sql, &parameters)
        .await
        .map_err(DatabaseError::query("begin a topic at its end"))
}
