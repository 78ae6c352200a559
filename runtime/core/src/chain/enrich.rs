//! From the winners of a batch to its rows: every key gets its newest row that passes, and before
//! it the older ones that have what it lacks.

use std::borrow::Cow;

use crate::column::{Batch, Column};
use crate::dead_letter::{DeadLetter, Stage};
use crate::dedup::{Candidates, Versions};

use super::RowSource;
use super::convict::Applied;
use super::key_rows::KeyRows;
use super::layering::{Layering, Layers, Passed};
use super::normalize::Normalized;
use super::read_back::{Fill, ReadBack};
use super::step::{Step, ordinal};
use super::target_columns::{TargetColumns, rows_with_zero};
use super::uncomputed::ChainFault;

/// Rows ready for the sink.
pub(super) struct Enriched {
    pub(super) layers: Layers,
    /// Candidates that became dead letters on the way.
    pub(super) failed: u64,
}

/// Runs the enrichers on the newest row of each key, and on those that it needs below it; where one
/// fails, on what takes its place, until all that is needed has passed or nothing is left.
pub(super) fn enrich(
    normalized: &Normalized,
    versions: &Versions,
    candidates: &Candidates,
    mut layering: Option<(Layering<'_>, &mut ReadBack<'_>)>,
    steps: &mut [Step],
    target: &TargetColumns,
    dead_letters: &mut Vec<DeadLetter>,
) -> Result<Enriched, ChainFault> {
    let (mut waves, mut failed) = (Vec::new(), 0);
    let mut wave = match &mut layering {
        None => candidates.winners(versions),
        Some((layering, _)) => layering.newest(),
    };
    while !wave.is_empty() || waves.is_empty() {
        let fill = layering.as_mut();
        let fill = fill.and_then(|(layering, read_back)| read_back.fill(&layering.rows, &wave));
        let key_rows = layering.as_ref().map(|(layering, _)| &layering.rows);
        let mut rows = Wave::new(normalized, candidates, key_rows, wave, fill);
        for step in &mut *steps {
            rows.apply(step, dead_letters)?;
        }
        let passed = rows.pick(target, dead_letters);
        let Wave {
            positions,
            failed: bad,
            ..
        } = rows;
        waves.push(Passed {
            rows: passed,
            positions,
        });
        failed += bad.len() as u64;
        wave = match &mut layering {
            None => {
                let next = bad.iter().filter_map(|&p| candidates.next(versions, p));
                next.collect()
            }
            Some((layering, read_back)) => layering.older_than_newest(&bad, read_back.has_looked),
        };
    }
    let layers = match layering {
        None => {
            let Passed { rows, positions } = Passed::merged(waves);
            Layers {
                before_truncate: Vec::new(),
                after_truncate: Vec::new(),
                newest: positions.iter().map(|&p| candidates.row(p)).collect(),
                rows,
            }
        }
        Some((layering, _)) => layering.split(waves, failed > 0),
    };
    Ok(Enriched { layers, failed })
}

/// Rows on their way through the enrichers.
struct Wave<'a> {
    sources: &'a [RowSource],
    candidates: &'a Candidates,
    key_rows: Option<&'a KeyRows<'a>>,
    /// The places of the rows still there, among the candidates.
    positions: Vec<u32>,
    /// The normalizer's columns, then each enricher's.
    columns: Vec<Column>,
    /// What enrichers see in the place of some of the normalizer's.
    filled: Vec<(usize, Column)>,
    failed: Vec<u32>,
}

impl<'a> Wave<'a> {
    fn new(
        normalized: &'a Normalized,
        candidates: &'a Candidates,
        key_rows: Option<&'a KeyRows<'a>>,
        positions: Vec<u32>,
        fill: Option<Fill>,
    ) -> Self {
        let rows: Vec<u32> = positions.iter().map(|&p| candidates.row(p)).collect();
        let columns = normalized.batch.take(&rows).columns;
        Self {
            sources: &normalized.sources,
            candidates,
            key_rows,
            positions,
            columns,
            filled: fill.map_or_else(Vec::new, |fill| fill.columns),
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
        let seen = self.seen();
        let Applied { output, convicted } = match self.shown(step) {
            None => step.apply(&seen, input)?,
            Some(shown) => step.apply_to(&shown, &seen, input)?,
        };
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

    /// The columns as enrichers see them.
    fn seen(&self) -> Cow<'_, [Column]> {
        let mut seen = Cow::Borrowed(&self.columns[..]);
        for (at, column) in &self.filled {
            seen.to_mut()[*at] = column.clone();
        }
        seen
    }

    fn shown(&self, step: &Step) -> Option<Vec<u32>> {
        let gone = self.key_rows.filter(|rows| rows.has_gone());
        let is_gone = gone.map(|rows| {
            let positions = &self.positions;
            move |row: u32| rows.is_gone(positions[row as usize])
        });
        let is_gone = is_gone.as_ref().map(|f| f as &dyn Fn(u32) -> bool);
        step.shown(&self.columns, self.positions.len(), is_gone)
    }

    /// Goes on with these rows only.
    fn keep(&mut self, rows: &[u32]) {
        let indices = arrow_array::UInt32Array::from(rows.to_vec());
        self.columns = self.columns.iter().map(|c| c.take(&indices)).collect();
        let filled = self.filled.iter();
        self.filled = filled.map(|(at, c)| (*at, c.take(&indices))).collect();
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
