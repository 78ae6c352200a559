//! The proof that a swap asks of a rule before anybody runs it.

use anyhow::{Context, Result};
use gristmill_core::transform::Transform as _;

use super::{check, sample};
use crate::parts::Parts;
use crate::sandbox::Sandbox;

/// An error that says what to do, unless the transform at `position` answers the same rows alike, however they come: [`check`] on rows that nobody wrote. Rows that it fails
/// on do not count: they would be dead letters.
pub fn prove(sandbox: &Sandbox, parts: &Parts, position: usize) -> Result<()> {
    let transform = &parts.config.transform[position];
    let (name, bytes) = (&transform.name, &parts.components[position]);
    let component = sandbox
        .load(name, bytes, &transform.limits)
        .with_context(|| format!("transform `{name}`"))?;
    let plan = component.open(&transform.config)?.plan().clone();
    check(&component, &transform.config, &sample(&plan))?;
    Ok(())
}
