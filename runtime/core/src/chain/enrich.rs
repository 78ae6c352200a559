//! From the winners of a batch to its rows: every key gets its newest row that passes.

use crate::column::{Batch, Column};
use crate::dead_letter::{DeadLetter, Stage};
use crate::dedup::{Candidates, Versions};

use super::RowSource;
use super::convict::Applied;
use super::normalize::Normalized;
use super::step::{Step, ordinal};
use super::target_columns::{TargetColumns, rows_with_zero};
use super::uncomputed::ChainFault;

/// Rows ready for the sink.
pub(super) struct Enriched {
    /// The target's columns, in key order.
    pub(super) batch: Batch,
    /// The place of each row among the normalizer's.
    pub(super) rows: Vec<u32>,
    /// Candidates that became dead letters on the way.
    pub(super) failed: u64,
}

/// Runs the enrichers on the newest row of each key; where one fails, on the next newest, until a
/// row of the key passes or none is left.
pub(super) fn enrich(
    normalized: &Normalized,
    versions: &Versions,
    candidates: &Candidates,
    steps: &mut [Step],
    target: &TargetColumns,
    dead_letters: &mut Vec<DeadLetter>,
) -> Result<Enriched, ChainFault> {
    let (mut batches, mut positions, mut failed) = (Vec::new(), Vec::new(), 0);
    let mut wave = candidates.winners(versions);
    while !wave.is_empty() || batches.is_empty() {
        let mut rows = Wave::new(normalized, candidates, wave);
        for step in &mut *steps {
            rows.apply(step, dead_letters)?;
        }
        batches.push(rows.pick(target, dead_letters));
        positions.extend_from_slice(&rows.positions);
        failed += rows.failed.len() as u64;
        wave = rows
            .failed
            .iter()
            .filter_map(|&p| candidates.next(versions, p))
            .collect();
    }
    let mut batch = Batch::concat(&batches);
    if batches.len() > 1 {
        // Replacements go where their keys belong.
        let mut order: Vec<u32> = (0..positions.len() as u32).collect();
        order.sort_unstable_by_key(|&i| positions[i as usize]);
        batch = batch.take(&order);
        positions.sort_unstable();
    }
    let rows = positions.into_iter().map(|p| candidates.row(p)).collect();
    Ok(Enriched {
        batch,
        rows,
        failed,
    })
}

/// Rows on their way through the enrichers, at most one of each key.
struct Wave<'a> {
    sources: &'a [RowSource],
    candidates: &'a Candidates,
    /// The places of the rows still there, among the candidates.
    positions: Vec<u32>,
    /// The normalizer's columns, then each enricher's.
    columns: Vec<Column>,
    failed: Vec<u32>,
}

impl<'a> Wave<'a> {
    fn new(normalized: &'a Normalized, candidates: &'a Candidates, positions: Vec<u32>) -> Self {
        let rows: Vec<u32> = positions.iter().map(|&p| candidates.row(p)).collect();
        let columns = normalized.batch.take(&rows).columns;
        Self {
            sources: &normalized.sources,
            candidates,
            positions,
            columns,
            failed: Vec::new(),
        }
    }

    fn source(&self, row: u32) -> RowSource {
        self.sources[self.candidates.row(self.positions[row as usize]) as usize]
    }

    fn apply(
        &mut self,
        step: &mut Step,
        dead_letters: &mut Vec<DeadLetter>,
    ) -> Result<(), ChainFault> {
        let input = self.positions.len();
        let Applied { output, convicted } = step.apply(&self.columns, input)?;
        let rejected = output.rejections.len() + convicted.len();
        if output.rows + rejected != input {
            let transform = step.transform.name().to_owned();
            return Err(ChainFault::RowsMissing {
                transform,
                input,
                returned: output.rows,
                rejected,
            });
        }
        for (row, fault) in convicted {
            let source = self.source(row);
            dead_letters.push(step.convicted(&fault, source.record, ordinal(source)));
            self.failed.push(self.positions[row as usize]);
        }
        for rejection in output.rejections {
            let source = self.source(rejection.row);
            self.failed.push(self.positions[rejection.row as usize]);
            dead_letters.push(step.rejected(rejection, source.record, ordinal(source)));
        }
        if let Some(rows) = output.source_rows.filter(|_| rejected > 0) {
            self.keep(&rows);
        }
        self.columns.extend(output.columns);
        Ok(())
    }

    /// Goes on with these rows only.
    fn keep(&mut self, rows: &[u32]) {
        let indices = arrow_array::UInt32Array::from(rows.to_vec());
        self.columns = self.columns.iter().map(|c| c.take(&indices)).collect();
        self.positions = rows.iter().map(|&r| self.positions[r as usize]).collect();
    }

    fn pick(&mut self, target: &TargetColumns, dead_letters: &mut Vec<DeadLetter>) -> Batch {
        let batch = target.pick(&self.columns, self.positions.len());
        let zeros = rows_with_zero(&batch);
        if zeros.is_empty() {
            return batch;
        }
        for &(row, column) in &zeros {
            let source = self.source(row);
            let name = &batch.fields[column].name;
            let message =
                format!("column `{name}` holds a zero character, which Postgres cannot store");
            let (record, ordinal, code) = (source.record, ordinal(source), "zero-byte".to_owned());
            dead_letters.push(DeadLetter {
                record,
                ordinal,
                stage: Stage::Sink,
                code,
                message,
            });
            self.failed.push(self.positions[row as usize]);
        }
        let is_bad = |row: &u32| zeros.binary_search_by_key(row, |z| z.0).is_ok();
        let rows: Vec<u32> = (0..batch.rows as u32).filter(|r| !is_bad(r)).collect();
        self.keep(&rows);
        batch.take(&rows)
    }
}
