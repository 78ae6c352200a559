//! What this Postgres takes from a client that only writes, and what this Kafka gives to one that
//! only reads.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use gristmill::definition::file::{self, Config};
use gristmill::definition::pipeline::Pipeline;
use gristmill_core::chain::Computed;
use gristmill_core::record::Records;
use gristmill_postgres::commit::checkpoint::PartitionKey;
use gristmill_postgres::commit::lease::{self, TakeRequest};
use gristmill_postgres::commit::sink::Sink;
use gristmill_postgres::fleet::registration::{Registration, register};
use gristmill_postgres::wire::connection::Database;
use gristmill_sandbox::Sandbox;
use gristmill_tests::topic::{self, Message};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use serde::{Deserialize, Serialize};

use crate::traffic::PARTITIONS;
use crate::usage::Tree;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// ceiling-write or ceiling-read
    kind: String,
    pipeline: PathBuf,
}

/// What it says on its standard output at the end.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(crate) struct Took {
    pub(crate) seconds: f64,
    pub(crate) cpu_s: f64,
}

/// This process, from the start of the part that counts.
struct Meter {
    begun: Instant,
    cpu_s: f64,
}

impl Meter {
    fn start() -> Self {
        Self {
            begun: Instant::now(),
            cpu_s: Tree(std::process::id()).cpu_s(),
        }
    }

    fn took(&self) -> Took {
        Took {
            seconds: self.begun.elapsed().as_secs_f64(),
            cpu_s: Tree(std::process::id()).cpu_s() - self.cpu_s,
        }
    }
}

pub(crate) fn run(args: Args) -> Result<()> {
    let config = file::load(&args.pipeline)?;
    let runtime = tokio::runtime::Runtime::new()?;
    let took = match args.kind.as_str() {
        "ceiling-write" => runtime.block_on(write(config))?,
        "ceiling-read" => read(&config)?,
        other => bail!("there is no {other}"),
    };
    println!("{}", serde_json::to_string(&took)?);
    Ok(())
}

async fn write(config: Config) -> Result<Took> {
    let database = Database::new(&config.target.url, "gristmill-bench")?;
    let mut connection = database.connect().await?;
    let sandbox = Sandbox::new(gristmill::folders::cache_folder().as_deref())?;
    let mut pipeline = Pipeline::load(config.clone(), &sandbox, &database).await?;
    pipeline.choose_guard(&connection).await?;
    let (bootstrap, topic) = (config.source.bootstrap.clone(), config.source.topic.clone());
    let messages = tokio::task::spawn_blocking(move || topic::read(&bootstrap, &topic)).await??;
    let finished = (0..PARTITIONS).map(|p| finish(&pipeline, &messages, p));
    let finished: Vec<Vec<Computed>> = finished.collect::<Result<_>>()?;
    let name = &config.pipeline.name;
    let registration = Registration {
        pipeline: name.clone(),
        topics: vec![config.source.topic.clone()],
        target: config.target.table.clone(),
        spec: serde_json::to_value(pipeline.spec())?,
        spec_hash: "ceiling".to_owned(),
        components: pipeline.blobs(),
    };
    register(&mut connection, &registration, "ceiling").await?;
    let sink = Arc::new(pipeline.sink(&connection, None).await?);
    let meter = Meter::start();
    let mut tasks = Vec::new();
    for (partition, batches) in finished.into_iter().enumerate() {
        let key = PartitionKey {
            pipeline: name.clone(),
            run: 1,
            topic: config.source.topic.clone(),
            partition: partition as i32,
        };
        tasks.push(tokio::spawn(flush_all(
            database.clone(),
            Arc::clone(&sink),
            key,
            batches,
        )));
    }
    for task in tasks {
        task.await??;
    }
    Ok(meter.took())
}

/// The rows of a partition, in batches as large as gristmill's.
fn finish(pipeline: &Pipeline, messages: &[Message], partition: i32) -> Result<Vec<Computed>> {
    let mut chain = pipeline.chain(partition, None)?;
    let of_partition: Vec<&Message> = messages
        .iter()
        .filter(|m| m.partition == partition)
        .collect();
    let now_us = jiff::Timestamp::now().as_microsecond();
    let mut batches = Vec::new();
    for messages in of_partition.chunks(pipeline.config.target.max_rows) {
        let mut records = Records::default();
        for m in messages {
            let (key, value) = (m.key.as_deref(), m.value.as_deref());
            records.push(m.offset, m.timestamp_ms, key, value, std::iter::empty());
        }
        let computed = chain
            .compute(records, now_us)
            .map_err(|batch| batch.fault)?;
        chain.committed(&computed);
        batches.push(computed);
    }
    Ok(batches)
}

async fn flush_all(
    database: Database,
    sink: Arc<Sink>,
    key: PartitionKey,
    batches: Vec<Computed>,
) -> Result<()> {
    let mut connection = database.connect().await?;
    let request = TakeRequest {
        key,
        revision: 1,
        start_offset_if_new: 0,
        topic_id: None,
        end_offset: 1,
    };
    let taken = lease::take(&mut connection, &[request], "ceiling").await?;
    let lease = &taken.first().context("nothing was taken")?.lease;
    let mut next_offset = 0;
    for batch in &batches {
        sink.flush(&mut connection, lease, next_offset, batch, 1, &|_| None)
            .await?;
        next_offset = batch.next_offset;
    }
    Ok(())
}

fn read(config: &Config) -> Result<Took> {
    let ends = topic::ends(&config.source.bootstrap, &config.source.topic)?;
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", &config.source.bootstrap)
        .set("group.id", "gristmill-bench")
        .set("enable.auto.commit", "false")
        .create()?;
    let mut assignment = TopicPartitionList::new();
    for partition in 0..PARTITIONS {
        assignment.add_partition_offset(&config.source.topic, partition, Offset::Beginning)?;
    }
    let meter = Meter::start();
    consumer.assign(&assignment)?;
    let mut left: i64 = ends.iter().sum();
    while left > 0 {
        if let Some(message) = consumer.poll(Duration::from_secs(1)) {
            message?;
            left -= 1;
        }
    }
    Ok(meter.took())
}

/// The last line of what a ceiling printed.
pub(crate) fn took(printed: &str) -> Result<Took> {
    serde_json::from_str(printed.trim()).with_context(|| format!("it said: {printed}"))
}
