//! A batch on its way through a rule.

use std::rc::Rc;

use gristmill_guest::{Batch, Output};

use crate::call::{Failures, Slot};
use crate::column::Column;
use crate::eval::Environment;
use crate::rule::{Expression, Sql};
use crate::{config, input_column, show};

/// A batch on its way through the rule.
pub(crate) struct Run<'a> {
    rule: &'a Sql,
    environment: Environment<'a>,
    /// Of each input of an enricher the rows in which it is absent, where there are any.
    absent: Vec<Option<Vec<bool>>>,
    rows: usize,
    /// Why a row is no row: a code and a message.
    refusals: Vec<Option<(&'a str, String)>>,
    /// The same of failures, which count where nothing else does.
    faults: Vec<Option<Fault>>,
}

/// Why a value of a row could not be computed.
#[derive(Clone)]
struct Fault {
    /// The column of `writes`; none: an input, or a condition.
    write: Option<usize>,
    message: String,
}

impl<'a> Run<'a> {
    pub(crate) fn new(
        rule: &'a Sql,
        batch: &'a Batch,
        slots: &'a [Slot],
        failures: &'a Failures,
    ) -> Self {
        let rows = batch.len();
        let mut run = Self {
            rule,
            environment: Environment {
                columns: Vec::new(),
                slots,
                failures,
            },
            absent: Vec::new(),
            rows,
            refusals: vec![None; rows],
            faults: vec![None; rows],
        };
        for (input, slot) in rule.inputs.iter().zip(slots) {
            let any = batch.column(&input.field);
            let mut column = input.read(any, rows, slot, failures);
            let has_absent = (0..rows).any(|row| any.is_absent(row));
            let absent = has_absent.then(|| (0..rows).map(|row| any.is_absent(row)).collect());
            // A normalizer computes with what is there.
            match rule.config.roles {
                Some(_) => column.is_absent = absent,
                None => run.absent.push(absent),
            }
            run.environment.columns.push(Rc::new(column));
            run.note_failures(|failure| {
                format!(
                    "{failure}, which `{}` of the row is not: {}",
                    input.name, input.logical
                )
            });
        }
        run
    }

    fn note_failures(&mut self, sentence: impl Fn(&str) -> String) {
        let found = self.environment.failures.take();
        for (fault, failure) in self.faults.iter_mut().zip(found) {
            if let Some(failure) = failure {
                fault.get_or_insert_with(|| Fault {
                    write: None,
                    message: sentence(&failure),
                });
            }
        }
    }

    /// Whether an enricher has no value of an expression, as one is absent that it comes from.
    fn is_absent(&self, expression: &Expression, row: usize) -> bool {
        let absent = |input: &usize| self.absent.get(*input).and_then(Option::as_ref);
        expression
            .sources
            .iter()
            .filter_map(absent)
            .any(|absent| absent[row])
    }

    /// The rows of which an expression has a value: of one that names a column that failed, none.
    fn live(&self, expression: &Expression) -> Vec<bool> {
        (0..self.rows)
            .map(|row| !self.is_failed(expression, row) && !self.is_absent(expression, row))
            .collect()
    }

    fn is_failed(&self, expression: &Expression, row: usize) -> bool {
        self.faults[row].as_ref().is_some_and(|fault| {
            fault
                .write
                .is_none_or(|write| expression.writes.contains(&write))
        })
    }

    fn compute(
        &mut self,
        expression: &'a Expression,
        write: Option<usize>,
    ) -> (Rc<Column<'a>>, Vec<bool>) {
        let live = self.live(expression);
        let column = self.environment.run(&expression.node, &live);
        let found = self.environment.failures.take();
        for (row, failure) in found.into_iter().enumerate() {
            if let Some(failure) = failure {
                let values = self.values(expression, row);
                let (name, text) = (&expression.name, &expression.text);
                self.faults[row].get_or_insert_with(|| {
                    let message = format!("`{name}`: {failure}, in `{text}`{values}");
                    Fault { write, message }
                });
            }
        }
        (column, live)
    }

    fn write(&mut self, write: &'a Expression) {
        let at = self.environment.columns.len() - self.rule.inputs.len();
        let (column, _) = self.compute(write, Some(at));
        self.environment.columns.push(column);
    }

    fn reject(&mut self, reject: &'a Expression) {
        let (column, live) = self.compute(reject, None);
        for (row, is_live) in live.iter().enumerate() {
            if *is_live && column.is_true(row) && self.refusals[row].is_none() {
                let values = self.values(reject, row);
                let message = format!("`{}` is true{values}", reject.text);
                self.refusals[row] = Some((&reject.name, message));
            }
        }
    }

    /// The values that an expression read: `: a = 1, b = null`.
    fn values(&self, expression: &Expression, row: usize) -> String {
        let shown = expression.names.iter().map(|column| {
            let known = &self.rule.columns[*column];
            let value = show::show(&self.environment.columns[*column], known.of_type, row);
            format!("{} = {value}", known.name)
        });
        let shown: Vec<String> = shown.collect();
        if shown.is_empty() {
            String::new()
        } else {
            format!(": {}", shown.join(", "))
        }
    }

    /// Refuses rows without a key or a time.
    fn check_needs(&mut self) {
        let rule = self.rule;
        for (at, write) in rule.writes.iter().enumerate() {
            let Some(code) = rule.needs(&write.name) else {
                continue;
            };
            let column = Rc::clone(&self.environment.columns[rule.inputs.len() + at]);
            for row in 0..self.rows {
                let is_missing = !column.is_valid[row] && self.faults[row].is_none();
                if is_missing && self.refusals[row].is_none() {
                    let values = self.values(write, row);
                    let message = format!("`{}` is null, by `{}`{values}", write.name, write.text);
                    self.refusals[row] = Some((code, message));
                }
            }
        }
    }

    /// What is written, and the rows that are refused.
    pub(crate) fn answer(mut self) -> Output {
        let rule = self.rule;
        rule.writes.iter().for_each(|write| self.write(write));
        rule.rejects.iter().for_each(|reject| self.reject(reject));
        self.finish()
    }

    fn finish(mut self) -> Output {
        self.check_needs();
        for (refusal, fault) in self.refusals.iter_mut().zip(&mut self.faults) {
            if refusal.is_none()
                && let Some(fault) = fault.take()
            {
                *refusal = Some((config::SQL_ERROR, fault.message));
            }
        }
        let is_kept: Vec<bool> = self.refusals.iter().map(Option::is_none).collect();
        let mut output = Output::new();
        let written = self.environment.columns.iter().skip(self.rule.inputs.len());
        for (write, column) in self.rule.writes.iter().zip(written) {
            let column = input_column::written(column, &is_kept, |row| {
                column.is_absent(row) || self.is_absent(write, row)
            });
            output = output.column(&write.name, column);
        }
        for (row, refusal) in self.refusals.into_iter().enumerate() {
            if let Some((code, message)) = refusal {
                output.reject(row, code, message);
            }
        }
        output
    }
}
