//! What a component says of itself, and what it may do.

use anyhow::Result;
use gristmill_core::column::Field;
use gristmill_core::plan::Plan;
use gristmill_core::transform::Transform as _;
use gristmill_sandbox::{Component, Sandbox, SandboxError};
use serde::Serialize;
use serde_json::{Map, Value};

use super::Subject;

/// A component.
#[derive(Clone, Debug, Serialize)]
pub struct Inspection {
    pub name: String,
    pub version: String,
    pub summary: String,
    pub size_bytes: usize,
    /// SHA-256, lower-case hex.
    pub digest: String,
    pub exports: Vec<String>,
    pub imports: Vec<String>,
    pub attributes: Vec<(String, String)>,
    /// Its default limits, by name.
    pub limits: Map<String, Value>,
    /// JSON Schema of its config; `None`: it takes anything.
    pub config_schema: Option<Value>,
    pub plan: PlanSaid,
}

/// What the component declares once it has a config.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PlanSaid {
    Plan(Box<PlanFacts>),
    /// It opens with no config of which nobody gave one, and says why.
    NeedsConfig {
        why: String,
    },
    /// It does not open with the config that it was given.
    Refused {
        why: String,
    },
}

/// What a transform reads, joins, writes and refuses.
#[derive(Clone, Debug, Serialize)]
pub struct PlanFacts {
    pub reads: Vec<ColumnFact>,
    pub joins: Vec<JoinFact>,
    pub writes: Vec<ColumnFact>,
    /// What a normalizer says of its columns.
    pub roles: Option<RoleFacts>,
    pub reject_codes: Vec<String>,
    pub attributes: Vec<(String, String)>,
}

/// One column.
#[derive(Clone, Debug, Serialize)]
pub struct ColumnFact {
    pub name: String,
    #[serde(rename = "type")]
    pub logical_type: String,
    pub nullable: bool,
}

/// A dimension that is joined.
#[derive(Clone, Debug, Serialize)]
pub struct JoinFact {
    pub dimension: String,
    pub on: Vec<String>,
    pub take: Vec<ColumnFact>,
}

/// Which columns of a normalizer are what.
#[derive(Clone, Debug, Serialize)]
pub struct RoleFacts {
    pub key: Vec<String>,
    pub event_time: String,
    pub deleted: Option<String>,
    pub order: Vec<String>,
}

/// Loads the component and opens it with the subject's config, if there is one.
pub fn inspect(subject: &Subject, sandbox: &Sandbox) -> Result<Inspection> {
    let component = subject.load(sandbox)?;
    let config = subject.config();
    let plan = match component.open(&subject.config_or_none()) {
        Ok(transform) => PlanSaid::Plan(Box::new(PlanFacts::from(transform.plan()))),
        Err(SandboxError::Config { why, .. }) if config.is_none() => PlanSaid::NeedsConfig { why },
        Err(error) => PlanSaid::Refused {
            why: format!("{:#}", anyhow::Error::from(error)),
        },
    };
    facts(&component, plan)
}

fn facts(component: &Component, plan: PlanSaid) -> Result<Inspection> {
    let about = component.description();
    let limits = match serde_json::to_value(component.limits())? {
        Value::Object(limits) => limits,
        _ => Map::new(),
    };
    Ok(Inspection {
        name: about.name.clone(),
        version: about.version.clone(),
        summary: about.summary.clone(),
        size_bytes: component.bytes().len(),
        digest: component.digest().to_owned(),
        exports: component.exports(),
        imports: component.imports(),
        attributes: about.attributes.clone(),
        limits,
        config_schema: serde_json::from_str(&about.config_schema).ok(),
        plan,
    })
}

impl From<&Plan> for PlanFacts {
    fn from(plan: &Plan) -> Self {
        let columns = |fields: &[Field]| fields.iter().map(ColumnFact::from).collect();
        let joins = plan.joins.iter().map(|join| JoinFact {
            dimension: join.dimension.clone(),
            on: join.on.clone(),
            take: columns(&join.take),
        });
        let roles = plan.roles.as_ref().map(|roles| RoleFacts {
            key: roles.key.clone(),
            event_time: roles.event_time.clone(),
            deleted: roles.deleted.clone(),
            order: roles.order.clone(),
        });
        Self {
            reads: columns(&plan.reads),
            joins: joins.collect(),
            writes: columns(&plan.writes),
            roles,
            reject_codes: plan.reject_codes.clone(),
            attributes: plan.attributes.clone(),
        }
    }
}

impl From<&Field> for ColumnFact {
    fn from(field: &Field) -> Self {
        Self {
            name: field.name.clone(),
            logical_type: field.logical_type.to_string(),
            nullable: field.nullable,
        }
    }
}
