//! Rows that an enricher does not see.

use arrow_array::{Array, UInt32Array};
use arrow_buffer::BooleanBuffer;

use crate::column::{Column, taken};
use crate::transform::Output;

use super::convict::Applied;

/// From an answer about the rows `shown` of `rows`, which ascend, to one about all of them: what
/// was not shown is kept, and what the answer would have written there is absent.
pub(super) fn put_between(applied: Applied, shown: &[u32], rows: usize) -> Applied {
    let Applied {
        mut output,
        mut convicted,
    } = applied;
    convicted
        .iter_mut()
        .for_each(|(row, _)| *row = shown[*row as usize]);
    output
        .rejections
        .iter_mut()
        .for_each(|rejection| rejection.row = shown[rejection.row as usize]);
    let mut is_kept = vec![true; rows];
    shown.iter().for_each(|&row| is_kept[row as usize] = false);
    let mut answers: Vec<Option<u32>> = vec![None; rows];
    let answered = output
        .source_rows
        .unwrap_or_else(|| (0..output.rows as u32).collect());
    for (answer, &row) in answered.iter().enumerate() {
        let row = shown[row as usize] as usize;
        (answers[row], is_kept[row]) = (Some(answer as u32), true);
    }
    let kept: Vec<u32> = (0..rows as u32)
        .filter(|&row| is_kept[row as usize])
        .collect();
    let answers: UInt32Array = kept.iter().map(|&row| answers[row as usize]).collect();
    let columns = output.columns.iter().map(|column| spread(column, &answers));
    output = Output {
        columns: columns.collect(),
        rows: kept.len(),
        source_rows: Some(kept),
        rejections: output.rejections,
    };
    Applied { output, convicted }
}

/// The cells of `column` at `answers`, absent where there is none.
fn spread(column: &Column, answers: &UInt32Array) -> Column {
    let is_present =
        |row: usize| answers.is_valid(row) && column.is_present(answers.value(row) as usize);
    Column {
        values: taken(&column.values, answers),
        presence: Some(BooleanBuffer::collect_bool(answers.len(), is_present)),
    }
}
