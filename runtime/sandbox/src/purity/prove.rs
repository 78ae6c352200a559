//! The proof that is asked of a rule before anybody runs it.

use anyhow::Result;
use gristmill_core::column::Batch;
use gristmill_core::transform::Transform as _;
use serde_json::Value;

use super::{Checked, PurityError, check, sample};
use crate::Component;

/// An error that says what to do, unless the component answers the same rows alike, however they
/// come: [`check`] on rows that nobody wrote. Rows that it fails on do not count: they would be
/// dead letters.
pub fn prove(component: &Component, config: &Value) -> Result<()> {
    check_sample(component, config)?;
    Ok(())
}

/// [`check`] on the [`sample`] for the plan, or on as many of its rows as the component takes in
/// one call.
pub fn check_sample(
    component: &Component,
    config: &Value,
) -> Result<(Batch, Checked), PurityError> {
    let mut batch = sample(component.open(config)?.plan());
    loop {
        match check(component, config, &batch) {
            Err(PurityError::TooLarge(_)) => {
                let half: Vec<u32> = (0..batch.rows as u32 / 2).collect();
                batch = batch.take(&half);
            }
            checked => return Ok((batch, checked?)),
        }
    }
}
