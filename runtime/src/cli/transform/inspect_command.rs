//! `gristmill transform inspect`: what a component says, and what it may do.

use std::io;
use std::path::PathBuf;

use anyhow::{Result, bail};
use indicatif::HumanCount;
use serde_json::Value;

use super::{Out, table};
use crate::authoring::Subject;
use crate::authoring::inspect::{ColumnFact, Inspection, PlanFacts, PlanSaid, RoleFacts, inspect};
use crate::definition::host_sandbox;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// A component's file, builtin:NAME, or a rule's folder (which is built first)
    #[arg(default_value = ".")]
    what: String,
    /// The config to open it with, JSON or TOML, instead of the one in its rule.toml: the plan may
    /// depend on it
    #[arg(long)]
    config: Option<PathBuf>,
}

pub(super) fn run(args: &Args, out: Out<'_>) -> Result<()> {
    let subject = Subject::parse(&args.what)?.with(None, args.config.as_deref())?;
    let found = inspect(&subject, &host_sandbox::open()?)?;
    render(&found, out)?;
    match found.plan {
        PlanSaid::Refused { why } => bail!(why),
        _ => Ok(()),
    }
}

pub(crate) fn render(found: &Inspection, out: Out<'_>) -> io::Result<()> {
    let schema = match &found.config_schema {
        Some(schema) => serde_json::to_string_pretty(schema)?,
        None => "anything".to_owned(),
    };
    writeln!(
        out,
        "{} {}: {}\n\n{}\n\nlimits (a pipeline may set others)\n{}\n\nconfig schema\n{schema}",
        found.name,
        found.version,
        found.summary,
        facts(found),
        limits(found)
    )?;
    match &found.plan {
        PlanSaid::Plan(facts) => plan(facts, out),
        PlanSaid::NeedsConfig { why } => writeln!(
            out,
            "\nreads and writes depend on the config ({why}): give one with --config FILE"
        ),
        PlanSaid::Refused { .. } => Ok(()),
    }
}

/// What does not depend on a config.
fn facts(found: &Inspection) -> String {
    let mut facts = table::borderless();
    facts.add_row(["size", &size(found.size_bytes)]);
    facts.add_row(["digest", &format!("sha256:{}", found.digest)]);
    facts.add_row(["exports", &found.exports.join(", ")]);
    facts.add_row(["imports", &found.imports.join(", ")]);
    for (name, value) in &found.attributes {
        facts.add_row([name, value]);
    }
    table::text(facts)
}

fn limits(found: &Inspection) -> String {
    let mut limits = table::borderless();
    for (name, value) in &found.limits {
        let number = value.as_u64().map(|n| HumanCount(n).to_string());
        let number = number.unwrap_or_else(|| Value::to_string(value));
        limits.add_row([format!("  {name}"), number]);
    }
    table::text(limits)
}

fn plan(plan: &PlanFacts, out: Out<'_>) -> io::Result<()> {
    writeln!(out, "\nreads\n{}", columns(&plan.reads))?;
    for join in &plan.joins {
        let (on, take) = (join.on.join(", "), columns(&join.take));
        writeln!(out, "\njoins {} on {on}\n{take}", join.dimension)?;
    }
    writeln!(out, "\nwrites\n{}", columns(&plan.writes))?;
    if let Some(of_normalizer) = &plan.roles {
        writeln!(
            out,
            "\nroles (a normalizer: the first transform of a pipeline)\n{}",
            roles(of_normalizer)
        )?;
    }
    let codes = match plan.reject_codes.as_slice() {
        [] => "nothing".to_owned(),
        codes => codes.join(", "),
    };
    writeln!(out, "\nrejects\n  {codes}")?;
    for (name, value) in &plan.attributes {
        writeln!(out, "\n{name}\n  {value}")?;
    }
    Ok(())
}

fn columns(columns: &[ColumnFact]) -> String {
    let mut rows = table::borderless();
    for column in columns {
        let null = if column.nullable { "" } else { "not null" };
        rows.add_row([&format!("  {}", column.name), &column.logical_type, null]);
    }
    if columns.is_empty() {
        rows.add_row(["  nothing"]);
    }
    table::text(rows)
}

fn roles(roles: &RoleFacts) -> String {
    let mut rows = table::borderless();
    rows.add_row(["  key", &roles.key.join(", ")]);
    rows.add_row(["  event time", &roles.event_time]);
    rows.add_row(["  deleted", roles.deleted.as_deref().unwrap_or("-")]);
    let order = roles.order.join(", ");
    rows.add_row(["  order", if order.is_empty() { "-" } else { &order }]);
    table::text(rows)
}

/// A size for people, and in bytes.
pub(super) fn size(bytes: usize) -> String {
    format!("{} ({} bytes)", kib(bytes), HumanCount(bytes as u64))
}

/// A size in KiB, rounded up. `indicatif::BinaryBytes` rounds to hundredths of the largest unit:
/// columns of such sizes are hard to compare.
pub(super) fn kib(bytes: usize) -> String {
    format!("{} KiB", HumanCount(bytes.div_ceil(1024) as u64))
}
