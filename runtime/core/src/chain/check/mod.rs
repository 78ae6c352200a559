//! Proves, before a row flows, that the transforms' plans fit each other, the dimensions and the
//! target.

mod joins;
mod plans;

use std::collections::HashSet;
use std::fmt;

use crate::column::{Field, LogicalType};
use crate::dimension::Dimensions;
use crate::plan::{Plan, Roles};
use crate::suggest::did_you_mean;

use plans::Check;

/// One thing that does not fit, in one sentence that says what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanProblem {
    /// The transform at fault; `None` when it is the pipeline's.
    pub transform: Option<String>,
    pub message: String,
}

impl fmt::Display for PlanProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.transform {
            Some(name) => write!(f, "transform `{name}`: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

/// Everything that does not fit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
pub struct PlanError {
    pub problems: Vec<PlanProblem>,
}

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

/// The field called `name`, or a hint at the nearest name.
fn find<'f>(fields: &'f [Field], name: &str) -> Result<&'f Field, String> {
    let names = || fields.iter().map(|f| f.name.as_str());
    fields
        .iter()
        .find(|f| f.name == name)
        .ok_or_else(|| did_you_mean(name, names()))
}

fn list(names: &[String]) -> String {
    if names.is_empty() {
        return "no column".to_owned();
    }
    names
        .iter()
        .map(|n| format!("`{n}`"))
        .collect::<Vec<_>>()
        .join(", ")
}
