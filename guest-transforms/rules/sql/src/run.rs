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
    /// Why a row is no row: a code and a message. Empty while there is none.
    refusals: Vec<Option<(&'a str, String)>>,
    /// The same of failures, which count where nothing else does.
    faults: Vec<Option<Fault>>,
}

/// What of a row could not be computed.
#[derive(Clone)]
struct Fault {
    /// Why the first of it could not.
    message: String,
    has_input: bool,
    /// Columns of `writes`.
    writes: Vec<usize>,
}

/// What could not be computed.
#[derive(Clone, Copy)]
enum Part {
    Input,
    /// A column of `writes`.
    Write(usize),
    /// Nothing is computed of it.
    Condition,
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
            environment: Environment::new(Vec::new(), slots, failures),
            absent: Vec::new(),
            rows,
            refusals: Vec::new(),
            faults: Vec::new(),
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
        for (row, failure) in self.environment.failures.take().into_iter().enumerate() {
            if let Some(failure) = failure {
                self.note_fault(row, Part::Input, sentence(&failure));
            }
        }
    }

    fn note_fault(&mut self, row: usize, part: Part, message: String) {
        self.faults.resize(self.rows, None);
        let fault = self.faults[row].get_or_insert(Fault {
            message,
            has_input: false,
            writes: Vec::new(),
        });
        match part {
            Part::Input => fault.has_input = true,
            Part::Write(write) => fault.writes.push(write),
            Part::Condition => {}
        }
    }

    fn refuse(&mut self, row: usize, code: &'a str, message: String) {
        self.refusals.resize(self.rows, None);
        self.refusals[row].get_or_insert((code, message));
    }

    fn is_refused(&self, row: usize) -> bool {
        self.refusals.get(row).is_some_and(Option::is_some)
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

    /// Whether an enricher may lack a value that an expression comes from.
    fn may_be_absent(&self, expression: &Expression) -> bool {
        let absent = |input: &usize| self.absent.get(*input).is_some_and(Option::is_some);
        expression.sources.iter().any(absent)
    }

    /// The rows of which an expression has a value: of one that names a column that failed, none.
    fn live(&self, expression: &Expression) -> Vec<bool> {
        if self.faults.is_empty() && !self.may_be_absent(expression) {
            return vec![true; self.rows];
        }
        (0..self.rows)
            .map(|row| !self.is_failed(expression, row) && !self.is_absent(expression, row))
            .collect()
    }

    fn is_failed(&self, expression: &Expression, row: usize) -> bool {
        self.faults
            .get(row)
            .and_then(Option::as_ref)
            .is_some_and(|fault| {
                let is_named = |write| expression.writes.contains(write);
                fault.has_input || fault.writes.iter().any(is_named)
            })
    }

    fn compute(&mut self, expression: &'a Expression, part: Part) -> (Rc<Column<'a>>, Vec<bool>) {
        let live = self.live(expression);
        let column = self.environment.run(&expression.node, &live);
        let found = self.environment.failures.take();
        for (row, failure) in found.into_iter().enumerate() {
            if let Some(failure) = failure {
                let (name, text) = (&expression.name, &expression.text);
                let parts = ["`", name, "`: ", &failure, ", in `", text, "`"];
                let message = self.message(&parts, expression, row);
                self.note_fault(row, part, message);
            }
        }
        (column, live)
    }

    fn write(&mut self, write: &'a Expression) {
        let at = self.environment.columns.len() - self.rule.inputs.len();
        let (column, _) = self.compute(write, Part::Write(at));
        self.environment.columns.push(column);
    }

    fn reject(&mut self, reject: &'a Expression) {
        let (column, live) = self.compute(reject, Part::Condition);
        for (row, is_live) in live.iter().enumerate() {
            if *is_live && column.is_true(row) && !self.is_refused(row) {
                let message = self.message(&["`", &reject.text, "` is true"], reject, row);
                self.refuse(row, &reject.name, message);
            }
        }
    }

    /// Appends the values that an expression read: `: a = 1, b = null`.
    fn push_values(&self, expression: &Expression, row: usize, message: &mut String) {
        let mut separator = ": ";
        for column in &expression.names {
            let known = &self.rule.columns[*column];
            message.push_str(std::mem::replace(&mut separator, ", "));
            message.push_str(&known.name);
            message.push_str(" = ");
            show::show(
                &self.environment.columns[*column],
                known.of_type,
                row,
                message,
            );
        }
    }

    /// The parts of a message, with the values that the expression read.
    fn message(&self, parts: &[&str], expression: &Expression, row: usize) -> String {
        let mut message = String::with_capacity(MESSAGE_BYTES);
        parts.iter().for_each(|part| message.push_str(part));
        self.push_values(expression, row, &mut message);
        message
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
                let is_failed = self.faults.get(row).is_some_and(Option::is_some);
                if !column.has(row) && !is_failed && !self.is_refused(row) {
                    let parts = ["`", &write.name, "` is null, by `", &write.text, "`"];
                    let message = self.message(&parts, write, row);
                    self.refuse(row, code, message);
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
        for (row, fault) in std::mem::take(&mut self.faults).into_iter().enumerate() {
            if let Some(fault) = fault {
                self.refuse(row, config::SQL_ERROR, fault.message);
            }
        }
        let kept: Vec<usize> = (0..self.rows)
            .filter(|row| !self.is_refused(*row))
            .collect();
        let mut output = Output::new();
        let written = self.environment.columns.iter().skip(self.rule.inputs.len());
        for (write, column) in self.rule.writes.iter().zip(written) {
            let may_be_absent = column.is_absent.is_some() || self.may_be_absent(write);
            let column = input_column::written(column, &kept, |row| {
                may_be_absent && (column.is_absent(row) || self.is_absent(write, row))
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

/// Set aside for a message: most have one condition and one value.
const MESSAGE_BYTES: usize = 120;
