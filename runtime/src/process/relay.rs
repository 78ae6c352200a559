//! The relay: dead letters, once committed, go on to their topic in the order of each partition, at
//! least once.
//!
//! Each process relays the letters of the partitions it owns, so a partition has one relay except
//! while it changes hands; the header `gristmill-id` is the same for every copy.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use gristmill_kafka::producer::dead_letters::{DeadLetterProducer, Letter};
use gristmill_postgres::letters::stored_letter::{self, Header, StoredLetter};
use gristmill_postgres::wire::connection::Connection;

use crate::handles::{Commits, HostedPipeline};

/// Letters of one round: kilobytes as a rule, and 400 MiB if each were of the largest record that
/// `limits.record_max_bytes` lets in.
const BATCH: i64 = 100;
/// How long a letter that nobody announced waits: one of an earlier process, or of a partition that
/// changed hands.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Relays the letters of `pipelines` for ever, as far as they name a topic for them.
pub async fn run(commits: Arc<Commits>, pipelines: Vec<Arc<HostedPipeline>>) {
    let topic =
        |p: &Arc<HostedPipeline>| Some((p.config.dead_letters.topic.clone()?, Arc::clone(p)));
    let relayed: Vec<_> = pipelines.iter().filter_map(topic).collect();
    if relayed.is_empty() {
        return;
    }
    let mut connections = Connections::default();
    let mut failing = false;
    loop {
        match relay_all(&commits, &relayed, &mut connections).await {
            Ok(()) => failing = false,
            Err(error) => {
                if !failing {
                    tracing::warn!("dead letters stay in gristmill.dead_letter for now: {error:#}");
                }
                failing = true;
                connections = Connections::default();
            }
        }
        let announced = async {
            match failing {
                true => std::future::pending().await,
                false => commits.letters_wait.notified().await,
            }
        };
        tokio::select! {
            () = announced => {}
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
}

/// The relay's own connections: a place in the pool is for flushes, which a slow broker must not
/// hold up.
#[derive(Default)]
struct Connections {
    postgres: Option<Connection>,
    /// One for each topic of dead letters.
    kafka: HashMap<String, DeadLetterProducer>,
}

/// Relays what there is. A pipeline whose letters cannot be sent does not hold up the others: its
/// error comes back when those are done.
async fn relay_all(
    commits: &Commits,
    relayed: &[(String, Arc<HostedPipeline>)],
    connections: &mut Connections,
) -> Result<()> {
    let connection = match &mut connections.postgres {
        Some(connection) => connection,
        none => none.insert(commits.pool.database().connect().await?),
    };
    let mut left: Vec<&(String, Arc<HostedPipeline>)> = relayed.iter().collect();
    let mut done = Ok(());
    loop {
        let names: Vec<_> = left.iter().map(|(_, p)| (p.name(), p.run)).collect();
        let letters = stored_letter::unrelayed(connection, &commits.owner, &names, BATCH).await?;
        if letters.is_empty() {
            return done;
        }
        // They come in the order of pipelines.
        for letters in letters.chunk_by(|a, b| a.pipeline == b.pipeline) {
            let is_theirs =
                |(_, p): &&&(String, Arc<HostedPipeline>)| p.name() == letters[0].pipeline;
            let Some((topic, pipeline)) = left.iter().find(is_theirs) else {
                continue;
            };
            match send(pipeline, topic, &mut connections.kafka, letters).await {
                Ok(()) => stored_letter::relayed(connection, letters)
                    .await
                    .map(drop)?,
                Err(error) => {
                    left.retain(|(_, p)| p.name() != letters[0].pipeline);
                    done = Err(error);
                }
            }
        }
    }
}

async fn send(
    pipeline: &HostedPipeline,
    topic: &str,
    producers: &mut HashMap<String, DeadLetterProducer>,
    letters: &[StoredLetter],
) -> Result<()> {
    let source = &pipeline.config.source;
    if !producers.contains_key(topic) {
        let producer = DeadLetterProducer::connect(&source.bootstrap, &source.properties, topic);
        producers.insert(topic.to_owned(), producer.await?);
    }
    let producer = &producers[topic];
    let name = pipeline.name();
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
