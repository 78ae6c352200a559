//! A flush in flight: a task of its own, so that its worker goes on reading and can be stopped
//! while Postgres thinks.

use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;
use gristmill_core::chain::Computed;
use gristmill_core::dead_letter::DeadLetter;
use gristmill_core::policy::{Action, action};
use tokio::task::JoinHandle;

use crate::definition::revision::Revision;
use crate::process::Shared;
use gristmill_postgres::commit::blame::blame;
use gristmill_postgres::commit::checkpoint::Lease;
use gristmill_postgres::wire::error::FlushError;

use super::worker::Ended;

/// The first wait before a definite rollback is sent again; it doubles each time. A deadlock's
/// other party is done within milliseconds.
const RETRY_FIRST: Duration = Duration::from_millis(20);

pub(crate) struct Flight(JoinHandle<Landed>);

/// What became of a flush.
pub(crate) enum Landed {
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

impl Flight {
    pub(crate) fn depart(
        shared: Arc<Shared>,
        revision: Arc<Revision>,
        lease: Lease,
        from_offset: i64,
        computed: Computed,
    ) -> Self {
        Self(tokio::spawn(flush(
            shared,
            revision,
            lease,
            from_offset,
            computed,
        )))
    }

    /// Waits for the flush; for ever when there is none. Cancel safe.
    pub(crate) async fn landed(flight: &mut Option<Self>) -> Landed {
        match flight {
            None => std::future::pending().await,
            Some(Self(task)) => task.await.unwrap_or_else(|panicked| {
                Landed::Failed(Ended::Restart(
                    anyhow!(panicked).context("the flush task ended"),
                ))
            }),
        }
    }
}

async fn flush(
    shared: Arc<Shared>,
    revision: Arc<Revision>,
    lease: Lease,
    from_offset: i64,
    computed: Computed,
) -> Landed {
    let mut wait = RETRY_FIRST;
    let mut retries = shared.config.target.retries;
    loop {
        let mut connection = match shared.pool.get().await {
            Ok(connection) => connection,
            Err(e) => return Landed::Failed(Ended::Restart(e.into())),
        };
        let digests = |stage: &_| revision.pipeline.digest(stage);
        let sink = &revision.sink;
        let error = match sink
            .flush(
                &mut connection,
                &lease,
                from_offset,
                &computed,
                revision.number,
                &digests,
            )
            .await
        {
            Ok(flushed) => {
                return Landed::Committed {
                    computed,
                    wanted_revision: flushed.wanted_revision,
                };
            }
            Err(error) => error,
        };
        let error = match error {
            FlushError::Refused { .. } => {
                let partition = lease.key.partition;
                match blame(&mut connection, sink, partition, &computed, revision.number).await {
                    // It passes by now: send it again.
                    Ok(rows) if rows.is_empty() && retries > 0 => {
                        retries -= 1;
                        continue;
                    }
                    Ok(rows) => {
                        let refused = rows.iter().map(|row| row.dead_letter(&computed)).collect();
                        return Landed::Refused { computed, refused };
                    }
                    Err(blaming) => blaming,
                }
            }
            other => other,
        };
        match action(&error.fault()) {
            Action::Halt => return Landed::Failed(Ended::Halt(error.into())),
            Action::RetryInPlace if retries > 0 => {
                tracing::debug!(
                    error = &error as &dyn std::error::Error,
                    "the flush was rolled back; sending it again"
                );
                retries -= 1;
            }
            Action::Restart | Action::RetryInPlace => {
                return Landed::Failed(Ended::Restart(error.into()));
            }
        }
        drop(connection);
        tokio::time::sleep(wait).await;
        wait *= 2;
    }
}
