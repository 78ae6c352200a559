//! Each transform against those before it.

use std::collections::HashSet;

use crate::chain::Tombstone;
use crate::column::{Field, LogicalType};
use crate::decode::Decoder;
use crate::dedup::VersionKind;
use crate::dimension::Dimensions;
use crate::plan::{Plan, Roles};

use super::names::find;
use super::plan_problem::PlanProblem;

/// What has been found so far, with the transform whose turn it is.
pub(super) struct Check<'a> {
    pub(super) dimensions: &'a Dimensions,
    pub(super) transform: &'a str,
    /// Each column with the transform that writes it.
    pub(super) written: Vec<(&'a str, Field)>,
    pub(super) problems: Vec<PlanProblem>,
}

impl<'a> Check<'a> {
    pub(super) fn problem(&mut self, message: String) {
        self.problems.push(PlanProblem {
            transform: Some(self.transform.to_owned()),
            message,
        });
    }

    pub(super) fn normalizer(&mut self, plan: &Plan) {
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
                "the first transform must be a normalizer, but this one declares no roles: put \
                 the normalizer first"
                    .to_owned(),
            ),
        }
    }

    pub(super) fn enricher(&mut self, plan: &Plan, roles: Option<&Roles>) {
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
                    "it reads column `{}`, which no earlier transform writes{nearest}: reorder \
                     the transforms or correct the name",
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
            } else if roles.is_some_and(|r| r.include(name)) {
                format!(
                    "it writes column `{name}`, which is key, event time, deleted flag or order: \
                     only the normalizer may; write another column"
                )
            } else {
                format!(
                    "it writes column `{name}`, which transform `{writer}` writes already: write \
                     another column"
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
                // A row that empties the table has no key.
                _ if field.nullable && roles.truncate.is_none() => {
                    Some("may be null: declare it not nullable and reject rows without it")
                }
                LogicalType::Json => Some(
                    "is of a type of which a value has no one form: use text, a number, uuid, \
                     bytes, boolean, a date or a timestamp",
                ),
                _ => None,
            });
        }
        self.role("event time", &roles.event_time, writes, |field| {
            field
                .logical_type
                .unit_us()
                .is_none()
                .then_some("is no timestamp: declare it timestamp(us) or timestamp(ms)")
        });
        if let Some(deleted) = &roles.deleted {
            self.role("deleted flag", deleted, writes, |field| {
                (field.logical_type != LogicalType::Boolean)
                    .then_some("is no boolean: declare it boolean")
            });
        }
        if let Some(truncate) = &roles.truncate {
            self.role("truncate column", truncate, writes, |field| {
                (field.logical_type != LogicalType::Boolean || field.nullable)
                    .then_some("is no boolean that is never null: declare it so")
            });
        }
        self.old_key(roles, writes);
        if roles.version.kind == VersionKind::OrderFirst && roles.order.is_empty() {
            self.problem(
                "its versions are order-first, but it names no order column: name one".to_owned(),
            );
        }
        for name in &roles.order {
            self.role("order", name, writes, |field| {
                (field.logical_type == LogicalType::Json || field.logical_type.is_decimal())
                    .then_some("has no order that the host knows: use int64 or text")
            });
        }
    }

    fn old_key(&mut self, roles: &Roles, writes: &[Field]) {
        if !roles.old_key.is_empty() && roles.old_key.len() != roles.key.len() {
            self.problem(format!(
                "its old key has {} columns, and its key {}: name one for each",
                roles.old_key.len(),
                roles.key.len()
            ));
        }
        for (name, key) in roles.old_key.iter().zip(&roles.key) {
            let of_key = find(writes, key).ok().map(|field| field.logical_type);
            self.role("old key", name, writes, |field| {
                (!field.nullable || of_key.is_some_and(|of_key| of_key != field.logical_type))
                    .then_some("is not of the key column's type, or never null: declare it so")
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
