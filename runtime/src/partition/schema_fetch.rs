//! Schemas on their way: a task of its own, so that its worker goes on reading, flushes what it has
//! and can be stopped while a registry is away.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Error, anyhow};
use gristmill_core::decode::WantedSchema;
use gristmill_kafka::TopicPartition;
use tokio::task::JoinHandle;

use crate::definition::revision::Revision;
use crate::definition::schemas::{FoundSchemas, NoSchemas};
use crate::handles::HostedPipeline;
use crate::handles::partition_log::log_partition;
use crate::partition::ended::Ended;

/// The first wait before a registry is asked again; it doubles. The last bounds how late one that
/// is back is noticed.
const RETRY_FIRST: Duration = Duration::from_millis(100);
const RETRY_MAX: Duration = Duration::from_secs(10);

/// What was found of the schemas that a worker wanted.
pub(super) type Found = Result<FoundSchemas, Ended>;

/// Schemas on their way.
pub(super) struct SchemaFetch {
    task: JoinHandle<Found>,
}

/// Nobody waits for them any more.
impl Drop for SchemaFetch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What is asked again, and for whom.
struct Fetch {
    pipeline: Arc<HostedPipeline>,
    revision: Arc<Revision>,
    partition: TopicPartition,
    wanted: Vec<WantedSchema>,
}

impl SchemaFetch {
    /// Asks for `wanted`, by the revision that is to read them, until there is an answer.
    pub(super) fn begin(
        pipeline: Arc<HostedPipeline>,
        revision: Arc<Revision>,
        partition: TopicPartition,
        wanted: Vec<WantedSchema>,
    ) -> Self {
        let fetch = Fetch {
            pipeline,
            revision,
            partition,
            wanted,
        };
        let task = tokio::spawn(fetch.run());
        Self { task }
    }

    /// Waits for them; for ever when none is on its way. Cancel safe.
    pub(super) async fn end(fetch: &mut Option<Self>) -> Found {
        match fetch {
            None => std::future::pending().await,
            Some(Self { task }) => task.await.unwrap_or_else(|panicked| {
                let error = anyhow!(panicked).context("fetching schemas ended");
                Err(Ended::Restart(error))
            }),
        }
    }
}

impl Fetch {
    async fn run(self) -> Found {
        let definition = &self.revision.pipeline;
        let (mut wait, mut waits) = (RETRY_FIRST, false);
        let found = loop {
            let found = definition.schemas().find(&self.wanted);
            let reason = match found.await {
                Ok(found) if found.may_come => {
                    // A follower of several registries is behind by seconds, not minutes.
                    wait = wait.min(Duration::from_secs(1));
                    "the registry does not know a schema yet that a record names".to_owned()
                }
                Ok(found) => break found,
                Err(NoSchemas::Later(reason)) => reason,
                Err(error @ NoSchemas::Never(_)) => return Err(Ended::Halt(Error::new(error))),
            };
            self.say(&reason, !waits);
            waits = true;
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(RETRY_MAX);
        };
        if waits {
            let (pipeline, partition) = (&self.pipeline, &self.partition);
            pipeline.standings.goes_on(partition);
            log_partition!(info, pipeline, partition, "the schemas are there: going on");
        }
        Ok(found)
    }

    /// Says what is waited for: in `status` each time, in the log once.
    fn say(&self, reason: &str, is_new: bool) {
        let (pipeline, partition) = (&self.pipeline, &self.partition);
        if is_new {
            log_partition!(warn, pipeline, partition, "waiting for schemas: {reason}");
        }
        let reason = format!("waiting for schemas: {reason}");
        pipeline.standings.waits(partition, reason);
    }
}
