//! A model of what Postgres does: checkpoints with a compare-and-swap, rows under the guard, dead
//! letters.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use gristmill_core::chain::{Computed, Earlier};
use gristmill_core::column::Batch;
use gristmill_core::dead_letter::{DeadLetter, Stage};

use super::store::{Answer, Claim, Outcome, Store};
use super::verdict::shown;

/// A name that the table's check constraint refuses.
pub(super) const FORBIDDEN: &str = "forbidden";

/// Newest last: event time, log, partition, offset.
type Newness = (i64, i32, i32, i64);

#[derive(Debug, Default)]
struct StoredRow {
    newness: Newness,
    name: String,
    is_deleted: bool,
}

/// Checkpoints, table and dead letters in memory.
#[derive(Debug, Default)]
pub struct MemoryStore {
    checkpoints: BTreeMap<i32, Claim>,
    people: BTreeMap<i64, StoredRow>,
    /// By log, partition and offset.
    letters: BTreeMap<(i32, i32, i64), String>,
    records: i64,
    stale: u64,
}

impl Store for MemoryStore {
    async fn take(&mut self, _host: usize, partition: i32, topic: usize) -> Result<Claim> {
        // A partition that nobody had is of the topic that the others are of by now.
        let log = self.checkpoints.values().map(|claim| claim.log).max();
        let checkpoint = self.checkpoints.entry(partition).or_insert(Claim {
            partition,
            epoch: 0,
            next_offset: 0,
            event_time_max_us: None,
            topic,
            log: log.unwrap_or(1),
            counted_below: 0,
        });
        checkpoint.epoch += 1;
        Ok(*checkpoint)
    }

    async fn begin_anew(&mut self, claim: Claim, topic: usize) -> Result<Option<Claim>> {
        let Some(checkpoint) = self.current(claim, claim.next_offset) else {
            return Ok(None);
        };
        checkpoint.next_offset = 0;
        checkpoint.event_time_max_us = None;
        checkpoint.topic = topic;
        checkpoint.log += 1;
        checkpoint.counted_below = 0;
        Ok(Some(*checkpoint))
    }

    async fn halt_before(&mut self, claim: Claim, offset: i64) -> Result<bool> {
        let Some(checkpoint) = self.checkpoints.get_mut(&claim.partition) else {
            return Ok(false);
        };
        if checkpoint.epoch != claim.epoch {
            return Ok(false);
        }
        let Claim {
            next_offset,
            counted_below,
            ..
        } = *checkpoint;
        checkpoint.counted_below = counted_below.max(next_offset);
        checkpoint.next_offset = next_offset.min(offset);
        Ok(true)
    }

    async fn flush(&mut self, claim: Claim, from: i64, batch: &Computed) -> Result<Answer> {
        if self.current(claim, from).is_none() {
            return Ok(Answer::Fenced);
        }
        let refused = refused(batch);
        if !refused.is_empty() {
            return Ok(Answer::Refused(refused));
        }
        self.write(claim, batch);
        let is_read_again = batch.next_offset <= claim.counted_below;
        for letter in &batch.dead_letters {
            let offset = batch.records.get(letter.record as usize).offset;
            let place = (claim.log, claim.partition, offset);
            let before = self.letters.insert(place, letter.code.clone());
            ensure!(
                before.is_none() || is_read_again,
                "the dead letter {place:?} is written twice"
            );
        }
        if !is_read_again {
            self.records += batch.counts.records as i64;
        }
        if let Some(checkpoint) = self.checkpoints.get_mut(&claim.partition) {
            checkpoint.next_offset = batch.next_offset;
            checkpoint.event_time_max_us = checkpoint.event_time_max_us.max(batch.event_time_max);
        }
        Ok(Answer::Committed)
    }

    async fn outcome(&mut self) -> Result<Outcome> {
        let people = self.people.iter();
        Ok(Outcome {
            people: people
                .map(|(id, row)| (*id, shown(&row.name, row.is_deleted)))
                .collect(),
            letters: self.letters.keys().copied().collect(),
            records: self.records,
            stale: Some(self.stale),
        })
    }
}

impl MemoryStore {
    /// The compare-and-swap: the checkpoint, where the claim is the newest and it is at `offset`.
    fn current(&mut self, claim: Claim, offset: i64) -> Option<&mut Claim> {
        let checkpoint = self.checkpoints.get_mut(&claim.partition)?;
        let is_owner = checkpoint.epoch == claim.epoch;
        (is_owner && checkpoint.next_offset == offset).then_some(checkpoint)
    }

    /// The guard: what is newer stays.
    fn write(&mut self, claim: Claim, batch: &Computed) {
        let columns = &batch.rows.columns;
        let ids = columns[0].values.as_primitive::<Int64Type>();
        let deleted = columns[2].values.as_boolean();
        let times = columns[3].values.as_primitive::<Int64Type>();
        for (row, source) in batch.sources.iter().enumerate() {
            let offset = batch.records.get(source.record as usize).offset;
            let newness = (times.value(row), claim.log, claim.partition, offset);
            let stored = self.people.get(&ids.value(row));
            if stored.is_some_and(|stored| stored.newness > newness) {
                self.stale += 1;
                continue;
            }
            let written = StoredRow {
                newness,
                name: name(&batch.rows, row).to_owned(),
                is_deleted: deleted.value(row),
            };
            self.people.insert(ids.value(row), written);
        }
    }
}

/// The rows that the table's constraint refuses, each of which would be refused alone.
fn refused(batch: &Computed) -> Vec<DeadLetter> {
    let earlier = batch.earlier.iter().filter_map(|earlier| match earlier {
        Earlier::Rows(layer) => Some((&layer.rows, &layer.sources)),
        Earlier::Truncate(_) => None,
    });
    let layers = earlier.chain([(&batch.rows, &batch.sources)]);
    let rows = layers.flat_map(|(rows, sources)| {
        let sources = sources.iter().enumerate();
        sources.filter(|(row, _)| name(rows, *row) == FORBIDDEN)
    });
    rows.map(|(_, source)| DeadLetter {
        record: source.record,
        ordinal: source.rank + 1,
        stage: Stage::Sink,
        code: "refused".to_owned(),
        message: "not allowed".to_owned(),
    })
    .collect()
}

fn name(rows: &Batch, row: usize) -> &str {
    let names = rows.columns[1].values.as_string::<i32>();
    if names.is_null(row) {
        ""
    } else {
        names.value(row)
    }
}
