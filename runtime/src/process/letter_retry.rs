//! Dead letters that another row was in the way of are tried again for a while.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use gristmill_postgres::letters::due_letters::due;

use crate::handles::{HostedDatabase, HostedPipeline};

/// How often it is looked for letters that are due: half of their first wait.
const EVERY: Duration = Duration::from_secs(5);

/// Tries them again, for ever. What fails is tried with those that are due next.
pub(super) async fn keep(database: Arc<HostedDatabase>) {
    loop {
        tokio::time::sleep(EVERY).await;
        let pipelines = database.pipelines.all().into_iter();
        for pipeline in pipelines.filter(|p| p.letter_log.may_be_due()) {
            let (name, topic) = (pipeline.name(), &pipeline.config.source.topic);
            match once(&pipeline).await {
                Ok(0) => {}
                Ok(used) => tracing::info!(
                    pipeline = name,
                    topic,
                    used,
                    "dead letters are used after all: what was in the way of their rows is not \
                     any more"
                ),
                Err(error) => tracing::debug!(
                    pipeline = name,
                    topic,
                    "dead letters are not tried again yet: {error:#}"
                ),
            }
        }
    }
}

async fn once(pipeline: &HostedPipeline) -> Result<u64> {
    let (commits, Some(replay)) = (&pipeline.commits, &pipeline.replay) else {
        return Ok(0);
    };
    let ids = {
        let connection = commits.pool.get().await?;
        due(&connection, &commits.owner, pipeline.name(), pipeline.run).await?
    };
    match ids.is_empty() {
        true => Ok(0),
        false => replay(pipeline.config.clone(), ids).await,
    }
}
