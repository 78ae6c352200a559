//! A batch through the chain, and what becomes of the worker when it fails.

use anyhow::Error;
use gristmill_core::chain::{Chain, Computed, Uncomputed};
use gristmill_core::dead_letter::DeadLetter;
use gristmill_core::record::Records;
use jiff::Timestamp;

use super::fallback::{Failure, Fallback};
use super::shadow::Shadow;
use super::{Ended, Worker};

impl Worker {
    pub(super) async fn compute(&mut self) -> Result<Computed, Ended> {
        let records = self.open.take();
        let wanted = Shadow::wanted(self.shadow.take(), &self.shared, &self.partition);
        let shadow = match wanted {
            Ok(shadow) => shadow,
            Err(not_started) => {
                let (shared, partition) = (&self.shared, &self.partition);
                not_started
                    .report(shared, partition, self.next_offset)
                    .await;
                None
            }
        };
        let Some(mut shadow) = shadow else {
            let work = |chain: &mut Chain, now_us| chain.compute(records, now_us);
            return self.chain(work).await;
        };
        let mut compared = None;
        let work = |chain: &mut Chain, now_us| {
            let computed = shadow.compute(chain, records, now_us)?;
            compared = Some(computed.1);
            Ok(computed.0)
        };
        let computed = self.chain(work).await?;
        self.shadow = Some(shadow);
        if let Some(compared) = compared {
            compared.report(&self.shared, &self.partition).await;
        }
        Ok(computed)
    }

    /// Lets the chain work, away from the tasks that wait for sockets.
    pub(super) async fn chain(
        &mut self,
        work: impl FnOnce(&mut Chain, i64) -> Result<Computed, Uncomputed>,
    ) -> Result<Computed, Ended> {
        let now_us = Timestamp::now().as_microsecond();
        let chain = &mut self.chain;
        let computed = match tokio::task::block_in_place(|| work(chain, now_us)) {
            Ok(computed) => computed,
            Err(Uncomputed { records, fault }) => {
                let error = Error::from(*fault);
                return Err(self.batch_failed(&records, error).await);
            }
        };
        if let Err(error) = self.ratio.check(&computed.counts) {
            return Err(self.batch_failed(&computed.records, error).await);
        }
        let failed = computed.dead_letters.iter().filter(|l| !l.is_declared());
        let failed: Vec<DeadLetter> = failed.cloned().collect();
        self.rows_failed(&computed.records, &failed).await?;
        Ok(computed)
    }

    /// Halts, unless the revision before takes over.
    async fn batch_failed(&mut self, records: &Records, error: Error) -> Ended {
        let (failure, why) = (Failure::Batch(&self.ratio), format!("{error:#}"));
        match self.fallback().take(records, failure, &why).await {
            Some(went_back) => Ended::Restart(went_back),
            None => Ended::Halt(error),
        }
    }

    /// Goes on, the rows being dead letters, unless the revision before takes over.
    pub(super) async fn rows_failed(
        &mut self,
        records: &Records,
        failed: &[DeadLetter],
    ) -> Result<(), Ended> {
        let Some(first) = failed.first() else {
            return Ok(());
        };
        let offset = records.get(first.record as usize).offset;
        let why = format!("{}@{offset}: {}", self.partition, first.message);
        let taken = self
            .fallback()
            .take(records, Failure::Rows(failed), &why)
            .await;
        taken.map_or(Ok(()), |went_back| Err(Ended::Restart(went_back)))
    }

    fn fallback(&self) -> Fallback<'_> {
        Fallback {
            shared: &self.shared,
            partition: &self.partition,
            running: &self.revision,
            event_time_max_us: self.chain.event_time_max_us(),
        }
    }
}
