//! The relay: dead letters, once committed, go on to their topic in the order of each partition, at
//! least once.
//!
//! Each process relays the letters of the partitions it owns, so a partition has one relay except
//! while it changes hands; the header `gristmill-id` is the same for every copy.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use tokio_util::sync::CancellationToken;

use crate::process::Shared;
use gristmill_kafka::producer::dead_letters::{DeadLetterProducer, Letter};
use gristmill_postgres::letters::dead_letter::{Header, StoredLetter, relayed, unrelayed};
use gristmill_postgres::wire::connect::Connection;

/// Letters of one round: kilobytes as a rule, and 400 MiB if each were of the largest record that
/// `limits.record_max_bytes` lets in.
const BATCH: i64 = 100;
/// How long a letter that nobody announced waits: one of an earlier process, or of a partition that
/// changed hands.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Relays until `stop`.
pub async fn run(shared: Arc<Shared>, stop: CancellationToken) {
    let Some(topic) = &shared.config.dead_letters.topic else {
        return;
    };
    let mut wires = Wires::default();
    let mut failing = false;
    while !stop.is_cancelled() {
        match drain(&shared, topic, &mut wires).await {
            Ok(()) => failing = false,
            Err(error) => {
                if !failing {
                    tracing::warn!("dead letters stay in gristmill.dead_letter for now: {error:#}");
                }
                failing = true;
                wires = Wires::default();
            }
        }
        let announced = async {
            match failing {
                true => std::future::pending().await,
                false => shared.letters_wait.notified().await,
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = announced => {}
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
}

/// The relay's own connections: a place in the pool is for flushes, which a slow broker must not
/// hold up.
#[derive(Default)]
struct Wires {
    postgres: Option<Connection>,
    kafka: Option<DeadLetterProducer>,
}

async fn drain(shared: &Shared, topic: &str, wires: &mut Wires) -> Result<()> {
    let name = &shared.config.pipeline.name;
    let connection = match &mut wires.postgres {
        Some(connection) => connection,
        none => none.insert(shared.pool.database().connect().await?),
    };
    loop {
        let pipelines = [(name.as_str(), shared.run)];
        let letters = unrelayed(connection, &shared.owner, &pipelines, BATCH).await?;
        if letters.is_empty() {
            return Ok(());
        }
        send(shared, topic, &mut wires.kafka, &letters).await?;
        relayed(connection, &letters).await?;
    }
}

async fn send(
    shared: &Shared,
    topic: &str,
    producer: &mut Option<DeadLetterProducer>,
    letters: &[StoredLetter],
) -> Result<()> {
    let source = &shared.config.source;
    let producer = match producer {
        Some(producer) => producer,
        None => producer.insert(
            DeadLetterProducer::connect(&source.bootstrap, &source.properties, topic).await?,
        ),
    };
    let name = &shared.config.pipeline.name;
    let headers: Vec<_> = letters.iter().map(|letter| headers(name, letter)).collect();
    let out: Vec<_> = letters
        .iter()
        .zip(&headers)
        .map(|(letter, headers)| Letter {
            key: letter.key.as_deref(),
            value: letter.value.as_deref(),
            headers: headers
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_deref()))
                .collect(),
            // Now: with the record's own, the topic's retention could delete the letter as it
            // comes.
            timestamp_ms: None,
        })
        .collect();
    Ok(producer.send(&out).await?)
}

/// The record's own headers, then ours.
fn headers(pipeline: &str, letter: &StoredLetter) -> Vec<Header> {
    let ours = [
        ("gristmill-id", letter.id.to_string()),
        ("gristmill-pipeline", pipeline.to_owned()),
        ("gristmill-stage", letter.stage.clone()),
        ("gristmill-code", letter.code.clone()),
        ("gristmill-message", letter.message.clone()),
        ("gristmill-revision", letter.revision.to_string()),
        ("gristmill-topic", letter.id.topic.clone()),
        ("gristmill-partition", letter.id.partition.to_string()),
        (
            "gristmill-timestamp",
            letter
                .record_at_ms
                .map_or(String::new(), |ms| ms.to_string()),
        ),
        ("gristmill-offset", letter.id.offset.to_string()),
    ];
    let ours = ours
        .into_iter()
        .map(|(name, value)| (name.to_owned(), Some(value.into_bytes())));
    letter.headers.iter().cloned().chain(ours).collect()
}
