//! The start path of a partition: take it in Postgres, and make sure that Kafka still has what the
//! checkpoint says comes next.

use std::sync::Arc;

use anyhow::{Context, Result, anyhow};

use crate::definition::file::{OnGap, Start};
use crate::definition::revision::Revision;
use crate::process::Shared;
use gristmill_kafka::TopicPartition;
use gristmill_postgres::commit::checkpoint::{
    Lease, PartitionKey, PartitionState, TakeRequest, Taken, record_hash, resume, take,
};
use gristmill_postgres::commit::gap::{accept_gap, halt_at_gap};

/// How a partition starts.
pub enum Begin {
    Go(Ready),
    /// Records are missing, or the topic is another one: a person must act.
    Halt {
        lease: Lease,
        reason: anyhow::Error,
    },
}

/// A partition that was taken.
pub struct Ready {
    pub lease: Lease,
    pub next_offset: i64,
    pub event_time_max_us: Option<i64>,
    /// What it runs.
    pub revision: Arc<Revision>,
}

/// What Kafka no longer has, and why.
struct Gap {
    cause: &'static str,
    to_offset: i64,
}

/// Causes, as stored in `gristmill.gap.cause`.
const RETENTION: &str = "retention";
const TRUNCATED: &str = "truncated";
const RECREATED: &str = "re-created";

impl Gap {
    fn said(&self, next_offset: i64) -> String {
        let to = self.to_offset;
        match self.cause {
            RETENTION => format!(
                "records {next_offset} to {to} (exclusive) are gone from the topic before they \
                 were read"
            ),
            TRUNCATED => format!(
                "the checkpoint is at {next_offset}, which is behind the topic's end: it was \
                 truncated or created again"
            ),
            _ => format!(
                "the last record before {next_offset} is not the one that was read there: the \
                 topic was created again"
            ),
        }
    }
}

/// Takes `partition`. An error is transient: try again.
pub async fn start(shared: &Arc<Shared>, partition: &TopicPartition) -> Result<Begin> {
    let (low, high) = watermarks(shared, partition).await?;
    let revision = shared.wanted_revision(partition.partition).await?;
    let config = &shared.config;
    let first = match config.source.start {
        Start::Earliest => low,
        Start::Latest => high,
    };
    let key = PartitionKey {
        pipeline: config.pipeline.name.clone(),
        run: shared.run,
        topic: partition.topic.to_string(),
        partition: partition.partition,
    };
    let request = TakeRequest {
        key,
        revision: revision.number,
        start_offset_if_new: first,
        topic_id: None,
    };
    let taken = {
        let mut connection = shared.pool.get().await?;
        take(&mut connection, &[request], &shared.owner).await?
    };
    let taken = taken.into_iter().next().context("nothing was taken")?;
    let Taken {
        lease,
        mut next_offset,
        event_time_max_us,
        ..
    } = taken.clone();
    if let Some(gap) = find_gap(shared, partition, &taken).await? {
        let mut connection = shared.pool.get().await?;
        let said = format!("{partition}: {}", gap.said(next_offset));
        match revision.pipeline.config.source.on_gap {
            OnGap::Halt => {
                let reason = anyhow!(
                    "{said}: restore the topic, or go on without those records with `on_gap = \
                     \"continue\"` under [source]"
                );
                halt_at_gap(
                    &mut connection,
                    &lease,
                    next_offset,
                    gap.to_offset,
                    gap.cause,
                    &reason.to_string(),
                )
                .await?;
                return Ok(Begin::Halt { lease, reason });
            }
            OnGap::Continue => {
                accept_gap(
                    &mut connection,
                    &lease,
                    next_offset,
                    gap.to_offset,
                    gap.cause,
                    "on_gap = continue",
                )
                .await?;
                tracing::warn!("{said}: going on at offset {}", gap.to_offset);
                next_offset = gap.to_offset;
            }
        }
    }
    if taken.state == PartitionState::Halted {
        resume(&*shared.pool.get().await?, &[&lease]).await?;
    }
    Ok(Begin::Go(Ready {
        lease,
        next_offset,
        event_time_max_us,
        revision,
    }))
}

async fn find_gap(
    shared: &Arc<Shared>,
    partition: &TopicPartition,
    taken: &Taken,
) -> Result<Option<Gap>> {
    // Asked after the take: until then the owner before may have gone on.
    let (low, high) = watermarks(shared, partition).await?;
    let next_offset = taken.next_offset;
    if next_offset > high {
        return Ok(Some(Gap {
            cause: TRUNCATED,
            to_offset: low,
        }));
    }
    if let Some(last) = taken.last_record.filter(|last| last.offset >= low) {
        let found = on_kafka(shared, partition, move |shared, p| {
            Ok(shared.admin.record_at(p, last.offset)?)
        })
        .await?;
        let hash = found
            .as_ref()
            .and_then(|r| r.first())
            .map(|r| record_hash(r.key, r.value));
        if hash.is_some_and(|hash| hash != last.hash) {
            return Ok(Some(Gap {
                cause: RECREATED,
                to_offset: low,
            }));
        }
    }
    if next_offset < low {
        return Ok(Some(Gap {
            cause: RETENTION,
            to_offset: low,
        }));
    }
    Ok(None)
}

async fn watermarks(shared: &Arc<Shared>, partition: &TopicPartition) -> Result<(i64, i64)> {
    on_kafka(shared, partition, |shared, p| {
        Ok(shared.admin.watermarks(p)?)
    })
    .await
}

/// Asks Kafka on a thread that may block.
async fn on_kafka<T: Send + 'static>(
    shared: &Arc<Shared>,
    partition: &TopicPartition,
    ask: impl FnOnce(&Shared, &TopicPartition) -> Result<T> + Send + 'static,
) -> Result<T> {
    let (shared, partition) = (Arc::clone(shared), partition.clone());
    let name = partition.to_string();
    tokio::task::spawn_blocking(move || ask(&shared, &partition))
        .await?
        .with_context(|| format!("{name}: cannot start"))
}
