//! The relay: dead letters, once committed, go on to their topic in the order of each partition, at
//! least once.
//!
//! Each process relays the letters of the partitions it owns, so a partition has one relay except
//! while it changes hands; the header `gristmill-id` is the same for every copy.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, anyhow};
use gristmill_kafka::producer::dead_letters::{DeadLetterProducer, Letter, Undelivered};
use gristmill_postgres::letters::stored_letter::{self, Header, StoredLetter};
use gristmill_postgres::wire::connection::Connection;

use crate::definition::file::SourceSection;
use crate::handles::{Commits, HostedDatabase, HostedPipeline};

/// Letters of one round: as many as one batch of the producer holds, kilobytes as a rule.
const BATCH: i64 = 100;
/// Bytes of one round, give or take a letter: they are in memory three times, as rows, as letters
/// and in librdkafka's queue.
const BATCH_BYTES: i64 = 4 << 20;
/// How long a letter that nobody announced waits: one of an earlier process, or of a partition that
/// changed hands.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Relays the letters of the pipelines of `database` for ever, as far as they name a topic for
/// them.
pub async fn run(database: Arc<HostedDatabase>) {
    let commits = &database.commits;
    let mut relayed = Vec::new();
    let mut connections = Connections::default();
    let mut failing = false;
    loop {
        let before = relayed.len();
        relayed = with_topic(&database);
        try_refused_again(commits, &relayed[before..]).await;
        match relay_all(commits, &relayed, &mut connections).await {
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

/// The pipelines that name a topic for their letters, with that, in the order in which they came.
fn with_topic(database: &HostedDatabase) -> Vec<(String, Arc<HostedPipeline>)> {
    let all = database.pipelines.all().into_iter();
    all.filter_map(|p| Some((p.config.dead_letters.topic.clone()?, p)))
        .collect()
}

/// The relay's own connections: a place in the pool is for flushes, which a slow broker must not
/// hold up.
#[derive(Default)]
struct Connections {
    postgres: Option<Connection>,
    kafka: HashMap<LettersWay, DeadLetterProducer>,
}

/// Where letters go, and as whom: files of one database may read from several clusters, and name
/// the topic alike.
#[derive(Clone, PartialEq, Eq, Hash)]
struct LettersWay {
    bootstrap: String,
    properties: BTreeMap<String, String>,
    topic: String,
}

impl LettersWay {
    fn new(source: &SourceSection, topic: &str) -> Self {
        Self {
            bootstrap: source.bootstrap.clone(),
            properties: source.properties.clone(),
            topic: topic.to_owned(),
        }
    }
}

/// What a topic refused before `begun` began here may pass now. Where Postgres is away it waits for
/// the next start.
async fn try_refused_again(commits: &Commits, begun: &[(String, Arc<HostedPipeline>)]) {
    if begun.is_empty() {
        return;
    }
    let names: Vec<&str> = begun.iter().map(|(_, p)| p.name()).collect();
    let again = async {
        let connection = commits.pool.database().connect().await?;
        anyhow::Ok(stored_letter::try_refused_again(&connection, &names).await?)
    };
    if let Err(error) = again.await {
        tracing::debug!("letters that a topic refused are not tried again: {error:#}");
    }
}

/// Relays what there is, a round of each partition in turn. One whose letters cannot be sent does
/// not hold up the others: its error comes back when those are done.
async fn relay_all(
    commits: &Commits,
    relayed: &[(String, Arc<HostedPipeline>)],
    connections: &mut Connections,
) -> Result<()> {
    let Connections { postgres, kafka } = connections;
    if relayed.is_empty() {
        return Ok(());
    }
    let connection = match postgres {
        Some(connection) => connection,
        none => none.insert(commits.pool.database().connect().await?),
    };
    let names: Vec<_> = relayed.iter().map(|(_, p)| (p.name(), p.run)).collect();
    let owner = &commits.owner;
    let mut failed = HashSet::new();
    let mut done = Ok(());
    loop {
        let mut left = stored_letter::unrelayed_partitions(connection, owner, &names).await?;
        left.retain(|partition| !failed.contains(partition));
        if left.is_empty() {
            return done;
        }
        for partition in left {
            let is_theirs =
                |(_, p): &&(String, Arc<HostedPipeline>)| p.name() == partition.pipeline;
            let Some((topic, pipeline)) = relayed.iter().find(is_theirs) else {
                continue;
            };
            let letters = stored_letter::unrelayed(connection, &partition, BATCH, BATCH_BYTES);
            let letters = letters.await?;
            if let Err(error) = relay(connection, pipeline, topic, kafka, &letters).await {
                failed.insert(partition);
                done = Err(error);
            }
        }
    }
}

/// Relays letters of one partition, in order. What the topic takes by no means is marked and stays
/// new; those after it go on.
async fn relay(
    connection: &Connection,
    pipeline: &HostedPipeline,
    topic: &str,
    producers: &mut HashMap<LettersWay, DeadLetterProducer>,
    letters: &[StoredLetter],
) -> Result<()> {
    let way = LettersWay::new(&pipeline.config.source, topic);
    let producer = match producers.entry(way) {
        Entry::Occupied(known) => known.into_mut(),
        Entry::Vacant(new) => {
            let LettersWay {
                bootstrap,
                properties,
                topic,
            } = new.key();
            let producer = DeadLetterProducer::connect(bootstrap, properties, topic).await?;
            new.insert(producer)
        }
    };
    let about: Vec<_> = letters
        .iter()
        .map(|letter| about(pipeline.name(), letter))
        .collect();
    let out: Vec<_> = letters
        .iter()
        .zip(&about)
        .map(|(letter, about)| Letter {
            key: letter.key.as_deref(),
            value: letter.value.as_deref(),
            headers: borrowed(&letter.headers),
            about: borrowed(about),
            // Now: with the record's own, the topic's retention could delete the letter as it
            // comes.
            timestamp_ms: None,
        })
        .collect();
    let outcomes = producer.send(&out).await;
    let mut relayed = Vec::new();
    let mut failed = None;
    for (letter, outcome) in letters.iter().zip(outcomes) {
        match outcome {
            Ok(()) => relayed.push(letter),
            Err(Undelivered::Refused(error)) => {
                let reason = error.to_string();
                tracing::warn!(
                    letter = %letter.id,
                    "topic `{topic}` does not take a dead letter, which stays in \
                     gristmill.dead_letter: {reason}"
                );
                stored_letter::relay_refused(connection, letter, &reason).await?;
            }
            // Those after it are sent once more, so that their order is the partition's.
            Err(Undelivered::Failed(error)) => {
                failed = Some(error);
                break;
            }
        }
    }
    stored_letter::relayed(connection, &relayed).await?;
    match failed {
        None => Ok(()),
        Some(error) => Err(anyhow!(error).context(format!("cannot deliver to topic `{topic}`"))),
    }
}

fn borrowed(headers: &[Header]) -> Vec<(&str, Option<&[u8]>)> {
    let headers = headers.iter();
    headers.map(|(n, v)| (n.as_str(), v.as_deref())).collect()
}

/// What is said about a letter.
fn about(pipeline: &str, letter: &StoredLetter) -> Vec<Header> {
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
    let ours = ours.into_iter();
    ours.map(|(name, value)| (name.to_owned(), Some(value.into_bytes())))
        .collect()
}
