//! What a rule answers.

use crate::any::AnyColumn;
use crate::column::Column;
use crate::plan::Plan;
use crate::value::WriteCell;
use crate::wit::gristmill::transform::types::{Output as Wire, Rejection};

/// The columns that the plan writes, and the rows that cannot be used.
///
/// Without [`Output::source_rows`], output row `i` belongs to the `i`th input row that is not
/// rejected.
///
/// ```
/// # use gristmill_guest::{Batch, Column, Output};
/// fn apply(batch: &Batch) -> Output {
///     let mut output = Output::new();
///     let mut doubled = Column::<Vec<i64>>::with_capacity(batch.len());
///     for (row, amount) in batch.int64("amount").iter().enumerate() {
///         match amount.map(|amount| amount.checked_mul(2)) {
///             Some(None) => {
///                 output.reject(row, "too-large", "`amount` cannot be doubled".to_owned());
///             }
///             amount => doubled.push(amount.flatten()),
///         }
///     }
///     output.column("doubled", doubled)
/// }
/// ```
#[derive(Debug, Default)]
pub struct Output {
    columns: Vec<(String, AnyColumn)>,
    source_rows: Option<Vec<u32>>,
    rejections: Vec<Rejection>,
}

impl Output {
    /// No columns yet, and nothing rejected.
    ///
    /// ```
    /// let of_a_rule_that_writes_nothing = gristmill_guest::Output::new();
    /// ```
    pub fn new() -> Self {
        Self::default()
    }

    /// Answers a column that the plan writes. The order of the calls does not matter.
    ///
    /// ```
    /// # use gristmill_guest::{Batch, Output};
    /// /// Passes on what a join found.
    /// fn apply(batch: &Batch) -> Output {
    ///     Output::new().column("country_name", batch.column("country_name").clone())
    /// }
    /// ```
    pub fn column(mut self, name: impl Into<String>, column: impl Into<AnyColumn>) -> Self {
        self.columns.push((name.into(), column.into()));
        self
    }

    /// Answers a column value by value.
    ///
    /// ```
    /// # use gristmill_guest::{Batch, Output};
    /// fn apply(batch: &Batch) -> Output {
    ///     let capitals = batch.text("name").iter().map(|name| name.map(str::to_uppercase));
    ///     Output::new().values("loud_name", capitals)
    /// }
    /// ```
    pub fn values<C: WriteCell>(
        self,
        name: impl Into<String>,
        values: impl ExactSizeIterator<Item = C>,
    ) -> Self {
        let mut column = Column::with_capacity(values.len());
        values.for_each(|value| value.write_cell(&mut column));
        self.column(name, column)
    }

    /// Names the input row of each output row: a normalizer may leave a row out or answer it twice.
    ///
    /// ```
    /// # use gristmill_guest::{Batch, Output};
    /// /// Passes over rows without an id.
    /// fn apply(batch: &Batch) -> Output {
    ///     let ids = batch.int64("value.id");
    ///     let all = 0..batch.len() as u32;
    ///     let rows: Vec<u32> = all.filter(|row| ids.get(*row as usize).is_some()).collect();
    ///     let found: Vec<i64> = ids.iter().flatten().collect();
    ///     Output::new().values("id", found.into_iter()).source_rows(rows)
    /// }
    /// ```
    pub fn source_rows(self, rows: Vec<u32>) -> Self {
        Self {
            source_rows: Some(rows),
            ..self
        }
    }

    /// Refuses input row `row`: it becomes a dead letter with this code, which the plan declares,
    /// and one sentence for a person. An enricher pushes nothing for it.
    ///
    /// ```
    /// # use gristmill_guest::Output;
    /// let mut output = Output::new();
    /// output.reject(7, "no-total", "`total` is null".to_owned());
    /// ```
    pub fn reject(&mut self, row: usize, code: &str, message: String) {
        self.rejections.push(Rejection {
            row: row as u32,
            code: code.to_owned(),
            message,
        });
    }

    /// Puts the columns in the order of the plan. The error names what is missing, too much or of
    /// the wrong length.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Column, Field};

    #[test]
    fn values_become_a_column() {
        let plan = Plan::new().write(Field::int64("a"));
        let output = Output::new().values("a", [Some(1), None].into_iter());
        let mut expected = numbers(&[1]);
        expected.push(None);
        let answer = output.finish(&plan, 2).unwrap();
        assert_eq!(answer.columns, [expected.into()]);
    }

    fn numbers(values: &[i64]) -> Column<Vec<i64>> {
        let mut column = Column::with_capacity(values.len());
        values.iter().for_each(|value| column.push(Some(*value)));
        column
    }

    fn plan() -> Plan {
        Plan::new()
            .write(Field::int64("a"))
            .write(Field::int64("b"))
            .rejects(["odd"])
    }

    #[test]
    fn columns_are_put_in_the_order_of_the_plan() {
        let output = Output::new()
            .column("b", numbers(&[2]))
            .column("a", numbers(&[1]));
        let answer = output.finish(&plan(), 1).unwrap();
        assert_eq!(answer.columns, [numbers(&[1]).into(), numbers(&[2]).into()]);
        assert_eq!(answer.source_rows, None);
    }

    #[test]
    fn rows_belong_to_the_input_rows_that_are_not_rejected() {
        let mut output = Output::new()
            .column("a", numbers(&[1, 3]))
            .column("b", numbers(&[1, 3]));
        output.reject(1, "odd", String::new());
        assert_eq!(
            output.finish(&plan(), 3).unwrap().source_rows,
            Some(vec![0, 2])
        );
    }

    #[test]
    fn what_does_not_fit_the_plan_is_named() {
        let whole = || Output::new().column("a", numbers(&[1]));
        let error = |output: Output| output.finish(&plan(), 1).unwrap_err();
        assert_eq!(error(whole()), "the rule answered no column `b`");
        let short = whole().column("b", numbers(&[]));
        assert_eq!(error(short), "the rule answered 0 values of `b` for 1 rows");
        let more = whole()
            .column("b", numbers(&[1]))
            .column("c", numbers(&[1]));
        assert_eq!(
            error(more),
            "the rule answered `c`, which its plan does not write"
        );
    }
}
