//! Going back by itself: a batch of which something fails is shown to the revision that was active
//! before, and where that accepts what failed the whole pipeline goes back.
//!
//! Declared rejections are findings about the data and never the cause; nor is data that fails with
//! both.

use anyhow::{Error, Result};
use gristmill_core::brake::DeadLetterBrake;
use gristmill_core::chain::Moment;
use gristmill_core::dead_letter::{DeadLetter, Stage};
use gristmill_core::record::Records;
use serde_json::json;

use crate::definition::pipeline::Pipeline;
use crate::definition::revision::Revision;
use crate::definition::spec::Spec;
use crate::handles::HostedPipeline;
use crate::handles::partition_log::log_partition;
use gristmill_kafka::TopicPartition;
use gristmill_postgres::fleet::{activation, rollout};

use super::trial::Trial;

/// A batch, and what failed of it.
pub(crate) struct Failed<'a> {
    pub(crate) records: &'a Records,
    pub(crate) moment: Moment,
    pub(crate) part: FailedPart<'a>,
}

/// What failed of a batch.
pub(crate) enum FailedPart<'a> {
    /// All of it: a component is at fault, or too much, `letters`, would become dead letters.
    Batch {
        brake: &'a DeadLetterBrake,
        letters: &'a [DeadLetter],
        error: &'a Error,
    },
    /// These rows.
    Rows(&'a [&'a DeadLetter]),
}

/// Whom to ask.
pub(crate) struct Fallback<'a> {
    pub(crate) pipeline: &'a HostedPipeline,
    pub(crate) partition: &'a TopicPartition,
    pub(crate) running: &'a Revision,
}

impl Fallback<'_> {
    /// Makes the revision before active again when it accepts what failed, and says so; `None`: it
    /// does not, or there is none to go back to.
    pub(crate) async fn take(&self, failed: &Failed<'_>) -> Option<Error> {
        match self.try_take(failed).await {
            Ok(went_back) => went_back,
            Err(error) => {
                log_partition!(
                    warn,
                    self.pipeline,
                    self.partition,
                    "cannot tell whether the revision before accepts what fails: {error:#}"
                );
                None
            }
        }
    }

    async fn try_take(&self, failed: &Failed<'_>) -> Result<Option<Error>> {
        let Some(number) = self.number().await? else {
            return Ok(None);
        };
        let before = self.pipeline.fleet.revisions.load(number).await?;
        let Some(why) = self.accepted(&before, failed).await? else {
            return Ok(None);
        };
        let why = format!("{why}, which revision {number} accepts");
        self.go_back(number, &why).await.map(Some)
    }

    /// What failed and `before` accepts; `None`: nothing.
    async fn accepted(&self, before: &Revision, failed: &Failed<'_>) -> Result<Option<String>> {
        let (records, moment) = (failed.records, failed.moment);
        let trial = || Trial::new(before, self.partition.partition, records, moment);
        match &failed.part {
            FailedPart::Batch {
                brake,
                letters,
                error,
            } => {
                let accepts = trial().is_some_and(|t| t.is_within(brake, letters));
                Ok(accepts.then(|| format!("{error:#}")))
            }
            FailedPart::Rows(letters) => {
                let undoable = undoable(&self.running.pipeline, &before.pipeline);
                let letters: Vec<_> = letters.iter().copied().filter(undoable).collect();
                if letters.is_empty() {
                    return Ok(None);
                }
                let Some(trial) = trial() else {
                    return Ok(None);
                };
                let accepted = trial
                    .accepted(&letters, &self.pipeline.commits.pool)
                    .await?;
                Ok(accepted.map(|letter| {
                    let offset = records.get(letter.record as usize).offset;
                    format!("{}@{offset}: {}", self.partition, letter.message)
                }))
            }
        }
    }

    /// The revision to ask. What this process knows may be a second old.
    async fn number(&self) -> Result<Option<i32>> {
        let (partition, running) = (self.partition.partition, self.running.number);
        let known = self.pipeline.fleet.rollout();
        if known.wanted(partition) == running {
            return Ok(known.fallback(partition, running));
        }
        let pipeline = &self.pipeline.config.pipeline.name;
        let rollout = rollout::read(&*self.pipeline.commits.pool.get().await?, pipeline).await?;
        Ok(rollout.and_then(|r| r.fallback(partition, running)))
    }

    async fn go_back(&self, number: i32, why: &str) -> Result<Error> {
        let running = self.running.number;
        let (pipeline, client) = (
            &self.pipeline.config.pipeline.name,
            self.pipeline.commits.pool.get().await?,
        );
        let reason = format!("rolled back by itself: {why}");
        // A canary is not active yet: its partition goes back.
        let canary = activation::give_up(&client, pipeline, running, &reason).await?;
        let done =
            canary || activation::roll_back(&client, pipeline, running, number, &reason).await?;
        if let Some(rollout) = rollout::read(&client, pipeline).await? {
            self.pipeline.fleet.update(rollout);
        }
        let what = if done {
            "is rolled back"
        } else {
            "is no longer active"
        };
        Ok(anyhow::anyhow!("revision {running} {what}: {why}"))
    }
}

/// Tells dead letters that may be a rule's fault. Most bad data is found by the host itself, in the
/// records and in what the normalizer makes of their event times: with the same normalizer both
/// revisions find the same, and nothing needs to be computed to know it. Limits on the data that
/// differ were changed on purpose.
fn undoable(running: &Pipeline, before: &Pipeline) -> impl Fn(&&DeadLetter) -> bool + use<> {
    let [running, before] = [running, before].map(Pipeline::spec);
    let limits = |s: &Spec| json!([s.pipeline, s.tombstone, s.record_max_bytes]);
    let normalizer = |s: &Spec| json!([s.transforms.first(), s.dimensions]);
    let by_normalizer =
        limits(&running) == limits(&before) && normalizer(&running) != normalizer(&before);
    move |letter| match letter.stage {
        Stage::Decode | Stage::EventTime => by_normalizer,
        Stage::Transform(_) | Stage::Sink => true,
    }
}
