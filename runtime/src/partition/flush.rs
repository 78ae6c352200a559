//! A flush in flight: a task of its own, so that its worker goes on reading and can be stopped
//! while Postgres thinks.

use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;
use gristmill_core::chain::Computed;
use gristmill_core::dead_letter::DeadLetter;
use gristmill_core::policy::{Action, action};
use gristmill_postgres::commit::flush_error::FlushError;
use gristmill_postgres::commit::lease::Lease;
use gristmill_postgres::commit::refusal::{Settled, Unsettled, settle};
use gristmill_postgres::wire::connection::Connection;
use tokio::task::JoinHandle;

use crate::definition::revision::Revision;
use crate::handles::HostedPipeline;
use crate::partition::ended::Ended;

/// The first wait before a definite rollback is sent again; it doubles each time. A deadlock's
/// other party is done within milliseconds.
const RETRY_FIRST: Duration = Duration::from_millis(20);

/// A flush in flight.
pub(super) struct Flush(JoinHandle<FlushEnd>);

/// What became of a flush.
pub(super) enum FlushEnd {
    Committed {
        computed: Computed,
        wanted_revision: i32,
    },
    /// Rolled back: Postgres will not have these rows.
    Refused {
        computed: Computed,
        refused: Vec<DeadLetter>,
    },
    Failed(Ended),
}

impl Flush {
    /// Sends `computed`, which begins at `from_offset` under `lease` and was computed by
    /// `revision`.
    pub(super) fn begin(
        pipeline: Arc<HostedPipeline>,
        revision: Arc<Revision>,
        lease: Lease,
        from_offset: i64,
        computed: Computed,
    ) -> Self {
        let batch = Batch {
            revision,
            lease,
            from_offset,
        };
        Self(tokio::spawn(batch.flush(pipeline, computed)))
    }

    /// Waits for the flush; for ever when there is none. Cancel safe.
    pub(super) async fn end(flush: &mut Option<Self>) -> FlushEnd {
        match flush {
            None => std::future::pending().await,
            Some(Self(task)) => task.await.unwrap_or_else(|panicked| {
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
}

/// What one attempt ends with, when it did not commit.
enum Attempt {
    /// Nothing happened for certain: the same may be sent again.
    RolledBack(FlushError),
    Refused(Vec<DeadLetter>),
    Failed(Ended),
}

impl Batch {
    async fn flush(self, pipeline: Arc<HostedPipeline>, computed: Computed) -> FlushEnd {
        let mut wait = RETRY_FIRST;
        let mut retries = pipeline.config.target.retries;
        loop {
            let attempt = match pipeline.commits.pool.get().await {
                Ok(mut connection) => self.attempt(&mut connection, &computed).await,
                Err(error) => Err(Attempt::Failed(Ended::Restart(error.into()))),
            };
            match attempt {
                Ok(wanted_revision) => {
                    return FlushEnd::Committed {
                        computed,
                        wanted_revision,
                    };
                }
                Err(Attempt::Refused(refused)) => return FlushEnd::Refused { computed, refused },
                Err(Attempt::Failed(ended)) => return FlushEnd::Failed(ended),
                Err(Attempt::RolledBack(error)) if retries > 0 => {
                    tracing::debug!(
                        error = &error as &dyn std::error::Error,
                        "the flush was rolled back; sending it again"
                    );
                    drop(error);
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

    /// Sends the batch once. Returns the revision that the partition is to run.
    async fn attempt(
        &self,
        connection: &mut Connection,
        computed: &Computed,
    ) -> Result<i32, Attempt> {
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
            Ok(flushed) => return Ok(flushed.wanted_revision),
            Err(FlushError::Refused { .. }) => {
                let unsettled = Unsettled {
                    sink,
                    lease: &self.lease,
                    from_offset: self.from_offset,
                    batch: computed,
                    revision: number,
                    digests: &digests,
                };
                match settle(connection, unsettled).await {
                    Ok(Settled::Committed(flushed)) => return Ok(flushed.wanted_revision),
                    Ok(Settled::Refused(rows)) => {
                        let refused = rows.iter().map(|row| row.dead_letter(computed)).collect();
                        return Err(Attempt::Refused(refused));
                    }
                    Err(error) => error,
                }
            }
            Err(error) => error,
        };
        Err(match action(&error.fault()) {
            Action::Halt => Attempt::Failed(Ended::Halt(error.into())),
            Action::RetryInPlace => Attempt::RolledBack(error),
            Action::Restart => Attempt::Failed(Ended::Restart(error.into())),
        })
    }
}
