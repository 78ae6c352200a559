//! Running a case: the component, called in every way a batch can reach it.

use anyhow::Result;
use gristmill_core::plan::Plan;
use gristmill_core::transform::Transform as _;
use serde_json::{Map, Value};

use super::case::{Case, Expected, Rejected};
use crate::authoring::input::{self, DimensionFiles};
use gristmill_core::rows;
use gristmill_sandbox::purity::{self, FailedRow};
use gristmill_sandbox::{Component, Heard, HeardLine};

/// What a component makes of a case.
pub struct Answered {
    pub answer: Expected,
    /// Rows that it fails on: each would be a dead letter.
    pub failures: Vec<FailedRow>,
}

/// Whether the pipeline would not show the row to the enricher: all that it reads is absent. What
/// it writes is absent then, too.
fn hears_nothing(plan: &Plan, row: &Value) -> bool {
    let joined = plan.joins.iter().flat_map(|join| &join.on);
    let mut names = plan
        .reads
        .iter()
        .map(|field| &field.name)
        .chain(joined)
        .peekable();
    names.peek().is_some() && names.all(|name| rows::follow(row, name).is_none())
}

/// Leaves out that a row is no end of all rows, and had no other key, as nearly every one.
fn hide_rare(plan: &Plan, row: &mut Value) {
    let (Some(roles), Some(members)) = (&plan.roles, row.as_object_mut()) else {
        return;
    };
    let is_rare = |name: &String, value: &Value| match roles.truncate.as_ref() == Some(name) {
        true => *value == Value::Bool(false),
        false => roles.old_key.contains(name) && value.is_null(),
    };
    members.retain(|name, value| !is_rare(name, value));
}

/// What the component logs when it is opened for the case and run on its rows once; `heard` hears
/// it.
pub fn said(
    component: &Component,
    case: &Case,
    dimensions: &DimensionFiles,
    heard: &Heard,
) -> Vec<HeardLine> {
    heard.take();
    if let Ok(mut opened) = component.open(&case.config)
        && let Ok(batch) = input::batch(&opened.plan().clone(), &case.input, dimensions)
    {
        // How it ends is in the verdict.
        let _ = opened.apply(&batch);
    }
    heard.take()
}

/// Runs the component on the case's rows. An error where it is no pure function of them, too.
pub fn run(component: &Component, case: &Case, dimensions: &DimensionFiles) -> Result<Answered> {
    let plan = component.open(&case.config)?.plan().clone();
    input::check_rows(&plan, &case.input)?;
    let batch = input::batch(&plan, &case.input, dimensions)?;
    let checked = purity::check(component, &case.config, &batch)?;
    let output = checked.output;
    let unheard = |row: &Value| plan.roles.is_none() && hears_nothing(&plan, row);
    let rejected = output.rejections.into_iter().map(|r| Rejected {
        row: r.row,
        code: r.code,
        message: r.message,
    });
    let one_to_one: Vec<u32> = (0..output.rows as u32).collect();
    let mut answers = rows::read(&plan.writes, &output.columns, output.rows);
    let sources = output.source_rows.as_deref().unwrap_or(&one_to_one);
    for (answer, source) in answers.iter_mut().zip(sources) {
        if unheard(&case.input[*source as usize]) {
            *answer = Value::Object(Map::new());
        }
        hide_rare(&plan, answer);
    }
    Ok(Answered {
        answer: Expected {
            rows: answers,
            source_rows: output.source_rows.filter(|sources| *sources != one_to_one),
            rejections: rejected.collect(),
        },
        failures: checked.failures,
    })
}
