//! A flush in flight: a task of its own, so that its worker goes on reading and can be stopped
//! while Postgres thinks.

use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;
use gristmill_core::chain::Computed;
use gristmill_core::dead_letter::DeadLetter;
use gristmill_core::fault::SinkFault;
use gristmill_core::policy::{Action, action};
use gristmill_kafka::TopicPartition;
use gristmill_postgres::commit::blocker::{Blocker, blockers};
use gristmill_postgres::commit::checkpoint::PartitionKey;
use gristmill_postgres::commit::fate::Fate;
use gristmill_postgres::commit::flush_error::FlushError;
use gristmill_postgres::commit::lease::Lease;
use gristmill_postgres::commit::refusal::{Settled, Unsettled, settle};
use gristmill_postgres::commit::row_origin::RowOrigin;
use gristmill_postgres::commit::sink::Flushed;
use gristmill_postgres::wire::connection::Connection;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use crate::definition::revision::Revision;
use crate::handles::HostedPipeline;
use crate::partition::ended::Ended;

/// The first wait before a definite rollback is sent again; it doubles each time. A deadlock's
/// other party is done within milliseconds.
const RETRY_FIRST: Duration = Duration::from_millis(20);
/// The waits while others hold a lock: there is no hurry, and each try keeps a connection busy for
/// `lock_timeout`. The last bounds how late their end is noticed.
const LOCKED_FIRST: Duration = Duration::from_secs(1);
const LOCKED_MAX: Duration = Duration::from_secs(5);
/// A statement that has waited this long for a lock is looked at: who holds it can be told only
/// meanwhile.
const LOOK_AFTER: Duration = Duration::from_millis(500);

/// A flush in flight.
pub(super) struct Flush {
    task: JoinHandle<FlushEnd>,
    /// Cancelled: not sent again where it was rolled back.
    give_up: CancellationToken,
}

/// What became of a flush.
pub(super) enum FlushEnd {
    Committed {
        computed: Computed,
        flushed: Flushed,
        /// What became of some rows, where they were looked up.
        fate: Option<Fate>,
    },
    /// Rolled back: Postgres will not have these rows.
    Refused {
        computed: Computed,
        refused: Vec<DeadLetter>,
    },
    Failed(Ended),
}

/// Nobody waits for it any more: its session ends, and the checkpoint knows what it did.
impl Drop for Flush {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Flush {
    /// Sends `computed`, which begins at `from_offset` under `lease` and was computed by
    /// `revision`. `look_up`: so many of its rows are looked up afterwards.
    pub(super) fn begin(
        pipeline: Arc<HostedPipeline>,
        revision: Arc<Revision>,
        lease: Lease,
        from_offset: i64,
        look_up: usize,
        computed: Computed,
    ) -> Self {
        let batch = Batch {
            revision,
            lease,
            from_offset,
            look_up,
        };
        let give_up = CancellationToken::new();
        let task = tokio::spawn(batch.flush(pipeline, computed, give_up.clone()));
        Self { task, give_up }
    }

    /// Nothing more is to be written: where Postgres has rolled the flush back, for certain, it
    /// ends as [`Ended::Paused`] instead of being sent again.
    pub(super) fn give_up(&self) {
        self.give_up.cancel();
    }

    /// Waits for the flush; for ever when there is none. Cancel safe.
    pub(super) async fn end(flush: &mut Option<Self>) -> FlushEnd {
        match flush {
            None => std::future::pending().await,
            Some(Self { task, .. }) => task.await.unwrap_or_else(|panicked| {
                let error = anyhow!(panicked).context("the flush task ended");
                FlushEnd::Failed(Ended::Restart(error))
            }),
        }
    }
}

/// What a flush says of its rows.
struct Batch {
    revision: Arc<Revision>,
    lease: Lease,
    from_offset: i64,
    look_up: usize,
}

/// What one attempt ends with, when it did not commit.
enum Attempt {
    /// Nothing happened for certain: the same may be sent again.
    RolledBack(FlushError),
    Refused(Vec<DeadLetter>),
    Failed(Ended),
}

impl Batch {
    async fn flush(
        self,
        pipeline: Arc<HostedPipeline>,
        computed: Computed,
        give_up: CancellationToken,
    ) -> FlushEnd {
        let pool = &pipeline.commits.pool;
        let (mut wait, mut locked) = (RETRY_FIRST, Locked::default());
        let mut retries = pipeline.config.target.retries;
        loop {
            let lent = match locked.since {
                None => pool.get().await,
                Some(_) => pool.get_to_wait().await,
            };
            let attempt = match lent {
                Ok(mut connection) => {
                    let blocked = locked.tell(&pipeline, connection.pid(), &self.lease.key);
                    let attempt = self.attempt(&mut connection, &computed, retries == 0);
                    beside(attempt, blocked).await
                }
                Err(error) => Err(Attempt::Failed(Ended::Restart(error.into()))),
            };
            match attempt {
                Err(Attempt::RolledBack(_)) if give_up.is_cancelled() => {
                    return FlushEnd::Failed(Ended::Paused);
                }
                Ok((flushed, fate)) => {
                    return FlushEnd::Committed {
                        computed,
                        flushed,
                        fate,
                    };
                }
                Err(Attempt::Refused(refused)) => return FlushEnd::Refused { computed, refused },
                Err(Attempt::Failed(ended)) => return FlushEnd::Failed(ended),
                // Whoever holds the lock will be done, and taking the partition again would wait
                // for it, too.
                Err(Attempt::RolledBack(error)) if is_locked(&error) => {
                    self.count_retry(&pipeline);
                    if timeout(locked.again(), give_up.cancelled()).await.is_ok() {
                        return FlushEnd::Failed(Ended::Paused);
                    }
                }
                Err(Attempt::RolledBack(error)) if retries > 0 => {
                    tracing::debug!(
                        error = &error as &dyn std::error::Error,
                        "the flush was rolled back; sending it again"
                    );
                    drop(error);
                    self.count_retry(&pipeline);
                    retries -= 1;
                    tokio::time::sleep(wait).await;
                    wait *= 2;
                }
                Err(Attempt::RolledBack(error)) => {
                    return FlushEnd::Failed(Ended::Restart(error.into()));
                }
            }
        }
    }

    fn count_retry(&self, pipeline: &HostedPipeline) {
        let key = &self.lease.key;
        let partition = TopicPartition::new(key.topic.as_str(), key.partition);
        pipeline.metrics.retried(pipeline.name(), &partition);
    }

    /// Sends the batch once. `was_retried`: it is the last time. Returns what the flush learned,
    /// and what became of some rows.
    async fn attempt(
        &self,
        connection: &mut Connection,
        computed: &Computed,
        was_retried: bool,
    ) -> Result<(Flushed, Option<Fate>), Attempt> {
        let (sink, number) = (&self.revision.sink, self.revision.number);
        let digests = |stage: &_| self.revision.pipeline.digest(stage);
        let flushed = sink.flush(
            connection,
            &self.lease,
            self.from_offset,
            computed,
            number,
            &digests,
        );
        let error = match flushed.await {
            Ok(flushed) => {
                let fate = self.look_back(connection, computed).await;
                return Ok((flushed, fate));
            }
            Err(error) if is_of_rows(&error, was_retried) => {
                let unsettled = Unsettled {
                    sink,
                    lease: &self.lease,
                    from_offset: self.from_offset,
                    batch: computed,
                    revision: number,
                    digests: &digests,
                    was_retried,
                };
                match settle(connection, unsettled).await {
                    Ok(Settled::Committed(flushed)) => return Ok((flushed, None)),
                    Ok(Settled::Refused(rows)) => {
                        let refused = rows.iter().map(|row| row.dead_letter(computed)).collect();
                        return Err(Attempt::Refused(refused));
                    }
                    Err(error) => error,
                }
            }
            Err(error) => error,
        };
        // Nothing of it is refused: it is computed again, with what the table has now.
        if error.is_outdated() {
            return Err(Attempt::Refused(Vec::new()));
        }
        Err(match action(&error.fault()) {
            Action::Halt => Attempt::Failed(Ended::Halt(error.into())),
            Action::RetryInPlace => Attempt::RolledBack(error),
            Action::Restart if error.is_wish_to_retry() => Attempt::RolledBack(error),
            Action::Restart => Attempt::Failed(Ended::Restart(error.into())),
        })
    }
}

impl Batch {
    /// Looks some rows up, where that is wanted. What fails here is made up for by the next flush.
    async fn look_back(&self, connection: &mut Connection, computed: &Computed) -> Option<Fate> {
        let (sink, origin) = (&self.revision.sink, RowOrigin::of(&self.lease));
        let fate = sink.fate(connection, origin, computed, self.look_up);
        fate.await.unwrap_or_else(|error| {
            tracing::debug!("what became of the rows is not known: {error}");
            None
        })
    }
}

/// Whether rows are searched for one that Postgres refuses. A trigger may ask for ever that one row
/// is tried again, and a batch may take longer than a statement may.
fn is_of_rows(error: &FlushError, was_retried: bool) -> bool {
    let is_refused = matches!(error, FlushError::Refused { .. }) && !error.is_outdated();
    is_refused || was_retried && error.is_perhaps_of_a_row()
}

/// lock_not_available.
fn is_locked(error: &FlushError) -> bool {
    matches!(error.fault(), SinkFault::Answered(state) if state.as_str() == "55P03")
}

/// A flush that locks of others hold up.
#[derive(Default)]
struct Locked {
    since: Option<Instant>,
    tries: u32,
    told: bool,
}

impl Locked {
    /// Notes one more try in vain, and says how long to wait before the next.
    fn again(&mut self) -> Duration {
        self.since.get_or_insert_with(Instant::now);
        self.tries += 1;
        (LOCKED_FIRST * self.tries).min(LOCKED_MAX)
    }

    /// Says once who holds the lock that backend `pid` waits for, after the first try in vain.
    async fn tell(&mut self, pipeline: &HostedPipeline, pid: i32, key: &PartitionKey) {
        let Some(since) = self.since.filter(|_| !self.told) else {
            return;
        };
        tokio::time::sleep(LOOK_AFTER).await;
        let found = match pipeline.commits.pool.get().await {
            Ok(connection) => blockers(&connection, pid).await,
            Err(error) => Err(error),
        };
        let holders: Vec<String> = match found {
            Ok(holders) => holders.iter().map(Blocker::to_string).collect(),
            Err(_) => return,
        };
        if holders.is_empty() {
            return;
        }
        self.told = true;
        let reason = format!(
            "a lock on the target that others hold: {}",
            holders.join("; ")
        );
        let partition = TopicPartition::new(key.topic.as_str(), key.partition);
        pipeline.standings.waits(&partition, reason.as_str());
        tracing::warn!(
            pipeline = key.pipeline,
            topic = key.topic,
            partition = key.partition,
            waits_ms = since.elapsed().as_millis() as u64,
            "waiting for {reason}"
        );
    }
}

/// The end of `work`; `aside` goes on beside it, and ends with it.
async fn beside<T>(work: impl Future<Output = T>, aside: impl Future<Output = ()>) -> T {
    tokio::pin!(work);
    tokio::select! {
        biased;
        done = &mut work => done,
        () = aside => work.await,
    }
}
