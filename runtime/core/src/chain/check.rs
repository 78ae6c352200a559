//! Proves, before a row flows, that the transforms' plans fit each other, the dimensions and the target.

use std::collections::HashSet;
use std::fmt;

use crate::column::{Field, LogicalType};
use crate::decode::Decoder;
use crate::dimension::Dimensions;
use crate::plan::{Join, Plan, Roles};

use super::Tombstone;
use super::judge::to_us;

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

/// Checks the plans of a pipeline's transforms, by name and in order, against each other and the dimensions. Answers the columns that the chain writes, in order.
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

/// Checks that the chain writes every column of `target` as it is meant, and that the sink gets what its guard needs.
pub fn check_target(target: &[Field], written: &[Field], roles: &Roles) -> Vec<PlanProblem> {
    let mut messages = Vec::new();
    for field in target {
        match written.iter().find(|w| w.name == field.name) {
            None => messages.push(format!(
                "no transform writes the target column `{}`{}: write it, or leave it out of the target",
                field.name,
                did_you_mean(&field.name, written.iter().map(|w| w.name.as_str()))
            )),
            Some(w) if !fits(w.logical_type, field.logical_type) => messages.push(format!(
                "the target column `{}` is {}, but {} is written: change the table or the transform",
                field.name, field.logical_type, w.logical_type
            )),
            Some(_) => {}
        }
    }
    for name in roles.key.iter().chain([&roles.event_time]) {
        if !target.iter().any(|f| f.name == *name) {
            messages.push(format!(
                "the target has no column `{name}`, which tells rows apart or which is newer: add it"
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

/// Whether a written column can be stored as `target`: the same meaning, or a timestamp of whole milliseconds as microseconds.
fn fits(written: LogicalType, target: LogicalType) -> bool {
    written == target || (written == LogicalType::TimestampMs && target == LogicalType::TimestampUs)
}

/// What has been found so far, with the transform whose turn it is.
struct Check<'a> {
    dimensions: &'a Dimensions,
    transform: &'a str,
    /// With the transform that writes it.
    written: Vec<(&'a str, Field)>,
    problems: Vec<PlanProblem>,
}

impl<'a> Check<'a> {
    fn problem(&mut self, message: String) {
        self.problems.push(PlanProblem {
            transform: Some(self.transform.to_owned()),
            message,
        });
    }

    fn normalizer(&mut self, plan: &Plan) {
        // Topic, partition and size do not matter: only the paths are checked.
        if let Err(error) = Decoder::new(&plan.reads, "", 0, Tombstone::Ignore, usize::MAX) {
            self.problem(error.to_string());
        }
        self.joins(plan, &plan.reads);
        self.unique_inputs(plan);
        self.writes(plan, None);
        match &plan.roles {
            Some(roles) => self.roles(roles, &plan.writes),
            None => self.problem(
                "the first transform must be a normalizer, but this one declares no roles: put the normalizer first"
                    .to_owned(),
            ),
        }
    }

    fn enricher(&mut self, plan: &Plan, roles: Option<&Roles>) {
        let available: Vec<Field> = self.written.iter().map(|(_, f)| f.clone()).collect();
        if plan.roles.is_some() {
            self.problem(
                "only the first transform may declare roles: remove them, or make it the first"
                    .to_owned(),
            );
        }
        for read in &plan.reads {
            match find(&available, &read.name) {
                Err(nearest) => self.problem(format!(
                    "it reads column `{}`, which no earlier transform writes{nearest}: reorder the transforms or correct the name",
                    read.name
                )),
                Ok(field) if field.logical_type != read.logical_type => self.problem(format!(
                    "it reads column `{}` as {}, but that is {}: declare it as what it is",
                    read.name, read.logical_type, field.logical_type
                )),
                Ok(field) if field.nullable && !read.nullable => self.problem(format!(
                    "it reads column `{}` as never null, but it may be null: declare it nullable",
                    read.name
                )),
                Ok(_) => {}
            }
        }
        self.joins(plan, &available);
        self.unique_inputs(plan);
        self.writes(plan, roles);
    }

    /// What a transform sees must be tellable by name.
    fn unique_inputs(&mut self, plan: &Plan) {
        let mut seen = HashSet::new();
        for field in plan.input_fields() {
            if !seen.insert(&field.name) {
                self.problem(format!(
                    "it asks for column `{}` twice: read or take it once",
                    field.name
                ));
            }
        }
    }

    fn joins(&mut self, plan: &Plan, available: &[Field]) {
        for join in &plan.joins {
            let Some(dimension) = self.dimensions.get(&join.dimension) else {
                let nearest =
                    did_you_mean(&join.dimension, self.dimensions.keys().map(String::as_str));
                self.problem(format!(
                    "it joins the dimension `{0}`, which the pipeline does not have{nearest}: add a [dimension.{0}]",
                    join.dimension
                ));
                continue;
            };
            let (fields, key) = (dimension.fields().to_vec(), dimension.key().to_vec());
            self.join_key(join, available, (&fields, &key));
            for take in &join.take {
                match find(&fields, &take.name) {
                    Err(nearest) => self.problem(format!(
                        "it takes `{}` from the dimension `{}`, which has no such column{nearest}",
                        take.name, join.dimension
                    )),
                    Ok(field) if field.logical_type != take.logical_type => self.problem(format!(
                        "it takes `{}` from the dimension `{}` as {}, but that is {}: declare it as what it is",
                        take.name, join.dimension, take.logical_type, field.logical_type
                    )),
                    Ok(_) if !take.nullable => self.problem(format!(
                        "it takes `{}` from the dimension `{}` as never null, but a row without a match has none: declare it nullable",
                        take.name, join.dimension
                    )),
                    Ok(_) => {}
                }
            }
        }
    }

    fn join_key(&mut self, join: &Join, available: &[Field], (fields, key): (&[Field], &[String])) {
        if join.on.len() != key.len() {
            return self.problem(format!(
                "it joins the dimension `{}` on {}, but the key is {}: name one column for each of the key's",
                join.dimension,
                list(&join.on),
                list(key)
            ));
        }
        for (on, key) in join.on.iter().zip(key) {
            let is_type = find(fields, key).map(|f| f.logical_type).ok();
            match find(available, on) {
                Err(nearest) => self.problem(format!(
                    "it joins the dimension `{}` on column `{on}`, which no earlier transform writes{nearest}",
                    join.dimension
                )),
                Ok(field) if Some(field.logical_type) != is_type => {
                    let is_type = is_type.map_or_else(String::new, |t| t.to_string());
                    self.problem(format!(
                        "it joins the dimension `{}` on column `{on}`, which is {}, but the key's `{key}` is {is_type}: they must be of one type",
                        join.dimension, field.logical_type
                    ));
                }
                Ok(_) => {}
            }
        }
    }

    fn writes(&mut self, plan: &Plan, roles: Option<&Roles>) {
        for field in &plan.writes {
            let earlier = self
                .written
                .iter()
                .find(|(_, w)| w.name == field.name)
                .map(|(t, _)| *t);
            let Some(writer) = earlier else {
                self.written.push((self.transform, field.clone()));
                continue;
            };
            let name = &field.name;
            let message = if writer == self.transform {
                format!("it writes column `{name}` twice: write it once")
            } else if roles.is_some_and(|r| has_role(r, name)) {
                format!(
                    "it writes column `{name}`, which is key, event time, deleted flag or order: only the normalizer may; write another column"
                )
            } else {
                format!(
                    "it writes column `{name}`, which transform `{writer}` writes already: write another column"
                )
            };
            self.problem(message);
        }
    }

    fn roles(&mut self, roles: &Roles, writes: &[Field]) {
        if roles.key.is_empty() {
            self.problem("its key has no columns: name at least one".to_owned());
        }
        let mut seen = HashSet::new();
        for name in &roles.key {
            if !seen.insert(name) {
                self.problem(format!("its key names column `{name}` twice: name it once"));
            }
            self.role("key", name, writes, |field| match field.logical_type {
                _ if field.nullable => Some("may be null: declare it not nullable and reject rows without it"),
                LogicalType::Float64 | LogicalType::Json | LogicalType::Decimal { .. } => {
                    Some("has no exact equality: use int64, text, uuid, bytes, boolean, a date or a timestamp")
                }
                _ => None,
            });
        }
        self.role("event time", &roles.event_time, writes, |field| {
            to_us(field.logical_type)
                .is_none()
                .then_some("is no timestamp: declare it timestamp(us) or timestamp(ms)")
        });
        if let Some(deleted) = &roles.deleted {
            self.role("deleted flag", deleted, writes, |field| {
                (field.logical_type != LogicalType::Boolean)
                    .then_some("is no boolean: declare it boolean")
            });
        }
        for name in &roles.order {
            self.role("order", name, writes, |field| {
                matches!(
                    field.logical_type,
                    LogicalType::Json | LogicalType::Decimal { .. }
                )
                .then_some("has no order that the host knows: use int64 or text")
            });
        }
    }

    /// Checks one column of a role; `wrong` says what is wrong with it.
    fn role(
        &mut self,
        role: &str,
        name: &str,
        writes: &[Field],
        wrong: impl Fn(&Field) -> Option<&'static str>,
    ) {
        match find(writes, name) {
            Err(nearest) => self.problem(format!(
                "its {role} is column `{name}`, which it does not write{nearest}: write it"
            )),
            Ok(field) => {
                if let Some(wrong) = wrong(field) {
                    let logical_type = field.logical_type;
                    self.problem(format!(
                        "its {role} column `{name}` ({logical_type}) {wrong}"
                    ));
                }
            }
        }
    }
}

fn has_role(roles: &Roles, name: &str) -> bool {
    let others = roles
        .deleted
        .iter()
        .chain(&roles.order)
        .chain([&roles.event_time]);
    roles.key.iter().chain(others).any(|r| r == name)
}

/// The field called `name`, or a hint at the nearest name.
fn find<'f>(fields: &'f [Field], name: &str) -> Result<&'f Field, String> {
    let names = || fields.iter().map(|f| f.name.as_str());
    fields
        .iter()
        .find(|f| f.name == name)
        .ok_or_else(|| did_you_mean(name, names()))
}

/// ` (did you mean ..?)` when one of `names` is a typing mistake away.
fn did_you_mean<'n>(name: &str, names: impl Iterator<Item = &'n str>) -> String {
    let distances = names.map(|n| (strsim::damerau_levenshtein(n, name), n));
    // A third of the letters may differ: clap's own limit is about as loose.
    let near = distances.filter(|(distance, _)| *distance * 3 <= name.len().max(3));
    near.min()
        .map_or_else(String::new, |(_, n)| format!(" (did you mean `{n}`?)"))
}

fn list(names: &[String]) -> String {
    names
        .iter()
        .map(|n| format!("`{n}`"))
        .collect::<Vec<_>>()
        .join(", ")
}
