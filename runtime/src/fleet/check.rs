//! What must hold of a definition that is to take the place of the active one, whoever proposes it.

use anyhow::{Result, bail};

use crate::definition::pipeline::Pipeline;
use gristmill_postgres::table::target_table::TargetTable;
use gristmill_sandbox::purity::prove;

use super::evolution::changes;

/// The columns that are given up, and how whoever proposes says so.
#[derive(Clone, Copy, Debug)]
pub enum Retire<'a> {
    /// `--retire COLUMN`, on the command line.
    Flags(&'a [String]),
    /// `retire` under `[target]`, in the pipeline file.
    Key(&'a [String]),
}

impl Retire<'_> {
    fn columns(&self) -> &[String] {
        match self {
            Self::Flags(columns) | Self::Key(columns) => columns,
        }
    }

    fn how(&self, gone: &[String]) -> String {
        match self {
            Self::Flags(_) => {
                let flags = gone.iter().map(|g| format!("--retire {g}"));
                flags.collect::<Vec<_>>().join(" ")
            }
            Self::Key(_) => format!("`retire = {gone:?}` under [target]"),
        }
    }
}

/// An error that says what to do, where a rule that `active` does not have as it is, is no pure
/// function of its rows.
pub fn pure(active: Option<&Pipeline>, next: &Pipeline) -> Result<()> {
    let ran = active.map(|active| active.spec().transforms);
    for (rule, (_, component)) in next.spec().transforms.iter().zip(next.components()) {
        if !ran.as_ref().is_some_and(|ran| ran.contains(rule)) {
            prove(component, &rule.config)?;
        }
    }
    Ok(())
}

/// Columns of `table` that are no longer written keep their old values, which somebody must want.
/// Returns those that `retire` names.
pub fn columns(
    active: &Pipeline,
    next: &Pipeline,
    table: &TargetTable,
    retire: Retire<'_>,
) -> Result<Vec<String>> {
    let written = |name: &String| next.fields().iter().any(|f| f.name == *name);
    let names = active.fields().iter().map(|f| f.name.clone());
    // Columns that tell versions need not be there.
    let names = names.filter(|name| table.column(name).is_some());
    let (retired, gone): (Vec<String>, Vec<String>) = names
        .filter(|name| !written(name))
        .partition(|name| retire.columns().contains(name));
    if !gone.is_empty() {
        bail!(
            "the pipeline would no longer write {}, and the table would keep old values: write it \
             again, or say {}",
            gone.join(", "),
            retire.how(&gone)
        );
    }
    Ok(retired)
}

/// An error that says what to do, where the change is no ordinary one.
pub fn evolution(active: &Pipeline, next: &Pipeline) -> Result<()> {
    let changes = changes(active, next);
    if changes.is_empty() {
        return Ok(());
    }
    bail!(
        "{}: neither a start nor a swap changes that; `gristmill evolve FILE` does, by what the \
         file says",
        changes.join("; and ")
    )
}
