//! `gristmill status`: how a pipeline is doing, from Postgres and Kafka.

use std::collections::HashSet;
use std::path::Path;

use anyhow::{Context, Result};
use comfy_table::{Table, presets};
use jiff::Timestamp;

use crate::definition::file::Config;
use gristmill_kafka::TopicPartition;
use gristmill_kafka::admin::Admin;
use gristmill_postgres::commit::checkpoint::{self, Checkpoint, PartitionState};
use gristmill_postgres::commit::gap;
use gristmill_postgres::fleet::{definition_store, host};
use gristmill_postgres::letters::stored_letter::{self, Filter, LetterState};

pub(super) async fn run(path: &Path) -> Result<()> {
    let (config, database) = super::open(path)?;
    let name = config.pipeline.name.clone();
    let connection = database.connect().await?;
    let active = definition_store::active(&connection, &name).await?;
    let (run, revision) =
        active.with_context(|| format!("the pipeline `{name}` has never run on this database"))?;
    let checkpoints = checkpoint::list(&connection, &name, run).await?;
    let gaps = gap::list(&connection, &name, run).await?;
    let new = Filter {
        states: vec![LetterState::New],
        ..Filter::default()
    };
    let waiting = stored_letter::count(&connection, &name, run, &new).await?;
    let alive = host::alive(&connection, &name).await?;
    println!(
        "pipeline {name}: {} -> {}, run {run}, revision {revision}",
        config.source.topic, config.target.table
    );
    let letters_go_to = config.dead_letters.topic.clone();
    let ends = tokio::task::spawn_blocking({
        let checkpoints = checkpoints.clone();
        move || ends(&config, &checkpoints)
    });
    let (ends, trouble) = match ends.await? {
        Ok(ends) => (ends, None),
        Err(error) => (vec![None; checkpoints.len()], Some(error)),
    };
    println!("{}", table(&checkpoints, &ends, &alive));
    for checkpoint in &checkpoints {
        if let Some(reason) = &checkpoint.reason {
            println!(
                "{}[{}] halted: {reason}",
                checkpoint.key.topic, checkpoint.key.partition
            );
        }
    }
    for gap in gaps {
        let accepted = gap.accepted_by.as_deref().unwrap_or("nobody yet");
        println!(
            "gap in {}[{}]: {} to {} ({}), accepted by {accepted}",
            gap.topic, gap.partition, gap.from_offset, gap.to_offset, gap.cause
        );
    }
    match letters_go_to {
        _ if waiting == 0 => {}
        Some(topic) => println!("{waiting} dead letters wait for their topic {topic}"),
        None => println!("{waiting} dead letters are new: see `gristmill dead-letters list`"),
    }
    if let Some(error) = trouble {
        println!("lag is not known: {error:#}");
    }
    Ok(())
}

/// Kafka's end of each partition, exclusive.
fn ends(config: &Config, checkpoints: &[Checkpoint]) -> Result<Vec<Option<i64>>> {
    let admin = Admin::new(&config.source.bootstrap, &config.source.properties)?;
    let partition = |c: &Checkpoint| TopicPartition::new(c.key.topic.as_str(), c.key.partition);
    let partitions: Vec<_> = checkpoints.iter().map(partition).collect();
    let watermarks = admin.watermarks(&partitions)?;
    Ok(watermarks.into_iter().map(|(_, high)| Some(high)).collect())
}

fn table(checkpoints: &[Checkpoint], ends: &[Option<i64>], alive: &HashSet<String>) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header([
        "partition",
        "state",
        "next offset",
        "lag",
        "behind s",
        "event time",
        "records",
        "rows",
        "superseded",
        "late",
        "dead letters",
        "owner",
    ]);
    let unknown = || "?".to_owned();
    for (c, end) in checkpoints.iter().zip(ends) {
        let lag = end.map(|end| (end - c.next_offset).max(0));
        table.add_row([
            c.key.partition.to_string(),
            match c.state {
                PartitionState::Halted => "halted",
                PartitionState::Running if alive.contains(&c.owner) => "running",
                // The last owner left, or was not heard of for 15 s.
                PartitionState::Running => "not running",
            }
            .to_owned(),
            c.next_offset.to_string(),
            lag.map_or_else(unknown, |l| l.to_string()),
            lag.map_or_else(unknown, |l| behind_seconds(c, l)),
            c.event_time_max_us
                .and_then(|us| Timestamp::from_microsecond(us).ok())
                .map_or_else(String::new, |t| t.to_string()),
            c.records.to_string(),
            c.rows_upserted.to_string(),
            c.superseded.to_string(),
            c.late.to_string(),
            c.dead_letters.to_string(),
            c.owner.clone(),
        ]);
    }
    table
}

/// Seconds since the last record that was written was put into Kafka; nothing when none waits.
fn behind_seconds(checkpoint: &Checkpoint, lag: i64) -> String {
    if lag == 0 {
        return "0".to_owned();
    }
    let at = checkpoint.last_record.as_ref().and_then(|r| r.at_ms);
    at.map_or("?".to_owned(), |at| {
        ((Timestamp::now().as_millisecond() - at).max(0) / 1000).to_string()
    })
}
