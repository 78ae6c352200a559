//! From decoded records to flat rows in offset order.

use arrow_buffer::BooleanBuffer;

use crate::column::Batch;
use crate::dead_letter::DeadLetter;
use crate::decode::Decoded;

use super::RowSource;
use super::convict::Applied;
use super::step::Step;
use super::uncomputed::ChainFault;

/// The normalizer's rows, in offset order.
pub(super) struct Normalized {
    pub(super) batch: Batch,
    /// Parallel to the batch.
    pub(super) sources: Vec<RowSource>,
    /// Records that gave no row and were not rejected.
    pub(super) dropped: u64,
}

impl Normalized {
    pub(super) fn sources_of(&self, rows: &[u32]) -> Vec<RowSource> {
        rows.iter().map(|&r| self.sources[r as usize]).collect()
    }
}

/// Runs the normalizer. What it rejects or fails on costs the record as a whole.
pub(super) fn normalize(
    step: &mut Step,
    decoded: &Decoded,
    dead_letters: &mut Vec<DeadLetter>,
) -> Result<Normalized, ChainFault> {
    let Decoded { batch, records, .. } = decoded;
    let Applied { output, convicted } = step.apply(&batch.columns, batch.rows)?;
    let mut seen = vec![false; batch.rows];
    for (row, fault) in convicted {
        seen[row as usize] = true;
        dead_letters.push(step.convicted(&fault, records[row as usize], 0));
    }
    for rejection in output.rejections {
        let row = rejection.row as usize;
        seen[row] = true;
        dead_letters.push(step.rejected(rejection, records[row], 0));
    }
    let mut source_rows = output
        .source_rows
        .unwrap_or_else(|| (0..output.rows as u32).collect());
    source_rows.iter().for_each(|&r| seen[r as usize] = true);
    let (rows, fields) = (output.rows, step.writes.clone());
    let mut batch = Batch {
        rows,
        fields,
        columns: output.columns,
    };
    if !source_rows.is_sorted() {
        let mut order: Vec<u32> = (0..rows as u32).collect();
        order.sort_by_key(|&i| source_rows[i as usize]);
        batch = batch.take(&order);
        source_rows.sort_unstable();
    }
    for column in &mut batch.columns {
        // From here on, a column that says which cells are present has some that are not.
        let is_whole = |bits: &BooleanBuffer| bits.count_set_bits() == bits.len();
        column.presence.take_if(|bits| is_whole(bits));
    }
    let dropped = seen.iter().filter(|&&s| !s).count() as u64;
    Ok(Normalized {
        batch,
        sources: sources(&source_rows, records),
        dropped,
    })
}

/// The record of each output row and its rank among the record's. `source_rows` ascends.
fn sources(source_rows: &[u32], records: &[u32]) -> Vec<RowSource> {
    let mut last: Option<RowSource> = None;
    let source = source_rows.iter().map(|&row| {
        let record = records[row as usize];
        let rank = last
            .filter(|l| l.record == record)
            .map_or(0, |l| l.rank + 1);
        let source = RowSource { record, rank };
        last = Some(source);
        source
    });
    source.collect()
}
