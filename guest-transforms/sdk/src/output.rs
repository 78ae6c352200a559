//! What a rule answers.

use crate::column::AnyColumn;
use crate::plan::Plan;
use crate::wit::gristmill::transform::types::{Output as Wire, Rejection};

/// The columns that the plan writes, and the rows that cannot be used.
///
/// Without [`Output::source_rows`], output row `i` belongs to the `i`th input row that is not rejected.
#[derive(Debug, Default)]
pub struct Output {
    columns: Vec<(String, AnyColumn)>,
    source_rows: Option<Vec<u32>>,
    rejections: Vec<Rejection>,
}

impl Output {
    pub fn new() -> Self {
        Self::default()
    }

    /// Answers a column that the plan writes. The order of the calls does not matter.
    pub fn column(mut self, name: impl Into<String>, column: impl Into<AnyColumn>) -> Self {
        self.columns.push((name.into(), column.into()));
        self
    }

    /// Names the input row of each output row: a normalizer may leave a row out or answer it twice.
    pub fn source_rows(self, rows: Vec<u32>) -> Self {
        Self {
            source_rows: Some(rows),
            ..self
        }
    }

    /// Refuses input row `row`: it becomes a dead letter with this code, which the plan declares, and one sentence for a person.
    /// An enricher pushes nothing for it.
    pub fn reject(&mut self, row: usize, code: &str, message: String) {
        self.rejections.push(Rejection {
            row: row as u32,
            code: code.to_owned(),
            message,
        });
    }

    /// Puts the columns in the order of the plan. The error names what is missing, too much or of the wrong length.
    pub(crate) fn finish(mut self, plan: &Plan, batch_rows: usize) -> Result<Answer, String> {
        if self.source_rows.is_none() && !self.rejections.is_empty() {
            let mut accepted = vec![true; batch_rows];
            for rejection in &self.rejections {
                accepted[rejection.row as usize] = false;
            }
            let rows = (0..batch_rows as u32)
                .filter(|row| accepted[*row as usize])
                .collect();
            self.source_rows = Some(rows);
        }
        let rows = self.source_rows.as_ref().map_or(batch_rows, Vec::len);
        let mut columns = Vec::with_capacity(plan.writes.len());
        for field in &plan.writes {
            let position = self
                .columns
                .iter()
                .position(|(name, _)| *name == field.name);
            let position =
                position.ok_or_else(|| format!("the rule answered no column `{}`", field.name))?;
            let (name, column) = self.columns.swap_remove(position);
            if column.len() != rows {
                let got = column.len();
                return Err(format!(
                    "the rule answered {got} values of `{name}` for {rows} rows"
                ));
            }
            columns.push(column);
        }
        match self.columns.first() {
            Some((name, _)) => Err(format!(
                "the rule answered `{name}`, which its plan does not write"
            )),
            None => Ok(Answer {
                columns,
                source_rows: self.source_rows,
                rejections: self.rejections,
            }),
        }
    }
}

/// An output that fits its plan.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) columns: Vec<AnyColumn>,
    pub(crate) source_rows: Option<Vec<u32>>,
    pub(crate) rejections: Vec<Rejection>,
}

impl Answer {
    pub(crate) fn into_wire(self) -> Wire {
        Wire {
            columns: self.columns.into_iter().map(AnyColumn::into_wire).collect(),
            source_rows: self.source_rows,
            rejections: self.rejections,
        }
    }
}
