//! What a transform made of some rows, comparable row by row however they were batched.

use std::collections::HashMap;

use arrow_array::UInt32Array;
use gristmill_core::column::{Column, Field};
use gristmill_core::plan::Plan;
use gristmill_core::transform::{Output, Rejection};

use gristmill_core::rows;

/// The answer to one call.
pub(super) struct RowAnswers {
    fields: Vec<Field>,
    /// The input row in each place of the call.
    order: Vec<u32>,
    /// The output rows of each place.
    rows: Vec<Vec<u32>>,
    /// Code and message of what was refused in each place.
    rejections: Vec<Vec<(String, String)>>,
    output: Output,
}

impl RowAnswers {
    /// `order` names the input row in each place of the call that `output` answers.
    pub(super) fn new(plan: &Plan, order: &[u32], output: Output) -> Self {
        let mut rows = vec![Vec::new(); order.len()];
        let mut rejections = vec![Vec::new(); order.len()];
        for row in 0..output.rows {
            rows[place(&output, row)].push(row as u32);
        }
        for Rejection { row, code, message } in &output.rejections {
            rejections[*row as usize].push((code.clone(), message.clone()));
        }
        Self {
            fields: plan.writes.clone(),
            order: order.to_vec(),
            rows,
            rejections,
            output,
        }
    }

    /// The output, with rows counted in the input instead of in the call.
    pub(super) fn into_output(self) -> Output {
        let source = |row| self.order[place(&self.output, row)];
        let source_rows = Some((0..self.output.rows).map(source).collect());
        let mut output = self.output;
        output.source_rows = source_rows;
        for rejection in &mut output.rejections {
            rejection.row = self.order[rejection.row as usize];
        }
        output
    }

    /// What `other` says otherwise of an input row than this answer, which covers every row that
    /// `other` does, each once.
    pub(super) fn difference(&self, other: &RowAnswers) -> Option<String> {
        let places: HashMap<u32, usize> = self
            .order
            .iter()
            .enumerate()
            .map(|(i, r)| (*r, i))
            .collect();
        let (mut expected, mut got) = (Vec::<u32>::new(), Vec::<u32>::new());
        let mut inputs = Vec::new();
        for (place, row) in other.order.iter().enumerate() {
            let own = *places.get(row)?;
            let (wanted, answered) = (&self.rows[own], &other.rows[place]);
            if wanted.len() != answered.len() {
                let (n, m) = (answered.len(), wanted.len());
                return Some(format!("row {row} becomes {n} rows and not {m}"));
            }
            if self.rejections[own] != other.rejections[place] {
                let in_words = |r: &[(String, String)]| match r.first() {
                    Some((code, message)) => format!("rejected ({code}: {message})"),
                    None => "not rejected".to_owned(),
                };
                let (is, was) = (
                    in_words(&other.rejections[place]),
                    in_words(&self.rejections[own]),
                );
                return Some(format!("row {row} is {is} and not {was}"));
            }
            expected.extend(wanted);
            got.extend(answered);
            inputs.extend(wanted.iter().map(|_| *row));
        }
        let (expected, got) = (UInt32Array::from(expected), UInt32Array::from(got));
        self.fields.iter().enumerate().find_map(|(i, field)| {
            let wanted = self.output.columns[i].take(&expected);
            let answered = other.output.columns[i].take(&got);
            let row = first_difference(&wanted, &answered)?;
            let (is, was) = (shown(&answered, row), shown(&wanted, row));
            let (name, row) = (&field.name, inputs[row]);
            Some(format!("row {row} has `{name}` {is} and not {was}"))
        })
    }
}

/// The place in the call that an output row comes from.
fn place(output: &Output, row: usize) -> usize {
    let sources = output.source_rows.as_ref();
    sources.map_or(row, |sources| sources[row] as usize)
}

fn first_difference(a: &Column, b: &Column) -> Option<usize> {
    let present = |c: &Column, row| c.presence.as_ref().is_none_or(|p| p.value(row));
    let same_presence = |row| present(a, row) == present(b, row);
    let rows = a.values.len();
    if *a.values == *b.values && (0..rows).all(same_presence) {
        return None;
    }
    (0..rows).find(|&row| !same_presence(row) || *a.values.slice(row, 1) != *b.values.slice(row, 1))
}

fn shown(column: &Column, row: usize) -> String {
    rows::cell(column, row).map_or_else(|| "absent".to_owned(), |value| value.to_string())
}
