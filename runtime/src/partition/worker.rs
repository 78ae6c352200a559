//! One partition's worker: it owns the chain, the open batch and the lease, and is the only one who
//! writes for the partition.
//!
//! The loop, in the order of its priorities:
//! 1. told to stop: wait briefly for the flush in flight, drop the rest (Kafka has it still);
//! 2. a flush came back: the dedup state learns, the bytes are released, Kafka gets its hint;
//! 3. records arrived: they join the open batch;
//! 4. the open batch has waited long enough.
//!
//! A flush begins when none is in flight and records wait ([`Open::is_due`]). While one is in
//! flight a full batch is computed ahead, as if the pending one had committed; if that does not,
//! the one ahead is thrown away with the worker.

use std::sync::Arc;
use std::time::Duration;

use gristmill_core::brake::DeadLetterBrake;
use gristmill_core::chain::{Chain, Computed};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::definition::revision::Revision;
use crate::partition::take::Ready;
use crate::process::Shared;
use gristmill_kafka::TopicPartition;
use gristmill_kafka::source::{Chunk, Intake, resumes_below};
use gristmill_postgres::commit::checkpoint::Lease;
use gristmill_postgres::fleet::rollout::Rollout;

use super::flush::{Flight, Landed};
use super::open_batch::Open;
use crate::fleet::shadow::Shadow;

/// How long a worker that must stop waits for its flush in flight. Above a slow disk's fsync, below
/// what an operator who pressed Ctrl-C or a rebalance can bear.
const STOP_WAIT: Duration = Duration::from_secs(3);

/// A source that stops ends the feeds first and tells the workers right after.
const STOP_NOTICE: Duration = Duration::from_millis(200);

/// Why a worker ended.
#[derive(Debug)]
pub enum Ended {
    /// It was told to.
    Stopped,
    /// Take the partition again through the start path: what committed is in the checkpoint.
    Restart(anyhow::Error),
    /// A person must act.
    Halt(anyhow::Error),
}

/// See the module.
pub struct Worker {
    pub(super) shared: Arc<Shared>,
    pub(super) partition: TopicPartition,
    pub(super) lease: Lease,
    pub(super) chain: Chain,
    /// What the chain was made by.
    pub(super) revision: Arc<Revision>,
    /// What the next batch is to be computed by.
    pub(super) next: Option<Arc<Revision>>,
    pub(super) open: Open,
    /// Computed and waiting for the flush in flight.
    pub(super) ahead: Option<Computed>,
    pub(super) flight: Option<Flight>,
    /// Where the next flush starts; what the checkpoint says.
    pub(super) next_offset: i64,
    pub(super) ratio: DeadLetterBrake,
    /// Where the fleet stands, as this process hears of it: a second late at most.
    pub(super) news: watch::Receiver<Rollout>,
    /// What is computed beside, to be compared.
    pub(super) shadow: Option<Shadow>,
}

impl Worker {
    pub fn new(
        shared: Arc<Shared>,
        partition: TopicPartition,
        ready: Ready,
    ) -> anyhow::Result<Self> {
        let Ready {
            lease,
            next_offset,
            event_time_max_us,
            revision,
        } = ready;
        let chain = revision
            .pipeline
            .chain(partition.partition, event_time_max_us)?;
        let target = &shared.config.target;
        let open = Open::new(
            target.max_rows,
            target.linger_rows,
            resumes_below(shared.config.source.queued_max_bytes),
            Duration::from_millis(target.linger_ms),
        );
        let ratio = DeadLetterBrake::new(shared.config.dead_letters.ratio_max);
        Ok(Self {
            news: shared.rollout.subscribe(),
            shadow: None,
            shared,
            partition,
            lease,
            chain,
            revision,
            next: None,
            open,
            ahead: None,
            flight: None,
            next_offset,
            ratio,
        })
    }

    /// Works until it is told to stop or something is wrong that it cannot mend itself.
    pub async fn run(&mut self, intake: &mut Intake, stop: &CancellationToken) -> Ended {
        loop {
            let due = self.flight.is_none().then(|| self.open.due_at()).flatten();
            let step = tokio::select! {
                biased;
                () = stop.cancelled() => return self.finish().await,
                landed = Flight::landed(&mut self.flight) => self.landed(landed).await,
                chunk = intake.recv(), if !self.open.is_full() => match chunk {
                    Some(chunk) => self.received(chunk),
                    None => return self.feed_ended(stop).await,
                },
                () = sleep_until(due), if due.is_some() => Ok(()),
                Ok(()) = self.news.changed() => self.heard(),
            };
            let advanced = match step {
                Ok(()) => self.advance().await,
                Err(ended) => Err(ended),
            };
            if let Err(ended) = advanced {
                return ended;
            }
        }
    }

    /// The revision that it computes by.
    pub fn revision(&self) -> i32 {
        self.revision.number
    }

    fn received(&mut self, chunk: Chunk) -> Result<(), Ended> {
        self.open.push(chunk);
        Ok(())
    }

    /// The source is stopping, and will say so, or the position no longer holds.
    async fn feed_ended(&mut self, stop: &CancellationToken) -> Ended {
        match tokio::time::timeout(STOP_NOTICE, stop.cancelled()).await {
            Ok(()) => self.finish().await,
            Err(_) => Ended::Restart(anyhow::anyhow!(
                "kafka no longer has the next offset, or its position was lost"
            )),
        }
    }

    /// Starts what can start: a flush, or the computation of the batch after it.
    async fn advance(&mut self) -> Result<(), Ended> {
        if self.flight.is_none() {
            if self.ahead.is_none()
                && let Some(next) = self.next.take()
            {
                self.change(next);
            }
            if self.ahead.is_none() && self.open.is_due() {
                self.ahead = Some(self.compute().await?);
            }
            if let Some(computed) = self.ahead.take() {
                self.depart(computed);
            }
        }
        // While a change is due nothing is computed ahead by the old revision.
        let may_look_ahead = self.next.is_none() && self.ahead.is_none();
        if self.flight.is_some() && may_look_ahead && self.open.is_full() {
            self.ahead = Some(self.compute().await?);
        }
        Ok(())
    }

    /// Runs another revision from the next batch on: its flush says so in the checkpoint and in
    /// `activation`.
    fn change(&mut self, next: Arc<Revision>) {
        let begun = std::time::Instant::now();
        let event_time_max_us = self.chain.event_time_max_us();
        let mut chain = match next
            .pipeline
            .chain(self.partition.partition, event_time_max_us)
        {
            Ok(chain) => chain,
            Err(error) => {
                tracing::error!(partition = %self.partition, revision = next.number, "cannot change revision: {error:#}");
                return;
            }
        };
        // What is known of the keys is about the table: with another one it would be wrong.
        let table = |r: &Revision| r.pipeline.config.target.table.clone();
        if table(&next) == table(&self.revision) {
            chain.take_over(&mut self.chain);
        }
        let (from, to) = (self.revision.number, next.number);
        self.chain = chain;
        self.revision = next;
        let pause_us = begun.elapsed().as_micros() as u64;
        tracing::info!(partition = %self.partition, from_offset = self.next_offset, from, to, pause_us, "changed revision");
    }

    /// The fleet's row has changed: a partition without records need not wait for a flush to tell
    /// it.
    fn heard(&mut self) -> Result<(), Ended> {
        let wanted = self
            .news
            .borrow_and_update()
            .wanted(self.partition.partition);
        self.told_revision(wanted);
        Ok(())
    }

    /// Which revision this partition is to run from the next batch on.
    fn told_revision(&mut self, wanted: i32) {
        self.next = None;
        if wanted != self.revision.number {
            self.next = self.shared.revisions.get(wanted);
            if self.next.is_none() {
                self.shared.look_again.notify_one();
            }
        }
    }

    fn depart(&mut self, computed: Computed) {
        let from_offset = self.next_offset;
        self.flight = Some(Flight::depart(
            Arc::clone(&self.shared),
            Arc::clone(&self.revision),
            self.lease.clone(),
            from_offset,
            computed,
        ));
    }

    async fn landed(&mut self, landed: Landed) -> Result<(), Ended> {
        self.flight = None;
        match landed {
            Landed::Committed {
                computed,
                wanted_revision,
            } => {
                self.committed(&computed);
                self.lease.revision = self.revision.number;
                self.told_revision(wanted_revision);
                Ok(())
            }
            Landed::Refused { computed, refused } => {
                let ahead = self.ahead.take();
                let computed = self.compute_without(computed, refused).await?;
                self.depart(computed);
                // It was computed as if the refused rows had committed.
                if let Some(ahead) = ahead {
                    self.ahead = Some(self.compute_again(ahead).await?);
                }
                Ok(())
            }
            Landed::Failed(ended) => Err(ended),
        }
    }

    fn committed(&mut self, computed: &Computed) {
        self.chain.committed(computed);
        self.next_offset = computed.next_offset;
        self.ratio.committed(&computed.counts);
        self.open.release(computed.records.len());
        self.shared.committed(&self.partition, computed);
    }

    /// Waits briefly for the flush in flight. What it did is in the checkpoint either way.
    async fn finish(&mut self) -> Ended {
        if self.flight.is_none() {
            return Ended::Stopped;
        }
        match tokio::time::timeout(STOP_WAIT, Flight::landed(&mut self.flight)).await {
            Ok(Landed::Committed { computed, .. }) => self.committed(&computed),
            Ok(_) => {}
            Err(_) => {
                tracing::warn!(partition = %self.partition, "stopped without waiting longer for the flush in flight; the checkpoint knows what it did")
            }
        }
        Ended::Stopped
    }
}

async fn sleep_until(due: Option<tokio::time::Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}
