//! Numbers that nobody counts as they change: lag, and letters that wait.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use gristmill_kafka::TopicPartition;
use gristmill_postgres::commit::checkpoint::{self, Checkpoint};
use gristmill_postgres::letters::stored_letter::{self, Filter, LetterState};
use jiff::Timestamp;
use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};

use crate::handles::{Commits, HostedPipeline};

/// How often they are asked for: Prometheus comes every 15 s as a rule.
const ASK_EVERY: Duration = Duration::from_secs(10);
/// What a server that answers takes, many times over. One that does not is left for this round:
/// the gauges stay, and the states say why.
const ASK_MAX: Duration = Duration::from_secs(5);

/// Keeps the gauges of `pipelines`, for ever.
pub async fn keep(commits: Arc<Commits>, pipelines: Vec<Arc<HostedPipeline>>) {
    loop {
        for pipeline in &pipelines {
            match timeout(ASK_MAX, ask(&commits, pipeline)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::debug!(pipeline = pipeline.name(), "no lag: {error:#}"),
                Err(_) => tracing::debug!(pipeline = pipeline.name(), "no lag: no answer"),
            }
        }
        sleep(ASK_EVERY).await;
    }
}

async fn ask(commits: &Commits, pipeline: &Arc<HostedPipeline>) -> Result<()> {
    let partitions = pipeline.standings.all().into_iter();
    let partitions: Vec<TopicPartition> = partitions.map(|(partition, _)| partition).collect();
    let (name, run) = (pipeline.name(), pipeline.run);
    let (checkpoints, letters) = {
        let connection = commits.pool.get().await?;
        let new = Filter {
            states: vec![LetterState::New],
            ..Filter::default()
        };
        let letters = stored_letter::count(&connection, name, run, &new).await?;
        (checkpoint::list(&connection, name, run).await?, letters)
    };
    pipeline.metrics.set_letters_waiting(name, letters);
    let at = |partition: TopicPartition| {
        let is_its = |c: &&Checkpoint| {
            c.key.partition == partition.partition && *c.key.topic == *partition.topic
        };
        let checkpoint = checkpoints.iter().find(is_its)?;
        Some((partition, checkpoint))
    };
    let held: Vec<_> = partitions.into_iter().filter_map(at).collect();
    let positions = held.iter().map(|(p, c)| (p.clone(), c.next_offset));
    let positions: Vec<_> = positions.collect();
    let kafka = Arc::clone(&pipeline.kafka);
    let lags = spawn_blocking(move || kafka.admin.lags(&positions)).await??;
    let now_ms = Timestamp::now().as_millisecond();
    for ((partition, checkpoint), lag) in held.iter().zip(lags) {
        let at_ms = checkpoint.last_record.as_ref().and_then(|last| last.at_ms);
        let seconds = match at_ms.filter(|_| lag.readable > 0) {
            Some(at_ms) => (now_ms - at_ms).max(0) as f64 / 1e3,
            None => 0.0,
        };
        pipeline
            .metrics
            .set_lag(name, partition, lag.readable, seconds);
    }
    Ok(())
}
