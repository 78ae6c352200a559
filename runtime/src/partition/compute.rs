//! A batch through the chain, and what becomes of the worker when it fails.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Error;
use gristmill_core::chain::{Chain, Computed, KeysRead, Moment, Uncomputed};
use gristmill_core::dead_letter::DeadLetter;
use gristmill_core::policy::{Action, action};
use gristmill_core::record::Records;
use gristmill_postgres::commit::row_origin::RowOrigin;
use gristmill_postgres::letters::letter_sample;
use jiff::Timestamp;
use tokio::time::timeout;

use crate::fleet::fallback::{Failed, FailedPart, Fallback};
use crate::fleet::shadow::Shadow;
use crate::partition::ended::Ended;
use crate::partition::worker::Worker;

/// How long a halt waits for the sample of what caused it to be stored.
const SAMPLE_WAIT: Duration = Duration::from_secs(2);

impl Worker {
    /// Computes the open batch, as far as its schemas are known; `None`: they are on their way.
    /// Where the fleet asks for a shadow run the staged revision computes it, too.
    pub(super) async fn compute(&mut self) -> Result<Option<Computed>, Ended> {
        let Some(records) = self.readable() else {
            return Ok(None);
        };
        let now_us = Timestamp::now().as_microsecond();
        let computed = match self.shadow_run().await {
            None => {
                let work = |chain: &mut Chain| chain.compute(records, now_us);
                self.run_chain(&[], work).await
            }
            Some(shadow) => self.compute_beside(shadow, records, now_us).await,
        };
        computed.map(Some)
    }

    /// The shadow run that the fleet asks for now. One that cannot start ends here.
    async fn shadow_run(&mut self) -> Option<Shadow> {
        let (pipeline, partition) = (&self.pipeline, &self.partition);
        match Shadow::wanted(self.shadow.take(), pipeline, partition) {
            Ok(shadow) => shadow,
            Err(not_started) => {
                let report = not_started.report(pipeline, partition, self.next_offset);
                report.await;
                None
            }
        }
    }

    /// Computes the batch by both revisions, and reports how they differ.
    async fn compute_beside(
        &mut self,
        mut shadow: Shadow,
        records: Records,
        now_us: i64,
    ) -> Result<Computed, Ended> {
        let mut compared = None;
        let work = |chain: &mut Chain| {
            let computed = shadow.compute(chain, records, now_us)?;
            compared = Some(computed.1);
            Ok(computed.0)
        };
        let computed = self.run_chain(&[], work).await?;
        self.shadow = Some(shadow);
        if let Some(compared) = compared {
            compared.report(&self.pipeline, &self.partition).await;
        }
        Ok(computed)
    }

    /// Computes the batch that was in flight without the rows that Postgres refused.
    pub(super) async fn compute_without(
        &mut self,
        computed: Computed,
        refused: Vec<DeadLetter>,
    ) -> Result<Computed, Ended> {
        let known = computed.dead_letters.clone();
        let work = |chain: &mut Chain| chain.exclude(computed, refused);
        self.run_chain(&known, work).await
    }

    /// Computes the batch that is to be flushed with what it wants of the table, which is as the
    /// last commit left it.
    pub(super) async fn with_stored(&mut self, mut computed: Computed) -> Result<Computed, Ended> {
        while let Some(wanted) = &computed.wanted {
            let (pool, sink) = (&self.pipeline.commits.pool, &self.revision.sink);
            let origin = RowOrigin::of(&self.lease);
            let mut connection = pool.get().await.map_err(|e| Ended::Restart(e.into()))?;
            let records = &computed.records;
            let stored = sink.stored(&mut connection, origin, records, wanted).await;
            let stored = stored.map_err(|error| match action(&error.fault()) {
                Action::Halt => Ended::Halt(error.into()),
                Action::Restart | Action::RetryInPlace => Ended::Restart(error.into()),
            })?;
            drop(connection);
            let read = KeysRead::joined(computed.read.take(), stored.read);
            let work =
                |chain: &mut Chain| chain.with_stored(computed, &stored.cells, &stored.older);
            computed = self.run_chain(&[], work).await?;
            computed.read = read;
        }
        Ok(computed)
    }

    /// Computes the next batch as it was computed before.
    pub(super) async fn compute_again(&mut self, ahead: Computed) -> Result<Computed, Ended> {
        let now_us = ahead.moment.now_us;
        let known = match ahead.wanted {
            None => ahead.dead_letters,
            Some(_) => Vec::new(),
        };
        let work = |chain: &mut Chain| chain.compute(ahead.records, now_us);
        self.run_chain(&known, work).await
    }

    /// Lets the chain work, away from the tasks that wait for sockets. The revision before is asked
    /// about what fails, but not about `known`: it was asked about those when the same batch was
    /// computed before.
    async fn run_chain(
        &mut self,
        known: &[DeadLetter],
        work: impl FnOnce(&mut Chain) -> Result<Computed, Uncomputed>,
    ) -> Result<Computed, Ended> {
        let chain = &mut self.chain;
        let computed = match tokio::task::block_in_place(|| work(chain)) {
            Ok(computed) => computed,
            Err(uncomputed) => {
                let Uncomputed {
                    records,
                    moment,
                    fault,
                } = uncomputed;
                let error = Error::from(*fault);
                return Err(self.batch_failed(&records, moment, &[], error).await);
            }
        };
        // Enrichers may refuse a row of which half is not known yet: what counts is what they say
        // once it has been read.
        if computed.wanted.is_some() {
            return Ok(computed);
        }
        let Computed {
            records,
            moment,
            dead_letters,
            ..
        } = &computed;
        let row = |l: &DeadLetter| (l.record, l.ordinal);
        let known: HashSet<_> = known.iter().map(row).collect();
        let is_new = |l: &&DeadLetter| !l.is_declared() && !known.contains(&row(l));
        let failed: Vec<&DeadLetter> = dead_letters.iter().filter(is_new).collect();
        self.rows_failed(records, *moment, &failed).await?;
        if let Err(error) = self.brake.check(&computed.counts) {
            let error = error.explained(records, dead_letters).into();
            let ended = self
                .batch_failed(records, *moment, dead_letters, error)
                .await;
            if let Ended::Halt(_) = ended {
                self.keep_sample(records, dead_letters).await;
            }
            return Err(ended);
        }
        Ok(computed)
    }

    /// Stores some of the letters that the batch is refused for: who looks for them must find some.
    fn keep_sample<'a>(
        &self,
        records: &'a Records,
        letters: &'a [DeadLetter],
    ) -> impl Future<Output = ()> + use<'a> {
        let (pipeline, revision) = (Arc::clone(&self.pipeline), Arc::clone(&self.revision));
        let lease = self.lease.clone();
        async move {
            let digests = |stage: &_| revision.pipeline.digest(stage);
            let stored = async {
                let client = pipeline.commits.pool.get().await?;
                let number = revision.number;
                letter_sample::store(&client, &lease, records, letters, number, &digests).await
            };
            let stored = timeout(SAMPLE_WAIT, stored).await;
            if let Err(why) = stored
                .map_err(|_| "no answer".to_owned())
                .and_then(|stored| stored.map_err(|error| format!("{:#}", Error::from(error))))
            {
                let key = &lease.key;
                tracing::warn!(
                    pipeline = key.pipeline,
                    topic = key.topic,
                    partition = key.partition,
                    "no sample of the dead letters: {why}"
                );
            }
        }
    }

    /// Halts, unless the revision before takes over.
    async fn batch_failed(
        &mut self,
        records: &Records,
        moment: Moment,
        letters: &[DeadLetter],
        error: Error,
    ) -> Ended {
        let failed = Failed {
            records,
            moment,
            part: FailedPart::Batch {
                brake: &self.brake,
                letters,
                error: &error,
            },
        };
        match self.fallback().take(&failed).await {
            Some(went_back) => Ended::Restart(went_back),
            None => Ended::Halt(error),
        }
    }

    /// Goes on, the rows being dead letters, unless the revision before takes over.
    async fn rows_failed(
        &mut self,
        records: &Records,
        moment: Moment,
        letters: &[&DeadLetter],
    ) -> Result<(), Ended> {
        if letters.is_empty() {
            return Ok(());
        }
        let failed = Failed {
            records,
            moment,
            part: FailedPart::Rows(letters),
        };
        let taken = self.fallback().take(&failed).await;
        taken.map_or(Ok(()), |went_back| Err(Ended::Restart(went_back)))
    }

    fn fallback(&self) -> Fallback<'_> {
        Fallback {
            pipeline: &self.pipeline,
            partition: &self.partition,
            running: &self.revision,
        }
    }
}
