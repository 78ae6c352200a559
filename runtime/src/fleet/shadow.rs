//! The staged revision beside the live one: it computes what the live chain computes, nothing of it
//! is written, and what differs is reported.

use std::sync::Arc;

use anyhow::Result;
use gristmill_core::chain::{Chain, Computed, Uncomputed};
use gristmill_core::record::Records;

use crate::definition::revision::Revision;
use crate::fleet::difference::Difference;
use crate::handles::HostedPipeline;
use crate::handles::partition_log::log_partition;
use gristmill_kafka::TopicPartition;
use gristmill_postgres::fleet::shadow_report::{self, Report};

/// The staged revision's chain for one partition.
pub(crate) struct Shadow {
    revision: Arc<Revision>,
    chain: Chain,
}

/// The staged revision's chain cannot be made on this host.
pub(crate) struct NotStarted {
    revision: i32,
    error: anyhow::Error,
}

/// What a batch's comparison found: how many rows, and what differs or why there is nothing to
/// compare.
pub(crate) struct Compared {
    revision: i32,
    next_offset: i64,
    rows: u64,
    outcome: Result<Difference, String>,
}

impl Shadow {
    /// The shadow that the fleet asks for now; `known` when it is that one. `None` also where the
    /// staged revision is not ready here: the host's own answer tells whoever staged it. The
    /// error is that it does not start.
    pub(crate) fn wanted(
        known: Option<Self>,
        pipeline: &HostedPipeline,
        partition: &TopicPartition,
    ) -> Result<Option<Self>, NotStarted> {
        let rollout = pipeline.fleet.rollout();
        let staging = rollout.staging.filter(|_| rollout.is_shadowed);
        if known.as_ref().map(|k| k.revision.number) == staging {
            return Ok(known);
        }
        let Some(revision) = staging.and_then(|staging| pipeline.fleet.revisions.get(staging))
        else {
            return Ok(None);
        };
        match revision.pipeline.chain(partition.partition, None) {
            Ok(chain) => Ok(Some(Self { revision, chain })),
            Err(error) => Err(NotStarted {
                revision: revision.number,
                error,
            }),
        }
    }

    /// Computes `records` with both chains, the shadow first, as the live one remembers.
    pub(crate) fn compute(
        &mut self,
        live: &mut Chain,
        records: Records,
        now_us: i64,
    ) -> Result<(Computed, Compared), Uncomputed> {
        let taught = self
            .revision
            .pipeline
            .schemas()
            .teach(&mut self.chain, &records);
        let shadow = match taught {
            Ok(()) => self
                .chain
                .rehearse(live, records.clone(), now_us)
                .map_err(|uncomputed| format!("{:#}", anyhow::Error::from(*uncomputed.fault))),
            Err(error) => Err(error.to_string()),
        };
        let computed = live.compute(records, now_us)?;
        let outcome = match shadow {
            Ok(shadow) => {
                let key = &self.revision.pipeline.roles().key;
                Ok(Difference::between(&computed, &shadow, key))
            }
            Err(why) => Err(why),
        };
        let compared = Compared {
            revision: self.revision.number,
            next_offset: computed.next_offset,
            rows: computed.counts.rows + computed.counts.dead_letters,
            outcome,
        };
        Ok((computed, compared))
    }
}

impl NotStarted {
    /// Ends the run: whoever asked for it waits for rows that never come.
    pub(crate) async fn report(
        self,
        pipeline: &HostedPipeline,
        partition: &TopicPartition,
        from: i64,
    ) {
        let compared = Compared {
            revision: self.revision,
            next_offset: from,
            rows: 0,
            outcome: Err(format!("it does not start: {:#}", self.error)),
        };
        compared.report(pipeline, partition).await;
    }
}

impl Compared {
    /// Stores what was found for whoever asked. What could not be stored is lost, and made up for
    /// by the batches after it.
    pub(crate) async fn report(self, pipeline: &HostedPipeline, partition: &TopicPartition) {
        if let Err(error) = self.try_report(pipeline, partition).await {
            let what = "cannot report what the shadow run found";
            log_partition!(warn, pipeline, partition, "{what}: {error:#}");
        }
    }

    async fn try_report(self, pipeline: &HostedPipeline, partition: &TopicPartition) -> Result<()> {
        let outcome = match self.outcome {
            Ok(difference) => Ok(serde_json::to_value(difference)?),
            Err(error) => Err(error),
        };
        let report = Report {
            pipeline: pipeline.name(),
            revision: self.revision,
            topic: &partition.topic,
            partition: partition.partition,
            next_offset: self.next_offset,
            rows: self.rows as i64,
            outcome,
        };
        Ok(shadow_report::report(&*pipeline.commits.pool.get().await?, &report).await?)
    }
}
