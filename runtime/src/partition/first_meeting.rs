//! A pipeline that is read from the end of its topic on meets the topic for the first time.

use std::sync::Arc;

use anyhow::Result;
use gristmill_kafka::admin::AdminError;
use gristmill_kafka::{TopicId, TopicPartition};
use gristmill_postgres::commit::first_start;
use tokio::task::spawn_blocking;

use crate::definition::file::Start;
use crate::handles::HostedPipeline;

/// Begins a topic that is read from its end on and that nobody has met yet: all partitions at once,
/// so that no record between the first host's start and the last one's is passed over. What is not
/// there yet is read from its first record on, once it is: all of its records come from now on.
pub async fn meet_topic(pipeline: &HostedPipeline) -> Result<()> {
    let source = &pipeline.config.source;
    if source.start != Start::Latest {
        return Ok(());
    }
    let commits = &pipeline.commits;
    let (name, topic) = (pipeline.name(), &source.topic);
    if first_start::has_met(&*commits.pool.get().await?, name, topic).await? {
        return Ok(());
    }
    let (kafka, topic) = (
        Arc::clone(&pipeline.kafka),
        Arc::<str>::from(topic.as_str()),
    );
    let (id, begins) = spawn_blocking(move || {
        let partition = |number| TopicPartition::new(Arc::clone(&topic), number);
        let id = kafka.admin.topic_ids(&[&topic])?.into_iter().next();
        let partitions: Vec<_> = match kafka.admin.topic(&topic) {
            Ok(found) => found.partitions.into_iter().map(partition).collect(),
            // Each topic has that one.
            Err(AdminError::UnknownTopic { .. }) => return Ok((None, vec![(partition(0), 0)])),
            Err(error) => return Err(error),
        };
        let ends = kafka.admin.watermarks(&partitions)?.into_iter();
        let ends = partitions.into_iter().zip(ends.map(|(_, high)| high));
        Ok((id.flatten(), ends.collect()))
    })
    .await??;
    let begins = begins.iter().map(|(p, offset)| (pipeline.key(p), *offset));
    let begins: Vec<_> = begins.collect();
    let id = id.as_ref().map(TopicId::as_str);
    first_start::begin_at(&*commits.pool.get().await?, &commits.owner, id, &begins).await?;
    Ok(())
}
