//! Running a case: the component, called in every way a batch can reach it.

use anyhow::Result;
use gristmill_core::transform::Transform as _;

use super::case::{Case, Expected, Rejected};
use crate::authoring::input::{self, DimensionFiles};
use gristmill_core::rows;
use gristmill_sandbox::Component;
use gristmill_sandbox::purity::{self, FailedRow};

/// What a component makes of a case.
pub struct Answered {
    pub answer: Expected,
    /// Rows that it fails on: each would be a dead letter.
    pub failures: Vec<FailedRow>,
}

/// Runs the component on the case's rows. An error where it is no pure function of them, too.
pub fn run(component: &Component, case: &Case, dimensions: &DimensionFiles) -> Result<Answered> {
    let plan = component.open(&case.config)?.plan().clone();
    input::check_names(&plan, &case.input)?;
    let batch = input::batch(&plan, &case.input, dimensions)?;
    let checked = purity::check(component, &case.config, &batch)?;
    let output = checked.output;
    let rejected = output.rejections.into_iter().map(|r| Rejected {
        row: r.row,
        code: r.code,
        message: r.message,
    });
    let one_to_one: Vec<u32> = (0..output.rows as u32).collect();
    Ok(Answered {
        answer: Expected {
            rows: rows::read(&plan.writes, &output.columns, output.rows),
            source_rows: output.source_rows.filter(|sources| *sources != one_to_one),
            rejections: rejected.collect(),
        },
        failures: checked.failures,
    })
}
