//! The proof that is asked of a rule before anybody runs it.

use anyhow::Result;
use gristmill_core::transform::Transform as _;
use serde_json::Value;

use super::{check, sample};
use crate::sandbox::Component;

/// An error that says what to do, unless the component answers the same rows alike, however they come: [`check`] on rows that nobody wrote. Rows that it fails
/// on do not count: they would be dead letters.
pub fn prove(component: &Component, config: &Value) -> Result<()> {
    let plan = component.open(config)?.plan().clone();
    check(component, config, &sample(&plan))?;
    Ok(())
}
