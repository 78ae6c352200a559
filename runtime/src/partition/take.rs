//! The start path: partitions are taken in Postgres, and Kafka must still have what each checkpoint
//! says comes next.
//!
//! Any number of partitions costs the same few round trips: where they begin and end (Kafka), which
//! revisions are to run (Postgres), the take (Postgres), and where they begin and end now, with the
//! record that each checkpoint read last (Kafka).

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::{Context, Result, anyhow};
use gristmill_core::record::Records;
use gristmill_kafka::TopicPartition;
use gristmill_postgres::commit::checkpoint::{PartitionKey, PartitionState, record_hash};
use gristmill_postgres::commit::gap::{accept_gap, halt_at_gap};
use gristmill_postgres::commit::lease::{Lease, TakeRequest, Taken, resume, take};
use gristmill_postgres::fleet::rollout;
use tokio::task::spawn_blocking;

use crate::definition::file::{OnGap, Start};
use crate::definition::revision::Revision;
use crate::handles::{Commits, HostedPipeline, Kafka};

/// A partition to be taken, and the pipeline that reads it. All of one call share a consumer.
#[derive(Clone)]
pub struct PartitionWanted {
    pub pipeline: Arc<HostedPipeline>,
    pub partition: TopicPartition,
}

/// How a partition begins.
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
    /// Microseconds since the Unix epoch.
    pub event_time_max_us: Option<i64>,
    /// What it runs.
    pub revision: Arc<Revision>,
}

/// Takes partitions; the answers are in the order of `wanted`. The outer error concerns all of
/// them, an inner one its partition alone; either is transient unless it says otherwise: try again.
pub async fn take_partitions(wanted: &[PartitionWanted]) -> Result<Vec<Result<Begin>>> {
    let Some(PartitionWanted { pipeline, .. }) = wanted.first() else {
        return Ok(Vec::new());
    };
    let (kafka, commits) = (&pipeline.kafka, &pipeline.commits);
    let bounds = offset_bounds(kafka, wanted.iter().map(|w| w.partition.clone())).await?;
    let revisions = load_revisions(commits, wanted).await?;
    let (runnable, mut begins) = runnable(wanted, &bounds, revisions);
    let taken = take_runnable(commits, runnable).await?;
    // Asked after the take: until then the owner before may have gone on.
    let found = find_in_kafka(kafka, &taken).await?;
    resume_halted(commits, &taken, &found).await?;
    for (taken, found) in taken.into_iter().zip(found) {
        let at = taken.runnable.at;
        begins[at] = Some(begin(commits, taken, &found).await);
    }
    Ok(begins.into_iter().flatten().collect())
}

/// The first offset that Kafka has of each partition, and the one after its last.
async fn offset_bounds(
    kafka: &Arc<Kafka>,
    partitions: impl Iterator<Item = TopicPartition>,
) -> Result<Vec<(i64, i64)>> {
    let (kafka, partitions) = (Arc::clone(kafka), partitions.collect::<Vec<_>>());
    let answer = spawn_blocking(move || kafka.admin.watermarks(&partitions)).await?;
    answer.context("cannot take partitions")
}

/// The revision that each partition is to run, loaded. The inner error says what keeps this host
/// from running it.
async fn load_revisions(
    commits: &Commits,
    wanted: &[PartitionWanted],
) -> Result<Vec<Result<Arc<Revision>>>> {
    let pipelines: HashMap<&str, &HostedPipeline> = wanted
        .iter()
        .map(|w| (w.pipeline.name(), &*w.pipeline))
        .collect();
    let names: Vec<&str> = pipelines.keys().copied().collect();
    let rollouts = rollout::read_all(&*commits.pool.get().await?, &names).await?;
    for (name, rollout) in &rollouts {
        if let Some(pipeline) = pipelines.get(name.as_str()) {
            pipeline.fleet.update(rollout.clone());
        }
    }
    let mut revisions = Vec::new();
    for PartitionWanted {
        pipeline,
        partition,
    } in wanted
    {
        revisions.push(match rollouts.get(pipeline.name()) {
            Some(rollout) => {
                let number = rollout.wanted(partition.partition);
                pipeline.fleet.revisions.load(number).await
            }
            None => Err(anyhow!("the pipeline {} is gone", pipeline.name())),
        });
    }
    Ok(revisions)
}

/// A partition whose revision this host can run.
struct Runnable<'w> {
    /// Its place among all that are wanted.
    at: usize,
    wanted: &'w PartitionWanted,
    revision: Arc<Revision>,
    /// The offset at which it begins when it has no checkpoint.
    start_offset: i64,
}

/// Those that can run; and the answers to all, of which only refusals are known.
fn runnable<'w>(
    wanted: &'w [PartitionWanted],
    bounds: &[(i64, i64)],
    revisions: Vec<Result<Arc<Revision>>>,
) -> (Vec<Runnable<'w>>, Vec<Option<Result<Begin>>>) {
    let mut runnable = Vec::new();
    let mut begins = Vec::new();
    for (at, ((wanted, (low, high)), revision)) in
        wanted.iter().zip(bounds).zip(revisions).enumerate()
    {
        begins.push(match revision {
            Err(error) => Some(Err(error)),
            Ok(revision) => {
                let start_offset = match wanted.pipeline.config.source.start {
                    Start::Earliest => *low,
                    Start::Latest => *high,
                };
                runnable.push(Runnable {
                    at,
                    wanted,
                    revision,
                    start_offset,
                });
                None
            }
        });
    }
    (runnable, begins)
}

/// A partition that is this process's from here on.
struct Owned<'w> {
    runnable: Runnable<'w>,
    taken: Taken,
}

async fn take_runnable<'w>(
    commits: &Commits,
    runnable: Vec<Runnable<'w>>,
) -> Result<Vec<Owned<'w>>> {
    let request = |r: &Runnable<'_>| TakeRequest {
        key: PartitionKey {
            pipeline: r.wanted.pipeline.name().to_owned(),
            run: r.wanted.pipeline.run,
            topic: r.wanted.partition.topic.to_string(),
            partition: r.wanted.partition.partition,
        },
        revision: r.revision.number,
        start_offset_if_new: r.start_offset,
        topic_id: None,
    };
    let requests: Vec<_> = runnable.iter().map(request).collect();
    let mut connection = commits.pool.get().await?;
    let taken = take(&mut connection, &requests, &commits.owner).await?;
    let owned = runnable.into_iter().zip(taken);
    Ok(owned
        .map(|(runnable, taken)| Owned { runnable, taken })
        .collect())
}

/// What Kafka has of a partition now.
struct Found {
    low: i64,
    high: i64,
    /// The record that the checkpoint read last, where Kafka still has it.
    last: Option<Records>,
}

async fn find_in_kafka(kafka: &Arc<Kafka>, owned: &[Owned<'_>]) -> Result<Vec<Found>> {
    let partitions = || owned.iter().map(|o| o.runnable.wanted.partition.clone());
    let bounds = offset_bounds(kafka, partitions()).await?;
    let last = partitions().zip(owned).zip(&bounds);
    let last: Vec<_> = last
        .filter_map(|((partition, owned), (low, high))| {
            let offset = owned.taken.last_record?.offset;
            (*low..*high)
                .contains(&offset)
                .then_some((partition, offset))
        })
        .collect();
    let kafka = Arc::clone(kafka);
    let (wanted, records) = spawn_blocking(move || {
        let records = kafka.admin.records_within(&last)?;
        anyhow::Ok((last, records))
    })
    .await??;
    let mut records: HashMap<_, _> = wanted.into_iter().map(|(p, _)| p).zip(records).collect();
    let found = partitions()
        .zip(bounds)
        .map(|(partition, (low, high))| Found {
            low,
            high,
            last: records.remove(&partition).flatten(),
        });
    Ok(found.collect())
}

/// Partitions whose cause of the halt is gone run again; one with a gap is decided by [`begin`].
async fn resume_halted(commits: &Commits, owned: &[Owned<'_>], found: &[Found]) -> Result<()> {
    let halted = owned.iter().zip(found).filter(|(owned, found)| {
        owned.taken.state == PartitionState::Halted && gap(&owned.taken, found).is_none()
    });
    let leases: Vec<&Lease> = halted.map(|(owned, _)| &owned.taken.lease).collect();
    if leases.is_empty() {
        return Ok(());
    }
    resume(&*commits.pool.get().await?, &leases).await?;
    Ok(())
}

/// Decides how a partition that was taken begins, and records its gap.
async fn begin(commits: &Commits, owned: Owned<'_>, found: &Found) -> Result<Begin> {
    let Owned { runnable, taken } = owned;
    let gap = gap(&taken, found);
    let partition = &runnable.wanted.partition;
    let (lease, from) = (taken.lease, taken.next_offset);
    let mut next_offset = from;
    if let Some(gap) = gap {
        let Gap { cause, to_offset } = gap;
        let what = format!("{partition}: {}", gap.description(from));
        let mut connection = commits.pool.get().await?;
        match runnable.revision.pipeline.config.source.on_gap {
            OnGap::Halt => {
                let reason = anyhow!(
                    "{what}: restore the topic, or go on without those records with `on_gap = \
                     \"continue\"` under [source]"
                );
                let text = reason.to_string();
                halt_at_gap(&mut connection, &lease, from, to_offset, cause, &text).await?;
                return Ok(Begin::Halt { lease, reason });
            }
            OnGap::Continue => {
                let by = "on_gap = continue";
                accept_gap(&mut connection, &lease, from, to_offset, cause, by).await?;
                tracing::warn!("{what}: going on at offset {to_offset}");
                next_offset = to_offset;
            }
        }
    }
    Ok(Begin::Go(Ready {
        lease,
        next_offset,
        event_time_max_us: taken.event_time_max_us,
        revision: runnable.revision,
    }))
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

/// The gap between a checkpoint and what Kafka has.
fn gap(taken: &Taken, found: &Found) -> Option<Gap> {
    let next_offset = taken.next_offset;
    let last = found.last.as_ref().and_then(Records::last);
    let is_another = |hash: i64| last.is_some_and(|r| record_hash(r.key, r.value) != hash);
    let cause = if next_offset > found.high {
        TRUNCATED
    } else if taken.last_record.is_some_and(|last| is_another(last.hash)) {
        RECREATED
    } else if next_offset < found.low {
        RETENTION
    } else {
        return None;
    };
    Some(Gap {
        cause,
        to_offset: found.low,
    })
}

impl Gap {
    fn description(&self, next_offset: i64) -> String {
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
