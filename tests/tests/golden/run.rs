//! Running a case: the component that ships, called in every way a batch can reach it.

use std::fmt::Write;
use std::fs;

use anyhow::{Context, Result};
use gristmill::builtin;
use gristmill::sandbox::{Component, Limits, Sandbox};
use gristmill_core::column::{Batch, Column, Field, LogicalType};
use gristmill_core::dimension::Dimension;
use gristmill_core::plan::Join;
use gristmill_core::transform::{Output, Transform};
use gristmill_tests::rows;
use serde_json::Value;

use crate::case::{Case, Fate, data};

/// The component that ships under this name.
pub(crate) fn shipped(name: &str) -> Result<Component> {
    let bytes = builtin::component(name).context("no such transform")?;
    Ok(Sandbox::new(None)?.load(name, bytes, &Limits::default())?)
}

/// What is wrong with a case, one paragraph a row; empty when nothing is.
pub(crate) fn check(component: &Component, case: &Case) -> Result<String> {
    let expected = case.expect.fates(case.input.len())?;
    let mut run = Run::open(component, case)?;
    let mut wrong = String::new();
    for (way, calls) in ways(case.input.len()) {
        for order in calls {
            let (fates, output) = run.fates(&order).with_context(|| way.to_owned())?;
            for (fate, row) in fates.iter().zip(&order) {
                if *fate != expected[*row] {
                    let (input, expected) = (&case.input[*row], &expected[*row]);
                    writeln!(
                        wrong,
                        "  {way}, row {row}: {input}\n    expected {expected}\n    got      {fate}"
                    )?;
                }
            }
            let sources = output
                .source_rows
                .unwrap_or_else(|| (0..output.rows as u32).collect());
            if way == "whole" && sources != case.expect.source_rows() {
                let expected = case.expect.source_rows();
                writeln!(
                    wrong,
                    "  source rows: expected {expected:?}, got {sources:?}"
                )?;
            }
        }
    }
    Ok(wrong)
}

/// A case with its component, opened.
struct Run<'a> {
    case: &'a Case,
    transform: Box<dyn Transform>,
    dimensions: Vec<(Join, Dimension)>,
}

impl<'a> Run<'a> {
    fn open(component: &Component, case: &'a Case) -> Result<Self> {
        let transform = component.open(&case.config)?;
        let dimensions = transform
            .plan()
            .joins
            .iter()
            .map(|join| Ok((join.clone(), dimension(join)?)));
        let dimensions = dimensions.collect::<Result<_>>()?;
        Ok(Self {
            case,
            transform: Box::new(transform),
            dimensions,
        })
    }

    /// The input for the rows numbered `order`: what the transform reads, and what its joins take.
    fn input(&self, order: &[usize]) -> Result<Batch> {
        let plan = self.transform.plan();
        let input: Vec<Value> = order.iter().map(|i| self.case.input[*i].clone()).collect();
        let mut batch = rows::batch(&plan.reads, &input)?;
        for (join, dimension) in &self.dimensions {
            let on: Vec<Field> = join.on.iter().map(|name| text(name)).collect();
            let on = rows::batch(&on, &input)?.columns;
            let matches = dimension.lookup(&on.iter().collect::<Vec<&Column>>(), input.len());
            batch.columns.extend(dimension.take(&matches, &join.take));
        }
        batch.fields = plan.input_fields().cloned().collect();
        Ok(batch)
    }

    /// Applies the transform to the rows numbered `order`, and gives each of them its fate.
    fn fates(&mut self, order: &[usize]) -> Result<(Vec<Fate>, Output)> {
        let output = self.transform.apply(&self.input(order)?)?;
        let mut fates = vec![Fate::default(); order.len()];
        let rows = rows::read(&self.transform.plan().writes, &output.columns, output.rows);
        for (i, row) in rows.into_iter().enumerate() {
            let source = output
                .source_rows
                .as_ref()
                .map_or(i, |sources| sources[i] as usize);
            fates[source].rows.push(row);
        }
        for r in &output.rejections {
            fates[r.row as usize]
                .rejections
                .push((r.code.clone(), r.message.clone()));
        }
        Ok((fates, output))
    }
}

/// The ways in which a batch reaches a transform: each is a list of calls, each call a list of row numbers.
fn ways(rows: usize) -> Vec<(&'static str, Vec<Vec<usize>>)> {
    let all: Vec<usize> = (0..rows).collect();
    let halves = all.split_at(rows / 2);
    vec![
        ("whole", vec![all.clone()]),
        ("row by row", all.iter().map(|row| vec![*row]).collect()),
        ("in halves", vec![halves.0.to_vec(), halves.1.to_vec()]),
        ("backwards", vec![all.iter().rev().copied().collect()]),
        // 64 times: past the ends of bitmap bytes and words, wherever a row stands.
        ("many times over", vec![all.repeat(64)]),
        (
            "even rows, then odd ones",
            vec![
                all.iter().step_by(2).copied().collect(),
                all.iter().skip(1).step_by(2).copied().collect(),
            ],
        ),
    ]
}

fn text(name: &str) -> Field {
    Field {
        name: name.to_owned(),
        logical_type: LogicalType::Text,
        nullable: true,
    }
}

/// The dimension that a join names, from its file: a header, and values without commas; an empty one is null.
fn dimension(join: &Join) -> Result<Dimension> {
    let csv = fs::read_to_string(data(&join.dimension).with_extension("csv"))?;
    let mut lines = csv.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let header = lines.next().context("no header")?;
    let fields: Vec<Field> = header.iter().map(|name| text(name)).collect();
    let rows: Vec<Value> = lines
        .map(|line| {
            header
                .iter()
                .zip(line)
                .map(|(name, value)| {
                    let value = (!value.is_empty()).then_some(value);
                    (name.to_string(), Value::from(value))
                })
                .collect()
        })
        .collect();
    Ok(Dimension::new(
        &join.dimension,
        rows::batch(&fields, &rows)?,
        &join.on,
    )?)
}
