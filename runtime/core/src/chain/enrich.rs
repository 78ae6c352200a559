//! From the winners of a batch to its rows: every key gets its newest row that passes, and before
//! it the older ones that have what it lacks.

use std::borrow::Cow;
use std::collections::BTreeSet;

use arrow_buffer::BooleanBuffer;

use crate::column::{Batch, Column};
use crate::dead_letter::{DeadLetter, Stage};
use crate::dedup::{Candidates, Versions};

use super::RowSource;
use super::cells::Cells;
use super::convict::Applied;
use super::key_rows::KeyRows;
use super::layering::{Layering, Layers, Passed};
use super::normalize::Normalized;
use super::read_back::{Fill, ReadBack};
use super::step::{Step, any_present, ordinal};
use super::target_columns::{TargetColumns, rows_with_zero};
use super::uncomputed::ChainFault;

/// Rows ready for the sink.
pub(super) struct Enriched {
    pub(super) layers: Layers,
    /// Candidates that became dead letters on the way.
    pub(super) failed: u64,
    /// Rows with the enrichers that could not answer: a row has some of what one reads, and nobody
    /// knows the rest.
    pub(super) unanswered: Vec<Unanswered>,
}

/// A row of the normalizer's, and the place of an enricher.
pub(super) struct Unanswered {
    pub(super) row: u32,
    pub(super) enricher: usize,
}

/// Runs the enrichers on the newest row of each key, and on those that it needs below it; where one
/// fails, on what takes its place, until all that is needed has passed or nothing is left.
pub(super) fn enrich(
    (cells, normalized): (&Cells, &Normalized),
    versions: &Versions,
    candidates: &Candidates,
    mut layering: Option<(Layering<'_>, &mut ReadBack<'_>)>,
    steps: &mut [Step],
    target: &TargetColumns,
    dead_letters: &mut Vec<DeadLetter>,
) -> Result<Enriched, ChainFault> {
    let (mut waves, mut failed, mut unanswered) = (Vec::new(), 0, Vec::new());
    let mut wave = match &mut layering {
        None => candidates.winners(versions),
        Some((layering, _)) => layering.next(&[], false),
    };
    while !wave.is_empty() || waves.is_empty() {
        let fill = layering.as_mut();
        let fill = fill.and_then(|(layering, read_back)| read_back.fill(&layering.rows, &wave));
        let key_rows = layering.as_ref().map(|(layering, _)| &layering.rows);
        let mut rows = Wave::new((cells, normalized), candidates, key_rows, wave, fill);
        for (at, step) in steps.iter_mut().enumerate() {
            rows.apply(at, step, dead_letters)?;
        }
        let passed = rows.pick(target, dead_letters);
        rows.find_unanswered(steps, &mut unanswered);
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
            Some((layering, read_back)) => layering.next(&bad, read_back.has_looked),
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
    Ok(Enriched {
        layers,
        failed,
        unanswered,
    })
}

/// Rows on their way through the enrichers.
struct Wave<'a> {
    cells: &'a Cells,
    normalized: &'a Normalized,
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
        (cells, normalized): (&'a Cells, &'a Normalized),
        candidates: &'a Candidates,
        key_rows: Option<&'a KeyRows<'a>>,
        positions: Vec<u32>,
        fill: Option<Fill>,
    ) -> Self {
        let rows: Vec<u32> = positions.iter().map(|&p| candidates.row(p)).collect();
        let columns = normalized.batch.take(&rows).columns;
        Self {
            cells,
            normalized,
            candidates,
            key_rows,
            positions,
            columns,
            filled: fill.map_or_else(Vec::new, |fill| fill.columns),
            failed: Vec::new(),
        }
    }

    /// The place of a row among the normalizer's.
    fn of_normalizer(&self, row: u32) -> u32 {
        self.candidates.row(self.positions[row as usize])
    }

    fn source(&self, row: u32) -> RowSource {
        self.normalized.sources[self.of_normalizer(row) as usize]
    }

    fn apply(
        &mut self,
        at: usize,
        step: &mut Step,
        dead_letters: &mut Vec<DeadLetter>,
    ) -> Result<(), ChainFault> {
        let input = self.positions.len();
        let seen = self.seen();
        let Applied { output, convicted } = self.ask(at, step, &seen)?;
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
        self.add(at, output.columns);
        Ok(())
    }

    /// The answer of the enricher at `at`. It cannot refuse a delete, of which it may see a row
    /// that the source has made up: what it would have written of such a one is null. Where there
    /// are too many to find each, it sees no delete of this batch.
    fn ask(&self, at: usize, step: &mut Step, seen: &[Column]) -> Result<Applied, ChainFault> {
        let (rows, convictions) = (self.positions.len(), step.convictions);
        let shown = self.shown(at, step, seen);
        let answer = match &shown {
            None => step.apply(seen, rows),
            Some(shown) => step.apply_to(shown, seen, rows),
        };
        let all = || match &shown {
            None => (0..rows as u32).collect(),
            Some(shown) => shown.clone(),
        };
        let suspects: Vec<u32> = match &answer {
            Ok(Applied { output, convicted }) => {
                let rejected = output.rejections.iter().map(|r| r.row);
                rejected
                    .chain(convicted.iter().map(|(row, _)| *row))
                    .collect()
            }
            Err(ChainFault::TooManyRows { .. }) => all(),
            Err(_) => Vec::new(),
        };
        let batch = &self.normalized.batch;
        let is_deleted = |row: &u32| {
            self.cells
                .is_deleted(batch, self.of_normalizer(*row) as usize)
        };
        let refused: BTreeSet<u32> = suspects.into_iter().filter(is_deleted).collect();
        if refused.is_empty() {
            return answer;
        }
        step.convictions = convictions;
        let others = all().into_iter().filter(|row| !refused.contains(row));
        let others: Vec<u32> = others.collect();
        let mut applied = step.apply_to(&others, seen, rows)?;
        let left = applied.output.source_rows.iter().flatten();
        let is_null: BooleanBuffer = left.map(|row| refused.contains(row)).collect();
        for column in &mut applied.output.columns {
            column.presence = column.presence.take().map(|present| &present | &is_null);
        }
        Ok(applied)
    }

    /// Adds what the enricher at `at` wrote. Where it saw nothing that its rows say themselves, a
    /// later one alone sees its answer: the table has one to it.
    fn add(&mut self, at: usize, written: Vec<Column>) {
        let filled = self.key_rows.filter(|_| !self.filled.is_empty());
        let own = filled.and_then(|rows| any_present(&rows.cells.inputs[at], &self.columns));
        let Some(own) = own.filter(|own| own.count_set_bits() < own.len()) else {
            return self.columns.extend(written);
        };
        for column in written {
            self.filled.push((self.columns.len(), column.clone()));
            let presence = column.presence.map_or(own.clone(), |bits| &bits & &own);
            self.columns.push(Column {
                values: column.values,
                presence: Some(presence),
            });
        }
    }

    /// The columns as enrichers see them.
    fn seen(&self) -> Cow<'_, [Column]> {
        let mut seen = Cow::Borrowed(&self.columns[..]);
        for (at, column) in &self.filled {
            seen.to_mut()[*at] = column.clone();
        }
        seen
    }

    /// The rows that the enricher at `at` is shown. `None`: all.
    fn shown(&self, at: usize, step: &Step, seen: &[Column]) -> Option<Vec<u32>> {
        let gone = self.key_rows.filter(|rows| rows.has_gone());
        // A cell from elsewhere is shown to those alone from whom an answer is wanted.
        let filled = self.key_rows.filter(|_| !self.filled.is_empty());
        let wanted = filled.and_then(|rows| any_present(&rows.cells.heard[at], &self.columns));
        let is_gone = |row: u32| {
            let position = self.positions[row as usize];
            gone.is_some_and(|rows| rows.is_gone(position))
        };
        let is_left_out = |row: u32| {
            let is_wanted = wanted.as_ref().is_none_or(|bits| bits.value(row as usize));
            !is_wanted || is_gone(row)
        };
        let may_leave_out = gone.is_some() || wanted.is_some();
        let leave_out = may_leave_out.then_some(&is_left_out as &dyn Fn(u32) -> bool);
        step.shown(seen, self.positions.len(), leave_out)
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

    /// Appends the enrichers that could not answer, of the rows that are left.
    fn find_unanswered(&self, steps: &[Step], unanswered: &mut Vec<Unanswered>) {
        let Some(key_rows) = self.key_rows else {
            return;
        };
        let seen = self.seen();
        let mut first = key_rows.columns().len();
        for (enricher, (step, inputs)) in steps.iter().zip(&key_rows.cells.inputs).enumerate() {
            let written = first..first + step.writes.len();
            first = written.end;
            let inputs_seen = inputs.iter().map(|&c| &seen[c]);
            let (true, Some(known)) = (inputs.len() > 1, all_present(inputs_seen)) else {
                continue;
            };
            let Some(answered) = all_present(self.columns[written].iter()) else {
                continue;
            };
            let is_heard = any_present(inputs, &self.columns);
            for row in 0..self.positions.len() {
                let position = self.positions[row];
                let is_asked = is_heard.as_ref().is_none_or(|bits| bits.value(row));
                if is_asked
                    && !known.value(row)
                    && !answered.value(row)
                    && !key_rows.is_deleted(position)
                {
                    let row = key_rows.row(position);
                    unanswered.push(Unanswered { row, enricher });
                }
            }
        }
    }
}

/// The rows of which the cells of all columns are present. `None`: all.
fn all_present<'a>(columns: impl Iterator<Item = &'a Column>) -> Option<BooleanBuffer> {
    let presence = columns.filter_map(|column| column.presence.clone());
    let all = presence.reduce(|a, b| &a & &b);
    all.filter(|bits| bits.count_set_bits() < bits.len())
}
