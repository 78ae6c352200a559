//! Going back by itself: what fails is shown to the revision that was active before, and where that accepts it the whole pipeline goes back.
//!
//! Declared rejections are findings about the data and never the cause; nor is data that fails with both.

use std::sync::Arc;

use anyhow::{Context, Result, bail};
use gristmill_core::chain::Computed;
use gristmill_core::dead_letter::DeadLetter;
use gristmill_core::record::Records;
use jiff::Timestamp;

use crate::kafka::TopicPartition;
use crate::postgres::blame::blame;
use crate::postgres::{activation, rollout};
use crate::revision::Revision;
use crate::supervisor::Shared;

use super::ratio::Ratio;

/// Failed rows of one batch that the other revision is shown: it is to be found out whether the rule is at fault, not for how many.
const SHOWN_MAX: usize = 32;

/// What failed, of one batch.
pub(super) enum Failure<'a> {
    /// All of it: a component is at fault, or too much would become dead letters.
    Batch(&'a Ratio),
    /// These rows.
    Rows(&'a [DeadLetter]),
}

/// Whom to ask.
pub(super) struct Fallback<'a> {
    pub(super) shared: &'a Arc<Shared>,
    pub(super) partition: &'a TopicPartition,
    pub(super) running: &'a Revision,
    /// Of what has committed, microseconds.
    pub(super) event_time_max_us: Option<i64>,
}

impl Fallback<'_> {
    /// Makes the revision before active again when it accepts what failed, and says so; `None`: it does not, or there is none to go back to.
    pub(super) async fn take(
        &self,
        records: &Records,
        failure: Failure<'_>,
        why: &str,
    ) -> Option<anyhow::Error> {
        match self.try_take(records, failure, why).await {
            Ok(went_back) => went_back,
            Err(error) => {
                tracing::warn!(partition = %self.partition, "cannot tell whether the revision before accepts what fails: {error:#}");
                None
            }
        }
    }

    async fn try_take(
        &self,
        records: &Records,
        failure: Failure<'_>,
        why: &str,
    ) -> Result<Option<anyhow::Error>> {
        let running = self.running.number;
        let Some(number) = self.number().await? else {
            return Ok(None);
        };
        let before = self.shared.revisions.load(number).await?;
        let accepts = match failure {
            Failure::Batch(ratio) => {
                let computed = self.compute(&before, records.clone());
                computed.is_ok_and(|c| ratio.check(&c.counts).is_ok())
            }
            Failure::Rows(letters) => self.accepts_one(&before, records, letters).await?,
        };
        if !accepts {
            return Ok(None);
        }
        let why = format!("rolled back by itself: {why}, which revision {number} accepts");
        let (pipeline, client) = (
            &self.shared.config.pipeline.name,
            self.shared.pool.get().await?,
        );
        // A canary is not active yet: its partition goes back.
        let canary = activation::give_up(&client, pipeline, running, &why).await?;
        let done =
            canary || activation::roll_back(&client, pipeline, running, number, &why).await?;
        if let Some(stands) = rollout::read(&client, pipeline).await? {
            self.shared.learned(stands);
        }
        let what = if done {
            "is rolled back"
        } else {
            "is no longer active"
        };
        Ok(Some(anyhow::anyhow!("revision {running} {what}: {why}")))
    }

    /// The revision to ask. What this process knows may be a second old.
    async fn number(&self) -> Result<Option<i32>> {
        let (partition, running) = (self.partition.partition, self.running.number);
        let known = self.shared.rollout.borrow().clone();
        if known.wanted(partition) == running {
            return Ok(known.fallback(partition, running));
        }
        let pipeline = &self.shared.config.pipeline.name;
        let stands = rollout::read(&*self.shared.pool.get().await?, pipeline).await?;
        Ok(stands.and_then(|s| s.fallback(partition, running)))
    }

    /// Whether `before` makes of a record that failed what Postgres takes.
    async fn accepts_one(
        &self,
        before: &Revision,
        records: &Records,
        letters: &[DeadLetter],
    ) -> Result<bool> {
        let mut failed: Vec<_> = letters.iter().map(|l| l.record as usize).collect();
        failed.dedup();
        failed.truncate(SHOWN_MAX);
        let Ok(computed) = self.compute(before, records.select(failed.iter().copied())) else {
            return Ok(false);
        };
        let mut refused: Vec<u32> = computed.dead_letters.iter().map(|l| l.record).collect();
        let (sink, partition) = (&before.sink, self.partition.partition);
        if !computed.sources.is_empty() {
            let mut connection = self.shared.pool.get().await?;
            let rows = blame(&mut connection, sink, partition, &computed, before.number).await?;
            refused.extend(rows.iter().map(|row| computed.sources[row.row].record));
        }
        Ok((0..failed.len() as u32).any(|record| !refused.contains(&record)))
    }

    /// A state of its own, empty: it shows more rows to the rules than the live one would, never fewer.
    fn compute(&self, before: &Revision, records: Records) -> Result<Computed> {
        if records.is_empty() {
            bail!("there is nothing to compute");
        }
        let chain = before
            .pipeline
            .chain(self.partition.partition, self.event_time_max_us);
        let mut chain = chain.context("its chain does not start")?;
        let now_us = Timestamp::now().as_microsecond();
        let computed = tokio::task::block_in_place(|| chain.compute(records, now_us));
        Ok(computed.map_err(|batch| batch.fault)?)
    }
}
