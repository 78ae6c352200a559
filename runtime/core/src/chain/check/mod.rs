//! Proves, before a row flows, that the transforms' plans fit each other, the dimensions and the
//! target.

mod joins;
mod names;
mod plan_problem;
mod plans;

use std::collections::HashSet;

use crate::column::{Field, LogicalType};
use crate::dimension::Dimensions;
use crate::plan::{Plan, Roles};
use crate::suggest::did_you_mean;

pub use joins::wrong_takes;
pub use plan_problem::{PlanError, PlanProblem};
use plans::Check;

/// Checks the plans of a pipeline's transforms, by name and in order, against each other and the
/// dimensions. Answers the columns that the chain writes, in order.
pub fn check_plans(
    transforms: &[(&str, &Plan)],
    dimensions: &Dimensions,
) -> Result<Vec<Field>, Vec<PlanProblem>> {
    let mut check = Check {
        dimensions,
        transform: "",
        written: Vec::new(),
        problems: Vec::new(),
    };
    let Some(((first, normalizer), enrichers)) = transforms.split_first() else {
        let message =
            "the pipeline has no transform: name a normalizer in a [[transform]] first".to_owned();
        return Err(vec![PlanProblem {
            transform: None,
            message,
        }]);
    };
    check.transform = first;
    check.normalizer(normalizer);
    let roles = normalizer.roles.as_ref();
    let mut names = HashSet::from([*first]);
    for (name, plan) in enrichers {
        check.transform = name;
        if !names.insert(name) {
            check.problem("another transform has this name: rename one".to_owned());
        }
        check.enricher(plan, roles);
    }
    if check.problems.is_empty() {
        Ok(check.written.into_iter().map(|(_, field)| field).collect())
    } else {
        Err(check.problems)
    }
}

/// Checks that the chain writes every column of `target` as it is meant, and that the sink gets
/// what its guard needs.
pub fn check_target(target: &[Field], written: &[Field], roles: &Roles) -> Vec<PlanProblem> {
    let mut messages = Vec::new();
    for field in target {
        match written.iter().find(|w| w.name == field.name) {
            None => messages.push(format!(
                "no transform writes the target column `{}`{}: write it, or leave it out of the \
                 target",
                field.name,
                did_you_mean(&field.name, written.iter().map(|w| w.name.as_str()))
            )),
            Some(w) if !fits(w.logical_type, field.logical_type) => messages.push(format!(
                "the target column `{}` is {}, but {} is written: change the table or the \
                 transform",
                field.name, field.logical_type, w.logical_type
            )),
            Some(_) => {}
        }
    }
    for name in roles.key.iter().chain([&roles.event_time]) {
        if !target.iter().any(|f| f.name == *name) {
            messages.push(format!(
                "the target has no column `{name}`, which tells rows apart or which is newer: add \
                 it"
            ));
        }
    }
    messages
        .into_iter()
        .map(|message| PlanProblem {
            transform: None,
            message,
        })
        .collect()
}

/// Whether a written column can be stored as `target`: the same meaning, or a timestamp of whole
/// milliseconds as microseconds.
fn fits(written: LogicalType, target: LogicalType) -> bool {
    written == target || (written == LogicalType::TimestampMs && target == LogicalType::TimestampUs)
}
