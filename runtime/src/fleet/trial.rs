//! A batch that failed, as another revision would have had it: what becomes of the rows that
//! failed, among all the others.

use anyhow::Result;
use gristmill_core::brake::DeadLetterBrake;
use gristmill_core::chain::{Chain, Computed, Counts, Moment, RowSource};
use gristmill_core::dead_letter::{DeadLetter, Stage};
use gristmill_core::record::Records;
use tokio::task::block_in_place;

use crate::definition::revision::Revision;
use gristmill_postgres::commit::refusal::{BlamedRows, blame};
use gristmill_postgres::commit::row_origin::RowOrigin;
use gristmill_postgres::wire::pool::Pool;

/// Searches for rows that Postgres refuses. Each takes up to 32 statements and finds one at least.
/// 8: as many rows as a batch may have before a rule is at fault.
const SEARCHES_MAX: usize = 8;

/// A failed batch as another revision computes it.
pub(crate) struct Trial<'a> {
    revision: &'a Revision,
    partition: i32,
    chain: Chain,
    computed: Computed,
}

impl<'a> Trial<'a> {
    /// Computes all of the batch, at its moment: a row is late, or clashes, because of others. The
    /// chain's state is empty: it shows more rows to the rules than the live one did, never
    /// fewer. `None`: the revision cannot compute the batch.
    pub(crate) fn new(
        revision: &'a Revision,
        partition: i32,
        records: &Records,
        moment: Moment,
    ) -> Option<Self> {
        let (chain, computed) = block_in_place(|| {
            let pipeline = &revision.pipeline;
            let mut chain = pipeline.chain(partition, moment.event_time_max).ok()?;
            pipeline.schemas().teach(&mut chain, records).ok()?;
            let computed = chain.compute(records.clone(), moment.now_us).ok()?;
            Some((chain, computed))
        })?;
        Some(Self {
            revision,
            partition,
            chain,
            computed,
        })
    }

    /// Whether the batch stays within `brake`. `letters` are the live revision's: what Postgres
    /// refused among them counts here, too, as this revision was asked about it before.
    pub(crate) fn is_within(&self, brake: &DeadLetterBrake, letters: &[DeadLetter]) -> bool {
        let refused = |l: &&DeadLetter| l.stage == Stage::Sink && l.code == "refused";
        let refused = letters.iter().filter(refused);
        let more = refused.filter(|l| !is_dead(&self.computed, l.record));
        let counts = Counts {
            dead_letters: self.computed.counts.dead_letters + more.count() as u64,
            ..self.computed.counts
        };
        brake.check(&counts).is_ok()
    }

    /// One of the rows that failed with the live revision, and that for certain this one's rules
    /// and Postgres accept.
    pub(crate) async fn accepted<'l>(
        mut self,
        failed: &[&'l DeadLetter],
        pool: &Pool,
    ) -> Result<Option<&'l DeadLetter>> {
        for _ in 0..SEARCHES_MAX {
            let by_rules = failed.iter().filter(|l| self.rules_accept(l));
            let by_rules: Vec<&DeadLetter> = by_rules.copied().collect();
            if by_rules.is_empty() {
                return Ok(None);
            }
            let BlamedRows { refused, passed } =
                judged(self.revision, self.partition, &self.computed, pool).await?;
            let sources = &self.computed.sources;
            let passes = |l: &&DeadLetter| postgres_accepts(sources, &passed, l);
            let accepted = by_rules.into_iter().find(passes);
            if accepted.is_some() || refused.is_empty() {
                return Ok(accepted);
            }
            let (chain, computed) = (&mut self.chain, self.computed);
            let letters = refused.iter().map(|r| r.dead_letter(&computed)).collect();
            let Ok(without) = block_in_place(|| chain.exclude(computed, letters)) else {
                return Ok(None);
            };
            self.computed = without;
        }
        Ok(None)
    }

    fn rules_accept(&self, failed: &DeadLetter) -> bool {
        // What was tried, and is not among the rows here, gave way to a row that the live rules did
        // not have: nobody knows what would have become of it.
        let is_row = self.computed.sources.iter().any(|s| is_of(failed, s));
        is_row || !was_tried(failed) && !is_dead(&self.computed, failed.record)
    }
}

async fn judged(
    revision: &Revision,
    partition: i32,
    computed: &Computed,
    pool: &Pool,
) -> Result<BlamedRows> {
    // Nothing stays of what is tried: no row is to be left out because of its topic's number.
    let log = i32::MAX;
    let origin = RowOrigin { log, partition };
    let (sink, mut connection) = (&revision.sink, pool.get().await?);
    Ok(blame(&mut connection, sink, origin, computed, revision.number).await?)
}

fn is_dead(computed: &Computed, record: u32) -> bool {
    computed.dead_letters.iter().any(|l| l.record == record)
}

/// Whether the row was the newest usable one of its key when it failed. Before that it is a matter
/// of the record as a whole.
fn was_tried(failed: &DeadLetter) -> bool {
    failed.ordinal > 0 && failed.stage != Stage::EventTime
}

fn is_of(failed: &DeadLetter, row: &RowSource) -> bool {
    failed.record == row.record && (!was_tried(failed) || failed.ordinal == row.rank + 1)
}

/// Whether the rows of what failed are known to pass: `passed` says it of each row.
fn postgres_accepts(sources: &[RowSource], passed: &[bool], failed: &DeadLetter) -> bool {
    let mut rows = sources.iter().zip(passed).filter(|(s, _)| is_of(failed, s));
    rows.all(|(_, passed)| *passed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(record: u32, ordinal: u32, stage: Stage) -> DeadLetter {
        DeadLetter {
            record,
            ordinal,
            stage,
            code: String::new(),
            message: String::new(),
        }
    }

    #[test]
    fn only_rows_that_passed_are_accepted() {
        // Record 7 was split; in key order its second row comes first.
        let sources = [(7, 1), (5, 0), (7, 0), (6, 0)];
        let sources = sources.map(|(record, rank)| RowSource { record, rank });
        let accepts = |passed: [bool; 4], failed| postgres_accepts(&sources, &passed, &failed);
        let row = |record, ordinal| failed(record, ordinal, Stage::Sink);
        for (record, ordinal) in [(5, 1), (6, 1), (7, 1), (7, 2)] {
            assert!(accepts([true; 4], row(record, ordinal)));
        }
        let not_the_second = [true, false, true, true];
        assert!(accepts(not_the_second, row(7, 2)));
        assert!(accepts(not_the_second, row(7, 1)));
        assert!(!accepts(not_the_second, row(5, 1)));
        // The record as a whole failed: all of its rows must pass.
        for stage in [Stage::EventTime, Stage::Decode] {
            let ordinal = u32::from(stage == Stage::EventTime);
            assert!(accepts(not_the_second, failed(7, ordinal, stage.clone())));
            let not_the_third = [true, true, false, true];
            assert!(!accepts(not_the_third, failed(7, ordinal, stage)));
        }
    }
}
