//! What the fuzz targets reach: what is believed of a component's answers, without a component.

use gristmill_core::plan::Plan;
use gristmill_core::transform::{Fault, Output};
use serde_json::Value;

pub use crate::bindings::gristmill::transform::types as wit;
use crate::call::answer;
use crate::load::check_plan;
use crate::load::config_schema::ConfigSchema;

/// What `open` answers, as a plan or refused.
pub fn plan(answered: wit::Plan) -> Result<Plan, Fault> {
    check_plan::check("t", answered)
}

/// What `apply` answers to `rows` rows, as an output or refused.
pub fn output(plan: &Plan, rows: usize, answered: wit::Output) -> Result<Output, String> {
    answer::check(plan, rows, answered)
}

/// A config held against a schema. The error says what is wrong with either.
pub fn config(schema: &str, config: &Value) -> Result<(), String> {
    ConfigSchema::parse(schema)?.check(config)
}
