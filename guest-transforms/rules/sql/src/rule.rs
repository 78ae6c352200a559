//! The rule: expressions of a config, run on batches.

use std::rc::Rc;

use gristmill_guest::{Batch, Field, Join, Output, Plan, Transform};

use crate::call::{Failures, Slot};
use crate::column::Column;
use crate::config::{self, Config, Read};
use crate::eval::Environment;
use crate::input_column::{self, Input};
use crate::order;
use crate::resolve::{self, Known};
use crate::show;
use crate::tree::{Kind, Node};
use crate::types::Type;

/// Columns and dead letters by expressions.
pub struct Sql {
    config: Config,
    inputs: Vec<Input>,
    /// What expressions may name: the inputs, then what is written, as it is computed.
    columns: Vec<Known>,
    writes: Vec<Expression>,
    rejects: Vec<Expression>,
    slots: usize,
}

/// An expression of the config.
struct Expression {
    /// The column that it makes, or the code.
    name: String,
    text: String,
    node: Node,
    /// The columns that it names.
    names: Vec<usize>,
    /// The inputs that its value comes from, also by way of other columns.
    sources: Vec<usize>,
}

impl Transform for Sql {
    type Config = Config;

    fn open(config: Config) -> Result<Self, String> {
        config.check()?;
        let inputs = inputs(&config)?;
        let columns = inputs
            .iter()
            .map(|input| Known {
                name: input.name.clone(),
                of_type: input.of_type,
                is_nullable: true,
            })
            .collect();
        let slots = inputs.len();
        let (writes, rejects) = (Vec::new(), Vec::new());
        let mut rule = Self { config, inputs, columns, writes, rejects, slots };
        for name in order::order(&rule.config.writes)? {
            let text = rule.config.writes[&name].clone();
            rule.add_write(name, text)?;
        }
        for (code, text) in rule.config.rejects.clone() {
            rule.add_reject(code, text)?;
        }
        rule.check_roles()?;
        Ok(rule)
    }

    fn plan(&self) -> Plan {
        let mut plan = Plan::new();
        let joined: Vec<&String> = self.config.joins.values().flat_map(|j| j.take.keys()).collect();
        for input in self.inputs.iter().filter(|input| !joined.contains(&&input.name)) {
            plan = plan.read(Field::new(&input.field, &input.logical));
        }
        for (dimension, lookup) in &self.config.joins {
            let take = lookup.take.iter().map(|(name, logical)| Field::new(name, logical));
            plan = plan.join(Join {
                dimension: dimension.clone(),
                on: lookup.on.clone().into_vec(),
                take: take.collect(),
            });
        }
        for name in self.config.writes.keys() {
            plan = plan.write(self.field(name));
        }
        let codes = self.config.rejects.keys().map(String::as_str);
        plan = plan.rejects(codes.chain([config::SQL_ERROR]));
        self.with_roles(plan)
    }

    fn apply(&self, batch: &Batch) -> Output {
        let slots: Vec<Slot> = (0..self.slots).map(|_| Slot::default()).collect();
        let failures = Failures::default();
        let mut run = Run::new(self, batch, &slots, &failures);
        self.writes.iter().for_each(|write| run.write(write));
        self.rejects.iter().for_each(|reject| run.reject(reject));
        run.finish()
    }
}

fn inputs(config: &Config) -> Result<Vec<Input>, String> {
    let reads = config.reads.iter().map(|(name, read)| match read {
        Read::Type(logical) => Input::new(name, name, logical),
        Read::Path(read) => Input::new(name, &read.path, &read.r#type),
    });
    let takes = config.joins.values().flat_map(|join| &join.take);
    reads.chain(takes.map(|(name, logical)| Input::new(name, name, logical))).collect()
}

impl Sql {
    fn resolve(&mut self, place: &str, name: String, text: String) -> Result<Expression, String> {
        let known: &[Known] = match place == "writes" && self.config.is_passed_on(&name) {
            true => &self.columns[..self.inputs.len()],
            false => &self.columns,
        };
        let node = resolve::resolve(&text, known, &mut self.slots)
            .map_err(|mistake| mistake.in_text(&format!("{place}.{name}"), &text))?;
        let mut names = Vec::new();
        node.columns(&mut |column| names.push(column));
        names.sort_unstable();
        names.dedup();
        let mut sources: Vec<usize> = names
            .iter()
            .flat_map(|column| match column.checked_sub(self.inputs.len()) {
                None => vec![*column],
                Some(write) => self.writes[write].sources.clone(),
            })
            .collect();
        sources.sort_unstable();
        sources.dedup();
        Ok(Expression { name, text, node, names, sources })
    }

    fn add_write(&mut self, name: String, text: String) -> Result<(), String> {
        let mut write = self.resolve("writes", name, text)?;
        // A literal whose type nothing decides is a text.
        if write.node.of_type == Type::Unknown {
            write.node.of_type = Type::Text;
        }
        let of_type = write.node.of_type;
        if matches!(of_type, Type::Interval | Type::TextArray) {
            return Err(format!(
                "writes.{}: a column cannot be of type {of_type}: cast it to text",
                write.name
            ));
        }
        let (name, is_nullable) = (write.name.clone(), write.node.is_nullable);
        self.columns.push(Known { name, of_type, is_nullable });
        self.writes.push(write);
        Ok(())
    }

    fn add_reject(&mut self, code: String, text: String) -> Result<(), String> {
        let reject = self.resolve("rejects", code, text)?;
        match reject.node.of_type {
            Type::Boolean => {}
            other => {
                return Err(format!(
                    "rejects.{}: a condition is true or false, and this is {other}: compare it",
                    reject.name
                ));
            }
        }
        self.rejects.push(reject);
        Ok(())
    }

    fn field(&self, name: &str) -> Field {
        let Some(write) = self.writes.iter().find(|write| write.name == name) else {
            return Field::text(name);
        };
        let logical = match (write.node.decimal, &write.node.kind) {
            (Some((precision, scale)), _) => format!("decimal({precision},{scale})"),
            // What is passed on stays what it is.
            (None, Kind::Column(column)) if *column < self.inputs.len() => {
                let input = &self.inputs[*column];
                match input.of_type {
                    Type::Numeric | Type::Uuid | Type::Jsonb => input.logical.clone(),
                    other => other.logical().to_owned(),
                }
            }
            _ => write.node.of_type.logical().to_owned(),
        };
        let field = Field::new(name, logical);
        if write.node.is_nullable { field } else { field.not_null() }
    }

    fn check_roles(&self) -> Result<(), String> {
        Ok(())
    }

    fn with_roles(&self, plan: Plan) -> Plan {
        plan
    }
}

/// A batch on its way through the rule.
struct Run<'a> {
    rule: &'a Sql,
    environment: Environment<'a>,
    /// Of each input the rows in which it is absent, where there are any.
    absent: Vec<Option<Vec<bool>>>,
    rows: usize,
    /// Why a row is no row: a code and a message.
    refusals: Vec<Option<(&'a str, String)>>,
    /// The same of failures, which count where nothing else does.
    faults: Vec<Option<String>>,
}

impl<'a> Run<'a> {
    fn new(
        rule: &'a Sql,
        batch: &'a Batch,
        slots: &'a [Slot],
        failures: &'a Failures,
    ) -> Self {
        let rows = batch.len();
        let mut run = Self {
            rule,
            environment: Environment { columns: Vec::new(), slots, failures },
            absent: Vec::new(),
            rows,
            refusals: vec![None; rows],
            faults: vec![None; rows],
        };
        for (input, slot) in rule.inputs.iter().zip(slots) {
            let any = batch.column(&input.field);
            let column = input.read(any, rows, slot, failures);
            let absent: Vec<bool> = (0..rows).map(|row| any.is_absent(row)).collect();
            run.absent.push(absent.contains(&true).then_some(absent));
            run.environment.columns.push(Rc::new(column));
            run.note_failures(|failure| {
                format!("{failure}, which `{}` of the row is not: {}", input.name, input.logical)
            });
        }
        run
    }

    fn note_failures(&mut self, sentence: impl Fn(&str) -> String) {
        let found = self.environment.failures.take();
        for (fault, failure) in self.faults.iter_mut().zip(found) {
            if let Some(failure) = failure {
                fault.get_or_insert_with(|| sentence(&failure));
            }
        }
    }

    fn is_absent(&self, expression: &Expression, row: usize) -> bool {
        expression
            .sources
            .iter()
            .any(|input| self.absent[*input].as_ref().is_some_and(|absent| absent[row]))
    }

    /// The rows of which an expression has a value.
    fn live(&self, expression: &Expression) -> Vec<bool> {
        (0..self.rows)
            .map(|row| self.faults[row].is_none() && !self.is_absent(expression, row))
            .collect()
    }

    fn compute(&mut self, expression: &'a Expression) -> (Rc<Column<'a>>, Vec<bool>) {
        let live = self.live(expression);
        let column = self.environment.run(&expression.node, &live);
        let found = self.environment.failures.take();
        for (row, failure) in found.into_iter().enumerate() {
            if let Some(failure) = failure {
                let values = self.values(expression, row);
                let (name, text) = (&expression.name, &expression.text);
                self.faults[row]
                    .get_or_insert_with(|| format!("`{name}`: {failure}, in `{text}`{values}"));
            }
        }
        (column, live)
    }

    fn write(&mut self, write: &'a Expression) {
        let (column, _) = self.compute(write);
        self.environment.columns.push(column);
    }

    fn reject(&mut self, reject: &'a Expression) {
        let (column, live) = self.compute(reject);
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
        if shown.is_empty() { String::new() } else { format!(": {}", shown.join(", ")) }
    }

    fn finish(mut self) -> Output {
        for (refusal, fault) in self.refusals.iter_mut().zip(&mut self.faults) {
            if refusal.is_none() && let Some(fault) = fault.take() {
                *refusal = Some((config::SQL_ERROR, fault));
            }
        }
        let is_kept: Vec<bool> = self.refusals.iter().map(Option::is_none).collect();
        let mut output = Output::new();
        let written = self.environment.columns.iter().skip(self.rule.inputs.len());
        for (write, column) in self.rule.writes.iter().zip(written) {
            let column =
                input_column::written(column, &is_kept, |row| self.is_absent(write, row));
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
