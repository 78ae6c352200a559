//! Dead letters that another row was in the way of are tried again for a while.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use gristmill_postgres::letters::due_letters::due;
use gristmill_postgres::letters::stored_letter::LetterId;

use crate::handles::{Commits, HostedPipeline};

/// Sends dead letters of the process's pipeline through the active rules again. Returns how many
/// are used now.
pub type Replay =
    Arc<dyn Fn(Vec<LetterId>) -> Pin<Box<dyn Future<Output = Result<u64>> + Send>> + Send + Sync>;

/// How often it is looked for letters that are due: half of their first wait.
const EVERY: Duration = Duration::from_secs(5);

/// Tries them again, for ever. What fails is tried with those that are due next.
pub(super) async fn keep(
    commits: Arc<Commits>,
    pipelines: Vec<Arc<HostedPipeline>>,
    replay: Replay,
) {
    loop {
        tokio::time::sleep(EVERY).await;
        for pipeline in pipelines.iter().filter(|p| p.letter_log.may_be_due()) {
            let (name, topic) = (pipeline.name(), &pipeline.config.source.topic);
            match once(&commits, pipeline, &replay).await {
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

async fn once(commits: &Commits, pipeline: &HostedPipeline, replay: &Replay) -> Result<u64> {
    let ids = {
        let connection = commits.pool.get().await?;
        due(&connection, &commits.owner, pipeline.name(), pipeline.run).await?
    };
    match ids.is_empty() {
        true => Ok(0),
        false => replay(ids).await,
    }
}
