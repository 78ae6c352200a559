//! Numbers that nobody counts as they change: lag, and letters that wait.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail};
use gristmill_kafka::TopicPartition;
use gristmill_kafka::admin::lag::LagRequest;
use gristmill_postgres::commit::checkpoint::{self, Checkpoint};
use gristmill_postgres::letters::stored_letter::{self, Filter, LetterState};
use jiff::Timestamp;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep, timeout};

use crate::handles::standing::Standing;
use crate::handles::{HostedDatabase, HostedPipeline};

/// How often they are asked for: Prometheus comes every 15 s as a rule.
const ASK_EVERY: Duration = Duration::from_secs(10);
/// What servers that answer take, many times over, one broker that is silent included. Else there
/// is no lag this round, and the states say why.
const ASK_MAX: Duration = Duration::from_secs(10);

/// How often a topic's settings are asked for: people change them by hand.
const SETTINGS_EVERY: Duration = Duration::from_secs(600);

/// Keeps the gauges of the pipelines of `databases`, for ever.
pub async fn keep(databases: Vec<Arc<HostedDatabase>>) {
    let mut known: HashMap<String, (Retention, Reached)> = HashMap::new();
    loop {
        for pipeline in databases.iter().flat_map(|d| d.pipelines.all()) {
            let (retention, reached) = known.entry(pipeline.name().to_owned()).or_default();
            if pipeline.kafka.outage().is_none() {
                retention.refresh(&pipeline).await;
            }
            let answer = timeout(ASK_MAX, ask(&pipeline, retention.ms, reached)).await;
            let error = match answer {
                Ok(Ok(())) => continue,
                Ok(Err(error)) => format!("{error:#}"),
                Err(_) => "no answer".to_owned(),
            };
            tracing::debug!(pipeline = pipeline.name(), "no lag: {error}");
            for (partition, _) in pipeline.standings.all() {
                pipeline.metrics.lag_unknown(pipeline.name(), &partition);
            }
        }
        sleep(ASK_EVERY).await;
    }
}

/// The next offset of each partition when its lag was asked for last.
type Reached = HashMap<TopicPartition, i64>;

/// How long a topic keeps its records.
#[derive(Default)]
struct Retention {
    ms: Option<i64>,
    asked: Option<Instant>,
}

impl Retention {
    async fn refresh(&mut self, pipeline: &HostedPipeline) {
        if self
            .asked
            .is_none_or(|asked| asked.elapsed() > SETTINGS_EVERY)
        {
            self.asked = Some(Instant::now());
            let admin = &pipeline.kafka.admin;
            self.ms = admin.retention_ms(&pipeline.config.source.topic).await;
        }
    }
}

async fn ask(
    pipeline: &Arc<HostedPipeline>,
    retention_ms: Option<i64>,
    reached: &mut Reached,
) -> Result<()> {
    let partitions = pipeline.standings.all();
    let (name, run) = (pipeline.name(), pipeline.run);
    let (checkpoints, letters) = {
        let connection = pipeline.commits.pool.get().await?;
        let new = Filter {
            states: vec![LetterState::New],
            ..Filter::default()
        };
        let letters = stored_letter::count(&connection, name, run, &new).await?;
        (checkpoint::list(&connection, name, run).await?, letters)
    };
    pipeline.metrics.set_letters_waiting(name, letters);
    // A question would wait as long as one may: of many pipelines, for minutes.
    if let Some(outage) = pipeline.kafka.outage() {
        bail!("{}", outage.reason);
    }
    let at = |(partition, standing): (TopicPartition, Standing)| {
        let is_its = |c: &&Checkpoint| {
            c.key.partition == partition.partition && *c.key.topic == *partition.topic
        };
        let checkpoint = checkpoints.iter().find(is_its)?;
        let next_offset = checkpoint.next_offset;
        // Where the partition moves, its next record is no transaction mark for long, and may be
        // large: it is not read a second time to know.
        let stands = reached.insert(partition.clone(), next_offset) == Some(next_offset);
        let position = LagRequest {
            partition,
            next_offset,
            may_read: stands && standing.state.reads(),
            after_ms: checkpoint.last_record.and_then(|last| last.at_ms),
        };
        Some(position)
    };
    let positions: Vec<_> = partitions.into_iter().filter_map(at).collect();
    let (kafka, asked) = (Arc::clone(&pipeline.kafka), positions.clone());
    let lags = spawn_blocking(move || kafka.admin.lags(&asked)).await??;
    let now_ms = Timestamp::now().as_millisecond();
    for (LagRequest { partition, .. }, lag) in positions.iter().zip(lags) {
        let lag = match lag {
            Ok(lag) => lag,
            Err(error) => {
                tracing::debug!(%partition, "no lag: {error}");
                pipeline.metrics.lag_unknown(name, partition);
                continue;
            }
        };
        let behind_ms = lag.behind_ms(now_ms);
        let seconds = behind_ms.unwrap_or_default() as f64 / 1e3;
        let left_ms = retention_ms
            .zip(behind_ms)
            .map(|(kept, behind)| kept - behind);
        let headroom = left_ms.map(|ms| ms as f64 / 1e3);
        pipeline.metrics.set_headroom(name, partition, headroom);
        pipeline
            .metrics
            .set_lag(name, partition, lag.readable, seconds);
    }
    Ok(())
}
