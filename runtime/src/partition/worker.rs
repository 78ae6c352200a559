//! One partition's worker: it owns the chain, the open batch and the lease, and is the only one who
//! writes for the partition.
//!
//! The loop, in the order of its priorities:
//! 1. it is told to stop: it waits briefly for the flush in flight and drops the rest, which Kafka
//!    still has;
//! 2. a flush has ended: the dedup state learns, the bytes are released, Kafka gets its hint;
//! 3. records have arrived: they join the open batch;
//! 4. the open batch has waited long enough;
//! 5. the fleet's row has changed: another revision is to run, or somebody pauses the partition;
//! 6. the flush in flight takes long: the worker says so.
//!
//! Schemas that records name and nobody here knows are on their way beside all that: meanwhile no
//! batch is computed.
//!
//! A flush begins when none is in flight and records wait ([`OpenBatch::is_due`]). While one is in
//! flight a full batch is computed ahead, as if the pending one had committed; if that does not,
//! the one ahead is thrown away with the worker.

use std::sync::Arc;
use std::time::Duration;

use gristmill_core::brake::DeadLetterBrake;
use gristmill_core::chain::{Chain, Computed};
use gristmill_core::transform::Transform;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use gristmill_kafka::TopicPartition;
use gristmill_kafka::source::{Chunk, Intake};
use gristmill_postgres::commit::checkpoint::{LeftOut, PartitionState};
use gristmill_postgres::commit::flush_error::FlushError;
use gristmill_postgres::commit::lease::{self, Lease};
use gristmill_postgres::commit::sink::Flushed;
use gristmill_postgres::fleet::rollout::Rollout;

use crate::definition::revision::Revision;
use crate::fleet::shadow::Shadow;
use crate::handles::HostedPipeline;
use crate::handles::metrics::{CommittedFlush, PartitionMeter, Sizes};
use crate::handles::partition_log::log_partition;
use crate::partition::ended::Ended;
use crate::partition::flush::{Flush, FlushEnd};
use crate::partition::new_log::{NewLog, NewLogWatch, Watch};
use crate::partition::open_batch::OpenBatch;
use crate::partition::schema_fetch::SchemaFetch;
use crate::partition::source_columns_log::SourceColumnsLog;
use crate::partition::steps_back::StepsBackLog;
use crate::partition::take::{PartitionWanted, Ready};
use crate::partition::timed_transform::TimedTransform;
use crate::partition::unknown_schemas::UnknownSchemas;

/// How long a worker that must stop waits for its flush in flight. Above a slow disk's fsync, below
/// what an operator who pressed Ctrl-C or a rebalance can bear.
const STOP_WAIT: Duration = Duration::from_secs(3);

/// A flush takes milliseconds, the largest a second or two; whoever looks must hear of one that
/// waits within 15 s.
const SLOW_FLUSH: Duration = Duration::from_secs(4);

/// A source that stops ends the feeds first and tells the workers right after.
const STOP_NOTICE: Duration = Duration::from_millis(200);

/// One partition's worker: see the module.
pub struct Worker {
    pub(super) pipeline: Arc<HostedPipeline>,
    pub(super) partition: TopicPartition,
    pub(super) lease: Lease,
    pub(super) chain: Chain,
    /// What the chain was made by.
    pub(super) revision: Arc<Revision>,
    /// What the next batch is to be computed by.
    pub(super) next: Option<Arc<Revision>>,
    pub(super) open: OpenBatch,
    /// Computed and waiting for the flush in flight.
    pub(super) ahead: Option<Computed>,
    pub(super) flush: Option<Flush>,
    /// Schemas on their way, without which the open batch cannot be computed.
    pub(super) fetch: Option<SchemaFetch>,
    pub(super) unknown_schemas: UnknownSchemas,
    /// When the flush in flight counts as slow, until it has been said.
    pub(super) slow_at: Option<tokio::time::Instant>,
    /// When the flush in flight began.
    pub(super) flush_begun: std::time::Instant,
    pub(super) meter: PartitionMeter,
    /// The offset at which the next flush begins, as the checkpoint says.
    pub(super) next_offset: i64,
    /// Records below this offset are counted already.
    pub(super) counted_below: i64,
    pub(super) brake: DeadLetterBrake,
    /// The fleet's row, as this process reads it: a second late at most.
    pub(super) rollout: watch::Receiver<Rollout>,
    pub(super) steps_back: StepsBackLog,
    pub(super) source_columns: SourceColumnsLog,
    pub(super) new_log: NewLogWatch,
    /// What is computed beside, to be compared.
    pub(super) shadow: Option<Shadow>,
    /// Cancelled, and gone, when the first records have arrived, or there are none.
    pub(super) first_records: Option<CancellationToken>,
}

impl Worker {
    /// A worker for a partition that was taken. An error says why the revision's chain cannot be
    /// made.
    pub(super) fn new(
        wanted: &PartitionWanted,
        ready: Ready,
        watch: Watch,
    ) -> anyhow::Result<Self> {
        let (pipeline, partition) = (Arc::clone(&wanted.pipeline), wanted.partition.clone());
        let chain = chain(
            &pipeline,
            &ready.revision,
            &partition,
            ready.event_time_max_us,
        )?;
        let config = &pipeline.config;
        let open = OpenBatch::new(
            config.target.max_rows,
            config.target.linger_rows,
            config.source.queued_max_bytes,
            Duration::from_millis(config.target.linger_ms),
        );
        let meter = pipeline.metrics.meter(pipeline.name(), &partition);
        Ok(Self {
            rollout: pipeline.fleet.subscribe(),
            shadow: None,
            first_records: None,
            steps_back: StepsBackLog::default(),
            source_columns: SourceColumnsLog::default(),
            new_log: NewLogWatch::new(
                partition.partition,
                ready.next_offset,
                ready.revision.number,
                watch,
                ready.left_out,
            ),
            brake: DeadLetterBrake::new(config.dead_letters.ratio_max, ready.recent),
            pipeline,
            partition,
            lease: ready.lease,
            chain,
            revision: ready.revision,
            next: None,
            open,
            ahead: None,
            flush: None,
            fetch: None,
            unknown_schemas: UnknownSchemas::default(),
            slow_at: None,
            flush_begun: std::time::Instant::now(),
            meter,
            next_offset: ready.next_offset,
            counted_below: ready.counted_below,
        })
    }

    /// Works until it is told to stop or something is wrong that it cannot mend itself.
    pub async fn run(&mut self, intake: &mut Intake, stop: &CancellationToken) -> Ended {
        self.pipeline.standings.runs(&self.partition, &self.lease);
        self.pipeline.letter_log.expect_due();
        let mut step = self.rollout_changed();
        loop {
            let advanced = match step {
                Ok(()) => self.advance().await,
                Err(ended) => Err(ended),
            };
            match advanced {
                Ok(()) => {}
                Err(Ended::Paused) => return self.pause(stop).await,
                Err(ended) => return ended,
            }
            let may_begin = self.flush.is_none() && self.fetch.is_none();
            let due = may_begin.then(|| self.open.due_at()).flatten();
            let slow_at = self.slow_at;
            step = tokio::select! {
                biased;
                () = stop.cancelled() => return self.finish().await,
                end = Flush::end(&mut self.flush) => self.flush_ended(end).await,
                found = SchemaFetch::end(&mut self.fetch) => self.schemas_found(found),
                chunk = intake.recv(), if !self.open.is_full() => match chunk {
                    Some(chunk) => self.received(chunk),
                    None => return self.feed_ended(stop).await,
                },
                () = sleep_until(due), if due.is_some() => Ok(()),
                Ok(()) = self.rollout.changed() => self.rollout_changed(),
                () = sleep_until(slow_at), if slow_at.is_some() => {
                    self.say_slow();
                    Ok(())
                }
            };
        }
    }

    /// The revision that it computes by.
    pub fn revision(&self) -> i32 {
        self.revision.number
    }

    fn received(&mut self, chunk: Chunk) -> Result<(), Ended> {
        // What is at its end has nothing to die of, either.
        let has_come = !chunk.records.is_empty() || chunk.caught_up;
        if has_come && let Some(first) = self.first_records.take() {
            first.cancel();
        }
        self.open.push(chunk);
        Ok(())
    }

    /// The source is stopping, and will say so, or the position no longer holds.
    async fn feed_ended(&mut self, stop: &CancellationToken) -> Ended {
        match tokio::time::timeout(STOP_NOTICE, stop.cancelled()).await {
            Ok(()) => self.finish().await,
            Err(_) => {
                let standings = &self.pipeline.standings;
                let reason = standings.lost_position(&self.partition);
                Ended::Restart(match reason {
                    Some(reason) => anyhow::anyhow!("cannot read on: {reason}"),
                    None => anyhow::anyhow!("kafka no longer has the next offset"),
                })
            }
        }
    }

    /// Starts what can start: a flush, or the computation of the batch after it.
    async fn advance(&mut self) -> Result<(), Ended> {
        if self.flush.is_none() {
            if self.ahead.is_none()
                && let Some(next) = self.next.take()
            {
                self.change(next);
            }
            if self.ahead.is_none() && self.fetch.is_none() && self.open.is_due() {
                self.ahead = self.compute().await?;
            }
            if let Some(computed) = self.ahead.take() {
                let computed = self.with_stored(computed).await?;
                self.begin_flush(computed);
            }
        }
        // While a change is due nothing is computed ahead by the old revision.
        let is_ready = self.next.is_none() && self.fetch.is_none();
        let may_look_ahead = is_ready && self.ahead.is_none();
        if self.flush.is_some() && may_look_ahead && self.open.is_full() {
            self.ahead = self.compute().await?;
        }
        Ok(())
    }

    /// Runs another revision from the next batch on: its flush says so in the checkpoint and in
    /// `activation`.
    fn change(&mut self, next: Arc<Revision>) {
        let begun = std::time::Instant::now();
        let event_time_max_us = self.chain.event_time_max_us();
        let chain = chain(&self.pipeline, &next, &self.partition, event_time_max_us);
        let mut chain = match chain {
            Ok(chain) => chain,
            Err(error) => {
                log_partition!(
                    error,
                    self.pipeline,
                    self.partition,
                    revision = next.number,
                    "cannot change revision: {error:#}"
                );
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
        // Asked for what the other revision reads.
        self.fetch = None;
        self.unknown_schemas = UnknownSchemas::default();
        self.revision = next;
        self.new_log = self.new_log.of_next(self.next_offset, to);
        let pause_us = begun.elapsed().as_micros() as u64;
        let (pipeline, partition, offset) = (&self.pipeline, &self.partition, self.next_offset);
        log_partition!(
            info,
            pipeline,
            partition,
            offset,
            from,
            to,
            pause_us,
            "changed revision"
        );
    }

    /// The fleet's row has changed: a partition without records need not wait for a flush to learn
    /// it.
    fn rollout_changed(&mut self) -> Result<(), Ended> {
        let rollout = self.rollout.borrow_and_update();
        let wanted = rollout.wanted(self.partition.partition);
        let is_paused = rollout.steering.pause(self.partition.partition).is_some();
        drop(rollout);
        if is_paused {
            return Err(Ended::Paused);
        }
        if let Some(reason) = self.pipeline.fleet.unfit() {
            return Err(Ended::Halt(anyhow::Error::msg(reason)));
        }
        self.want_revision(wanted);
        Ok(())
    }

    /// Lets the flush in flight finish, unless it waits to be sent again, and drops the rest, which
    /// Kafka still has.
    async fn pause(&mut self, stop: &CancellationToken) -> Ended {
        if let Some(flush) = &self.flush {
            flush.give_up();
            tokio::select! {
                () = stop.cancelled() => return self.finish().await,
                end = Flush::end(&mut self.flush) => match end {
                    FlushEnd::Committed { computed, flushed, .. } => {
                        self.committed(&computed, &flushed);
                    }
                    FlushEnd::Failed(Ended::Halt(reason)) => return Ended::Halt(reason),
                    // Nothing was written, or the checkpoint knows: it is read at the next take.
                    FlushEnd::Refused { .. } | FlushEnd::Failed(_) => {}
                },
            }
        }
        Ended::Paused
    }

    /// The flush in flight waits for Postgres.
    fn say_slow(&mut self) {
        self.slow_at = None;
        let seconds = SLOW_FLUSH.as_secs();
        let reason = format!("postgres has not done a flush for {seconds} s and longer");
        log_partition!(
            warn,
            self.pipeline,
            self.partition,
            offset = self.next_offset,
            "waiting: {reason}: it is frozen, or somebody holds a lock"
        );
        self.pipeline.standings.waits(&self.partition, reason);
    }

    /// A flush has ended that was said to be slow.
    fn said_slow_ended(&mut self) {
        let standings = &self.pipeline.standings;
        let waited = standings.of(&self.partition);
        if waited.is_some_and(|s| s.state == PartitionState::Waiting) {
            standings.goes_on(&self.partition);
        }
    }

    /// Sets which revision this partition is to run from the next batch on.
    fn want_revision(&mut self, wanted: i32) {
        let is_other = wanted != self.revision.number;
        let fleet = &self.pipeline.fleet;
        self.next = is_other.then(|| fleet.ready_or_ask(wanted)).flatten();
    }

    fn begin_flush(&mut self, computed: Computed) {
        self.flush_begun = std::time::Instant::now();
        self.slow_at = Some(tokio::time::Instant::now() + SLOW_FLUSH);
        self.flush = Some(Flush::begin(
            Arc::clone(&self.pipeline),
            Arc::clone(&self.revision),
            self.lease.clone(),
            self.next_offset,
            self.new_log.look_up(),
            computed,
        ));
    }

    async fn flush_ended(&mut self, end: FlushEnd) -> Result<(), Ended> {
        self.flush = None;
        if self.slow_at.take().is_none() {
            self.said_slow_ended();
        }
        match end {
            FlushEnd::Committed {
                computed,
                flushed,
                fate,
            } => {
                self.committed(&computed, &flushed);
                self.lease.revision = self.revision.number;
                let new_log = self
                    .new_log
                    .add(computed.next_offset, &computed.steps_back, fate);
                if let Some(left_out) = self.new_log.news() {
                    self.note(left_out).await;
                }
                if let Some(new_log) = new_log {
                    return Err(self.read_again(new_log).await);
                }
                self.want_revision(flushed.wanted_revision);
                Ok(())
            }
            FlushEnd::Refused { computed, refused } => {
                let ahead = self.ahead.take();
                let computed = self.compute_without(computed, refused).await?;
                let computed = self.with_stored(computed).await?;
                self.begin_flush(computed);
                // It was computed as if the refused rows had committed.
                if let Some(ahead) = ahead {
                    self.ahead = Some(self.compute_again(ahead).await?);
                }
                Ok(())
            }
            FlushEnd::Failed(ended) => Err(ended),
        }
    }

    /// Notes what was left out for whoever takes the partition next. What fails here is noted with
    /// the next row that is left out.
    async fn note(&mut self, left_out: LeftOut) {
        let noted = async {
            let connection = self.pipeline.commits.pool.get().await?;
            lease::leave_out(&connection, &self.lease, left_out).await
        };
        if let Err(error) = noted.await {
            tracing::debug!("what was left out is not noted: {error}");
        }
    }

    /// Ends the partition's work such that all since the source's log began anew is read again.
    async fn read_again(&mut self, new_log: NewLog) -> Ended {
        let (NewLog::Suspected { from, .. } | NewLog::Found { from, .. }) = new_log;
        let set_back = async {
            let connection = self.pipeline.commits.pool.get().await?;
            let lease = &self.lease;
            match new_log {
                NewLog::Suspected { .. } => lease::read_again(&connection, lease, from).await,
                NewLog::Found { .. } => {
                    let (revision, reason) = (self.revision.number, new_log.to_string());
                    lease::halt_before(&connection, lease, from, revision, &reason).await
                }
            }
        };
        match (set_back.await, new_log) {
            (Ok(true), NewLog::Found { .. }) => Ended::Halt(new_log.into()),
            (Ok(true), NewLog::Suspected { .. }) => Ended::Restart(new_log.into()),
            (Ok(false), _) => Ended::Restart(FlushError::Fenced.into()),
            (Err(error), _) => Ended::Restart(error.into()),
        }
    }

    fn committed(&mut self, computed: &Computed, flushed: &Flushed) {
        self.pipeline.standings.succeeds(&self.partition);
        self.chain.committed(computed);
        self.ask_again(computed);
        self.next_offset = computed.next_offset;
        self.brake.committed(&computed.counts);
        self.open.release(computed.records.len());
        let (partition, pipeline) = (&self.partition, &self.pipeline);
        self.steps_back
            .add(pipeline.name(), partition, &computed.steps_back);
        if let Some(found) = &computed.source_columns {
            let (name, standings) = (pipeline.name(), &pipeline.standings);
            self.source_columns.add(name, partition, standings, found);
        }
        pipeline.commits.add(computed);
        let (dedup_keys, dedup_bytes) = self.chain.state_size();
        let sizes = Sizes {
            watermark_us: self.chain.watermark_us(),
            queued_bytes: self.open.held_bytes(),
            dedup_keys,
            dedup_bytes,
        };
        let flush = CommittedFlush {
            revision: self.revision.number,
            stale_rows: flushed.stale_rows,
            took: self.flush_begun.elapsed(),
        };
        self.meter.committed(computed, &flush, &sizes);
        let letters = &pipeline.letter_log;
        letters.add(pipeline.name(), partition, computed);
        pipeline.kafka.hint(partition, computed.next_offset);
    }

    /// Waits briefly for the flush in flight. What it did is in the checkpoint either way.
    async fn finish(&mut self) -> Ended {
        if self.flush.is_none() {
            return Ended::Stopped;
        }
        match tokio::time::timeout(STOP_WAIT, Flush::end(&mut self.flush)).await {
            Ok(FlushEnd::Committed {
                computed, flushed, ..
            }) => self.committed(&computed, &flushed),
            Ok(_) => {}
            Err(_) => {
                log_partition!(
                    warn,
                    self.pipeline,
                    self.partition,
                    "stopped without waiting longer for the flush in flight; the checkpoint knows \
                     what it did"
                )
            }
        }
        Ended::Stopped
    }
}

/// A chain of `revision`, its transforms timed.
fn chain(
    pipeline: &HostedPipeline,
    revision: &Revision,
    partition: &TopicPartition,
    event_time_max_us: Option<i64>,
) -> anyhow::Result<Chain> {
    let timed = |transform| -> Box<dyn Transform> {
        let metrics = Arc::clone(&pipeline.metrics);
        Box::new(TimedTransform::new(transform, pipeline.name(), metrics))
    };
    let definition = &revision.pipeline;
    definition.chain_of(partition.partition, event_time_max_us, timed)
}

async fn sleep_until(due: Option<tokio::time::Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}
