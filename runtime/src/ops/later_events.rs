//! What a topic has to say to dead letters: the records that were too large to be kept with them,
//! and the events that came after them of their keys.

use std::collections::HashSet;

use anyhow::{Result, bail};
use gristmill_core::record::Records;
use gristmill_kafka::TopicPartition;
use gristmill_kafka::admin::Admin;
use gristmill_postgres::commit::checkpoint::{self, PartitionKey};
use gristmill_postgres::letters::stored_letter::{self, LetterId, StoredLetter};
use gristmill_postgres::wire::connection::Connection;

use crate::definition::pipeline::Pipeline;

/// Records that are looked at in one go: as many as a flush of the shipped pipeline takes.
const READ_MAX_ROWS: usize = 5_000;
/// Bytes of what is found, as much as four flushes have: it is computed in one batch.
const FOUND_MAX_BYTES: usize = 64 << 20;

/// A letter whose record was too large to be kept with it.
pub(super) const TOO_LARGE: &str = "too-large";

/// The records of `letters`, which are of one partition and log. One that was too large to be kept
/// is read again, as far as the topic has it; else it is what was kept of it.
pub(super) async fn records_of(
    connection: &Connection,
    pipeline: &Pipeline,
    run: i64,
    letters: &[StoredLetter],
) -> Records {
    let kept = stored_letter::records(letters);
    let large = letters.iter().filter(|letter| letter.code == TOO_LARGE);
    let large: HashSet<i64> = large.map(|letter| letter.id.offset).collect();
    if large.is_empty() {
        return kept;
    }
    match read_again(connection, pipeline, run, letters, (&kept, &large)).await {
        Ok(records) => records,
        Err(error) => {
            tracing::warn!("what was too large to be kept cannot be read again: {error:#}");
            kept
        }
    }
}

async fn read_again(
    connection: &Connection,
    pipeline: &Pipeline,
    run: i64,
    letters: &[StoredLetter],
    (kept, large): (&Records, &HashSet<i64>),
) -> Result<Records> {
    let (admin, partition, _) = topic(connection, pipeline, run, &letters[0].id).await?;
    tokio::task::block_in_place(|| {
        let watermarks = admin.watermarks(std::slice::from_ref(&partition))?;
        let (low, end) = watermarks.first().copied().unwrap_or_default();
        let mut whole = Records::default();
        for (i, record) in kept.iter().enumerate() {
            let (offset, before) = (record.offset, whole.len());
            if large.contains(&offset) && (low..end).contains(&offset) {
                admin.read(&partition, offset..offset + 1, 1, |records: Records| {
                    if records.first().is_some_and(|found| found.offset == offset) {
                        whole.append(&records, 0..1);
                    }
                    anyhow::Ok(())
                })?;
            }
            if whole.len() == before {
                whole.append(kept, i..i + 1);
            }
        }
        Ok(whole)
    })
}

/// The partition of a letter, how to reach it, and the offset up to which it is written.
async fn topic(
    connection: &Connection,
    pipeline: &Pipeline,
    run: i64,
    id: &LetterId,
) -> Result<(Admin, TopicPartition, i64)> {
    let key = PartitionKey {
        pipeline: pipeline.config.pipeline.name.clone(),
        run,
        topic: id.topic.clone(),
        partition: id.partition,
    };
    let Some(checkpoint) = checkpoint::read(connection, &key).await? else {
        bail!("the partition was never taken");
    };
    if checkpoint.log != id.log {
        bail!("the topic was created again since");
    }
    let source = &pipeline.config.source;
    let admin = tokio::task::block_in_place(|| Admin::new(&source.bootstrap, &source.properties))?;
    let partition = TopicPartition::new(id.topic.as_str(), id.partition);
    Ok((admin, partition, checkpoint.next_offset))
}

/// The records of `letters`, which are of one partition and log, with all later ones of the same
/// keys that the partition has written, in the order of the log. A record's key is taken for what
/// stands for a row's. The error says why the topic does not tell them all.
pub(super) async fn with_later(
    connection: &Connection,
    pipeline: &Pipeline,
    run: i64,
    letters: &[StoredLetter],
) -> Result<Records> {
    let id = &letters[0].id;
    let own = records_of(connection, pipeline, run, letters).await;
    let (admin, partition, until) = topic(connection, pipeline, run, id).await?;
    if admin.is_compacted(&id.topic).await != Some(false) {
        bail!("the topic may be compacted");
    }
    tokio::task::block_in_place(|| read(&admin, &partition, &own, until))
}

fn read(admin: &Admin, partition: &TopicPartition, own: &Records, until: i64) -> Result<Records> {
    let keys: HashSet<&[u8]> = own.iter().filter_map(|record| record.key).collect();
    let is_own: HashSet<i64> = own.iter().map(|record| record.offset).collect();
    let from = own.first().map_or(until, |record| record.offset + 1);
    let watermarks = admin.watermarks(std::slice::from_ref(partition))?;
    let (low, end) = watermarks.first().copied().unwrap_or_default();
    if low > from {
        bail!("the topic begins at offset {low}");
    }
    let mut later = Records::default();
    if from < until.min(end) {
        let offsets = from..until.min(end);
        admin.read(partition, offsets, READ_MAX_ROWS, |records: Records| {
            for (i, record) in records.iter().enumerate() {
                let is_later = record.key.is_some_and(|key| keys.contains(key));
                if is_later && !is_own.contains(&record.offset) {
                    later.append(&records, i..i + 1);
                }
            }
            match later.bytes() > FOUND_MAX_BYTES {
                true => bail!("there are too many: replay fewer dead letters at a time"),
                false => Ok(()),
            }
        })?;
    }
    Ok(merged(own, &later))
}

/// Both in the order of their offsets, of which none is in both.
fn merged(own: &Records, later: &Records) -> Records {
    let (mut merged, mut next) = (Records::default(), 0);
    for (i, record) in own.iter().enumerate() {
        let before = (next..later.len()).take_while(|&at| later.offset(at) < record.offset);
        let to = before.last().map_or(next, |at| at + 1);
        merged.append(later, next..to);
        merged.append(own, i..i + 1);
        next = to;
    }
    merged.append(later, next..later.len());
    merged
}
