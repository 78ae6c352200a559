//! The start path: partitions are taken in Postgres, and Kafka must still have what each checkpoint
//! says comes next.
//!
//! Any number of partitions costs the same few round trips: which topics they are of, where they
//! begin and end (Kafka), which revisions are to run (Postgres), the take (Postgres), and where
//! they begin and end now, with the record that each checkpoint read last, and whether the topics
//! are still the same (Kafka).

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, bail};
use gristmill_core::brake::Recent;
use gristmill_core::record::Records;
use gristmill_kafka::source::{self, Intake, feed};
use gristmill_kafka::{TopicId, TopicPartition};
use gristmill_postgres::commit::checkpoint::{LeftOut, PartitionState};
use gristmill_postgres::commit::gap::{Cause, Gap, accept_gap, halt_at_gap};
use gristmill_postgres::commit::lease::{self, Lease, TakeRequest, Taken, resume, take};
use gristmill_postgres::commit::vain_takes::VAIN_TAKES_MAX;
use gristmill_postgres::fleet::rollout;
use tokio::task::spawn_blocking;

use crate::definition::file::OnGap;
use crate::definition::revision::Revision;
use crate::handles::{Commits, HostedPipeline, Kafka};
use crate::partition::ended::CannotBegin;
use crate::partition::first_meeting::meet_topic;

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
    /// The topic that it reads, where the brokers give topics ids.
    pub topic_id: Option<TopicId>,
    pub next_offset: i64,
    /// Microseconds since the Unix epoch.
    pub event_time_max_us: Option<i64>,
    /// How many owners, this one among them, took it and have not moved it.
    pub takes: i32,
    /// What the limit on dead letters is taken over.
    pub recent: Recent,
    /// What was left out of late.
    pub left_out: LeftOut,
    /// Records below this offset are counted already.
    pub counted_below: i64,
    /// What it runs.
    pub revision: Arc<Revision>,
}

impl Ready {
    /// How the partition is to be fetched, and where its records come out.
    pub fn start(&self) -> (source::FetchStart, Intake) {
        let (feed, intake) = feed();
        let start = source::FetchStart {
            next_offset: self.next_offset,
            topic_id: self.topic_id.clone(),
            feed,
        };
        (start, intake)
    }
}

/// Takes partitions; the answers are in the order of `wanted`. The outer error concerns all of
/// them, an inner one its partition alone; either is transient unless it says otherwise: try again.
pub async fn take_partitions(wanted: &[PartitionWanted]) -> Result<Vec<Result<Begin>>> {
    let Some(PartitionWanted { pipeline, .. }) = wanted.first() else {
        return Ok(Vec::new());
    };
    let (kafka, commits) = (&pipeline.kafka, &pipeline.commits);
    for pipeline in pipelines(wanted) {
        meet_topic(pipeline).await?;
    }
    let topics = TopicIds::ask(kafka, wanted).await?;
    let bounds = offset_bounds(kafka, wanted.iter().map(|w| w.partition.clone())).await?;
    let revisions = load_revisions(commits, wanted).await?;
    let runnable = wanted.iter().zip(bounds).zip(revisions);
    let runnable = runnable.map(|((wanted, (low, high)), revision)| {
        Ok(Runnable {
            wanted,
            topic_id: topics.of(&wanted.partition),
            revision: revision?,
            start_offset: low,
            end_offset: high,
        })
    });
    let owned = take_runnable(commits, runnable.collect()).await?;
    // Asked after the take: until then the owner before may have gone on.
    let found = find_in_kafka(kafka, &owned).await?;
    // What was found in between is of these topics, if they are still the same.
    let still = TopicIds::ask(kafka, wanted).await?;
    resume_stopped(commits, &owned, &found).await?;
    let mut found = found.into_iter();
    let mut begins = Vec::new();
    for owned in owned {
        begins.push(match owned {
            Ok(owned) => {
                let found = found.next().context("kafka was not asked about it")?;
                still.begin(commits, owned, &found).await
            }
            Err(error) => Err(error),
        });
    }
    Ok(begins)
}

/// The pipelines of some partitions, each once.
fn pipelines(wanted: &[PartitionWanted]) -> impl Iterator<Item = &HostedPipeline> {
    let by_name = wanted.iter().map(|w| (w.pipeline.name(), &*w.pipeline));
    by_name.collect::<BTreeMap<_, _>>().into_values()
}

/// The ids of the topics of some partitions, where the brokers give any.
struct TopicIds(HashMap<Arc<str>, TopicId>);

impl TopicIds {
    async fn ask(kafka: &Arc<Kafka>, wanted: &[PartitionWanted]) -> Result<Self> {
        let topics = wanted.iter().map(|w| Arc::clone(&w.partition.topic));
        let topics: Vec<_> = topics.collect::<BTreeSet<_>>().into_iter().collect();
        let kafka = Arc::clone(kafka);
        let answer = spawn_blocking(move || {
            let names: Vec<&str> = topics.iter().map(|topic| &**topic).collect();
            let ids = kafka.admin.topic_ids(&names)?.into_iter();
            let known = topics.iter().cloned().zip(ids);
            anyhow::Ok(known.filter_map(|(topic, id)| Some((topic, id?))).collect())
        });
        answer.await?.context("cannot take partitions").map(Self)
    }

    fn of(&self, partition: &TopicPartition) -> Option<TopicId> {
        self.0.get(&partition.topic).cloned()
    }
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
    let pipelines: HashMap<_, _> = pipelines(wanted).map(|p| (p.name(), p)).collect();
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
    wanted: &'w PartitionWanted,
    topic_id: Option<TopicId>,
    revision: Arc<Revision>,
    /// The offset at which it begins when it has no checkpoint.
    start_offset: i64,
    /// The offset after the topic's last record.
    end_offset: i64,
}

impl Runnable<'_> {
    fn request(&self) -> TakeRequest {
        TakeRequest {
            key: self.wanted.pipeline.key(&self.wanted.partition),
            revision: self.revision.number,
            start_offset_if_new: self.start_offset,
            topic_id: self.topic_id.as_ref().map(ToString::to_string),
            end_offset: self.end_offset,
        }
    }
}

/// A partition that is this process's from here on.
struct Owned<'w> {
    runnable: Runnable<'w>,
    taken: Taken,
}

/// Takes those that this host can run, together.
async fn take_runnable<'w>(
    commits: &Commits,
    runnable: Vec<Result<Runnable<'w>>>,
) -> Result<Vec<Result<Owned<'w>>>> {
    let requests: Vec<_> = runnable.iter().flatten().map(Runnable::request).collect();
    let mut connection = commits.pool.get().await?;
    let taken = take(&mut connection, &requests, &commits.owner).await?;
    let mut taken = taken.into_iter();
    let owned = runnable.into_iter().map(|runnable| {
        let runnable = runnable?;
        let taken = taken.next().context("fewer leases than partitions")?;
        Ok(Owned { runnable, taken })
    });
    Ok(owned.collect())
}

/// What Kafka has of a partition now.
struct Found {
    low: i64,
    high: i64,
    /// The record that the checkpoint read last, where Kafka still has it.
    last: Option<Records>,
}

/// What Kafka has of the partitions that are owned, in their order.
async fn find_in_kafka(kafka: &Arc<Kafka>, owned: &[Result<Owned<'_>>]) -> Result<Vec<Found>> {
    let owned = || owned.iter().flatten();
    let partitions = || owned().map(|o| o.runnable.wanted.partition.clone());
    let bounds = offset_bounds(kafka, partitions()).await?;
    let last = partitions().zip(owned()).zip(&bounds);
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
        let records = kafka.admin.records_at(&last)?;
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

/// Partitions that stood still, and whose cause of that is gone, run again; one with a gap is
/// decided by [`TopicIds::begin`], and one that is paused by its worker.
async fn resume_stopped(
    commits: &Commits,
    owned: &[Result<Owned<'_>>],
    found: &[Found],
) -> Result<()> {
    let stopped = owned.iter().flatten().zip(found).filter(|(owned, found)| {
        let PartitionWanted {
            pipeline,
            partition,
        } = owned.runnable.wanted;
        let is_paused = pipeline.fleet.is_paused(partition.partition);
        let is_stopped = owned.taken.state != PartitionState::Running && !is_paused;
        is_stopped && owned.gap(found).is_none() && !owned.leaves_out()
    });
    let leases: Vec<&Lease> = stopped.map(|(owned, _)| &owned.taken.lease).collect();
    if leases.is_empty() {
        return Ok(());
    }
    resume(&*commits.pool.get().await?, &leases).await?;
    Ok(())
}

impl TopicIds {
    /// Decides how a partition that was taken begins, and records its gap.
    async fn begin(&self, commits: &Commits, mut owned: Owned<'_>, found: &Found) -> Result<Begin> {
        let partition = &owned.runnable.wanted.partition;
        if self.of(partition) != owned.runnable.topic_id {
            bail!("the topic of {partition} was created again at this moment");
        }
        if owned.is_of_another_topic() {
            owned.go_back(commits).await?;
        }
        if let Some(gap) = owned.gap(found)
            && let Some(reason) = owned.settle(commits, &gap).await?
        {
            let lease = owned.taken.lease;
            return Ok(Begin::Halt { lease, reason });
        }
        if owned.taken.takes > VAIN_TAKES_MAX {
            let reason = owned.died_of(partition);
            let lease = owned.taken.lease;
            return Ok(Begin::Halt { lease, reason });
        }
        if owned.leaves_out() {
            let reason = owned.taken.reason.unwrap_or_default();
            let (lease, code) = (owned.taken.lease, "new-log");
            let reason = CannotBegin { code, reason }.into();
            return Ok(Begin::Halt { lease, reason });
        }
        owned.let_be_left_out(commits, found.high).await?;
        let Owned { runnable, taken } = owned;
        Ok(Begin::Go(Ready {
            lease: taken.lease,
            topic_id: runnable.topic_id,
            next_offset: taken.next_offset,
            event_time_max_us: taken.event_time_max_us,
            takes: taken.takes,
            recent: taken.recent,
            left_out: taken.left_out,
            counted_below: taken.counted_below,
            revision: runnable.revision,
        }))
    }
}

impl Owned<'_> {
    /// The gap between the checkpoint and what Kafka has.
    fn gap(&self, found: &Found) -> Option<Gap> {
        let next_offset = self.taken.next_offset;
        let last = found.last.as_ref().and_then(Records::last);
        let is_another = |hash: i64| last.is_some_and(|r| r.hash() != hash);
        let cause = if self.is_of_another_topic() {
            Cause::Recreated
        } else if next_offset > found.high {
            Cause::Truncated
        } else if self
            .taken
            .last_record
            .is_some_and(|last| is_another(last.hash))
        {
            Cause::Recreated
        } else if next_offset < found.low {
            Cause::Retention
        } else {
            return None;
        };
        Some(Gap {
            from_offset: next_offset,
            to_offset: found.low,
            cause,
        })
    }

    /// Whether the topic has another id than the one that the checkpoint is of.
    fn is_of_another_topic(&self) -> bool {
        let known = self.taken.topic_id.as_deref();
        let has_another_id = |seen: &TopicId| known.is_some_and(|known| known != seen.as_str());
        self.runnable.topic_id.as_ref().is_some_and(has_another_id)
    }

    /// What this process wrote before it saw that the topic was created again may be of the new
    /// one: the checkpoint goes back to where it is surely of the topic before.
    async fn go_back(&mut self, commits: &Commits) -> Result<()> {
        let PartitionWanted {
            pipeline,
            partition,
        } = self.runnable.wanted;
        let sure_below = pipeline.standings.sure_below(partition);
        let Some(offset) = sure_below.filter(|offset| *offset < self.taken.next_offset) else {
            return Ok(());
        };
        let connection = commits.pool.get().await?;
        if !lease::read_again(&connection, &self.taken.lease, offset).await? {
            bail!("{partition} was taken by another process");
        }
        self.taken.next_offset = offset;
        self.taken.last_record = None;
        Ok(())
    }

    /// Whether it would leave out what it has halted for: nobody has resumed it since.
    fn leaves_out(&self) -> bool {
        let PartitionWanted {
            pipeline,
            partition,
        } = self.runnable.wanted;
        let steering = &pipeline.fleet.rollout().steering;
        let request = steering.request(partition.partition);
        let left_out = &self.taken.left_out;
        left_out.halts(self.runnable.revision.number, request)
    }

    /// Whoever resumes what halted for such rows has seen what the topic has by then.
    async fn let_be_left_out(&mut self, commits: &Commits, end_offset: i64) -> Result<()> {
        let left_out = &mut self.taken.left_out;
        let has_halted = left_out.halted == Some(self.runnable.revision.number);
        if !has_halted || left_out.until.is_some() {
            return Ok(());
        }
        left_out.until = Some(end_offset);
        let connection = commits.pool.get().await?;
        if !lease::let_be_left_out(&connection, &self.taken.lease, end_offset).await? {
            bail!(
                "{} was taken by another process",
                self.runnable.wanted.partition
            );
        }
        Ok(())
    }

    fn died_of(&self, partition: &TopicPartition) -> anyhow::Error {
        let offset = self.taken.next_offset;
        let reason = format!(
            "{partition}: {VAIN_TAKES_MAX} processes that took it at offset {offset} have ended \
             without moving it: a record there may need more memory than there is (a compressed \
             one is inflated before its size is known). Give the process more memory, or delete \
             the records up to it in Kafka and go on with `on_gap = \"continue\"`; `gristmill \
             resume` tries it once more"
        );
        let code = "owners-died";
        CannotBegin { code, reason }.into()
    }

    /// Records a gap. Returns why the partition must halt for it; else it goes on behind it.
    async fn settle(&mut self, commits: &Commits, gap: &Gap) -> Result<Option<anyhow::Error>> {
        let partition = &self.runnable.wanted.partition;
        let what = format!("{partition}: {}", gap.description());
        let mut connection = commits.pool.get().await?;
        let lease = &self.taken.lease;
        match self.runnable.revision.pipeline.config.source.on_gap {
            OnGap::Halt => {
                let reason = format!("{what}: {}", gap.way_out());
                halt_at_gap(&mut connection, lease, gap, &reason).await?;
                Ok(Some(
                    CannotBegin {
                        code: "gap",
                        reason,
                    }
                    .into(),
                ))
            }
            OnGap::Continue => {
                let by = "on_gap = continue";
                let topic_id = self.runnable.topic_id.as_ref().map(TopicId::as_str);
                if !accept_gap(&mut connection, lease, gap, topic_id, by).await? {
                    bail!("{partition} was taken by another process");
                }
                tracing::warn!("{what}: going on at offset {}", gap.to_offset);
                self.taken.next_offset = gap.to_offset;
                if gap.cause != Cause::Retention {
                    self.taken.event_time_max_us = None;
                    self.taken.lease.log += 1;
                    self.taken.counted_below = 0;
                }
                Ok(None)
            }
        }
    }
}
