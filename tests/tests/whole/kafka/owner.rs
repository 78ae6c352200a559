//! An owner that tells the test what it is told, and the test's ways to a topic.

use std::sync::{Arc, mpsc};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use gristmill_core::record::Records;
use gristmill_kafka::TopicPartition;
use gristmill_kafka::admin::Admin;
use gristmill_kafka::client::SourceConfig;
use gristmill_kafka::source::{
    Assignments, Chunk, Feed, FetchStart, Intake, Position, Source, SourceFault, feed,
};
use gristmill_tests::kafka::Kafka;
use gristmill_tests::process::wait_until;
use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

/// For anything that must happen at all; a machine whose cores are all compiling is slow.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// What the owner of a source was told.
#[derive(Debug)]
pub(crate) enum Told {
    Assigned(TopicPartition, Intake),
    Paused(TopicPartition),
    Revoked(TopicPartition),
    Lost,
    Fault(SourceFault),
}

/// Starts each partition where `start` says; `None` pauses it.
pub(crate) struct Owner<F> {
    start: F,
    told: mpsc::Sender<Told>,
}

impl<F: FnMut(&TopicPartition) -> Option<i64> + Send> Assignments for Owner<F> {
    fn assigned(&mut self, partitions: &[TopicPartition]) -> Vec<Position> {
        let mut positions = Vec::new();
        for p in partitions {
            let told = match (self.start)(p) {
                None => {
                    positions.push(Position::Paused);
                    Told::Paused(p.clone())
                }
                Some(next_offset) => {
                    let (feed, intake) = feed();
                    positions.push(Position::Start(start_at(next_offset, feed)));
                    Told::Assigned(p.clone(), intake)
                }
            };
            let _ = self.told.send(told);
        }
        positions
    }

    fn revoked(&mut self, partitions: &[TopicPartition]) {
        for p in partitions {
            let _ = self.told.send(Told::Revoked(p.clone()));
        }
    }

    fn lost(&mut self, partitions: &[TopicPartition]) {
        for _ in partitions {
            let _ = self.told.send(Told::Lost);
        }
    }

    fn fault(&mut self, fault: SourceFault) {
        let _ = self.told.send(Told::Fault(fault));
    }
}

pub(crate) fn source<F>(config: &SourceConfig, start: F) -> Result<(Source, mpsc::Receiver<Told>)>
where
    F: FnMut(&TopicPartition) -> Option<i64> + Send + 'static,
{
    let (told, receiver) = mpsc::channel();
    let admin = Arc::new(Admin::new(&config.bootstrap, &config.properties)?);
    let source = Source::start(config, admin, Owner { start, told })?;
    Ok((source, receiver))
}

/// Reads from an offset, whatever topic it is of.
pub(crate) fn start_at(next_offset: i64, feed: Feed) -> FetchStart {
    FetchStart {
        next_offset,
        topic_id: None,
        feed,
    }
}

pub(crate) fn assigned(told: &mpsc::Receiver<Told>) -> Result<(TopicPartition, Intake)> {
    match told.recv_timeout(PATIENCE)? {
        Told::Assigned(partition, intake) => Ok((partition, intake)),
        other => bail!("expected an assignment, got {other:?}"),
    }
}

pub(crate) fn fault(told: &mpsc::Receiver<Told>) -> Result<SourceFault> {
    match told.recv_timeout(PATIENCE)? {
        Told::Fault(fault) => Ok(fault),
        other => bail!("expected a fault, got {other:?}"),
    }
}

/// The next chunk, within [`PATIENCE`]; `None` when the feed ended.
pub(crate) fn next(intake: &mut Intake) -> Result<Option<Chunk>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()?;
    runtime
        .block_on(async { tokio::time::timeout(PATIENCE, intake.recv()).await })
        .context("no chunk came")
}

/// So many records, and what else comes before the source has caught up: it says so, too, where
/// the next ones take a moment.
pub(crate) fn read(intake: &mut Intake, count: usize) -> Result<Records> {
    let mut all = Records::default();
    loop {
        let chunk = next(intake)?.context("the feed ended")?;
        all.append(&chunk.records, 0..chunk.records.len());
        if chunk.caught_up && all.len() >= count {
            return Ok(all);
        }
    }
}

pub(crate) fn offsets(records: &Records) -> Vec<i64> {
    records.iter().map(|r| r.offset).collect()
}

/// Appends `count` messages with their number as value.
pub(crate) fn produce(
    kafka: &Kafka,
    topic: &str,
    partition: i32,
    numbers: std::ops::Range<u64>,
) -> Result<()> {
    let producer = plain_producer(kafka)?;
    for number in numbers {
        let value = number.to_string();
        let record = BaseRecord::<(), str>::to(topic)
            .partition(partition)
            .payload(&value);
        producer.send(record).map_err(|(e, _)| e)?;
    }
    Ok(producer.flush(PATIENCE)?)
}

pub(crate) fn plain_producer(kafka: &Kafka) -> Result<BaseProducer> {
    Ok(ClientConfig::new()
        .set("bootstrap.servers", kafka.bootstrap())
        .create()?)
}

pub(crate) fn topic(kafka: &Kafka, name: &str, partitions: i32) -> Result<SourceConfig> {
    kafka.create_topic(name, partitions, &[])?;
    Ok(SourceConfig::new(&kafka.bootstrap(), &[name], name))
}

pub(crate) fn wait(what: &str, mut done: impl FnMut() -> Result<bool>) -> Result<()> {
    wait_until(what, PATIENCE, &mut done)
}
