//! `gristmill transform inspect`: what a component says, and what it may do.

use std::path::PathBuf;

use anyhow::Result;
use gristmill_core::column::Field;
use gristmill_core::plan::Plan;
use gristmill_core::transform::Transform as _;
use serde_json::Value;

use crate::authoring::{self, Subject};
use crate::cli::table;
use gristmill_sandbox::{Component, SandboxError};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// A component's file, builtin:NAME, or a rule's folder (which is built first)
    what: String,
    /// The config to open it with, JSON or TOML: the plan may depend on it
    #[arg(long)]
    config: Option<PathBuf>,
}

pub(super) fn run(args: &Args) -> Result<()> {
    let component = Subject::parse(&args.what)?.load(&crate::cli::sandbox()?)?;
    let config = authoring::read_config(args.config.as_deref())?;
    let opened = component.open(&config);
    print!("{}", outside(&component)?);
    match opened {
        Ok(transform) => print!("{}", plan(transform.plan())),
        Err(SandboxError::Config { why, .. }) if args.config.is_none() => {
            println!(
                "\nreads and writes depend on the config ({why}): give one with --config FILE"
            );
        }
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

/// All that does not depend on a config.
fn outside(component: &Component) -> Result<String> {
    let about = component.description();
    let mut facts = table::borderless();
    facts.add_row(["size", &size(component.bytes().len())]);
    facts.add_row(["digest", &format!("sha256:{}", component.digest())]);
    facts.add_row(["exports", &component.exports().join(", ")]);
    facts.add_row(["imports", &component.imports().join(", ")]);
    for (name, value) in &about.attributes {
        facts.add_row([name, value]);
    }
    let schema = match serde_json::from_str::<Value>(&about.config_schema) {
        Ok(schema) => serde_json::to_string_pretty(&schema)?,
        Err(_) => "anything".to_owned(),
    };
    Ok(format!(
        "{} {}: {}\n\n{}\n\nlimits (a pipeline may set others)\n{}\n\nconfig schema\n{schema}\n",
        about.name,
        about.version,
        about.summary,
        table::text(facts),
        limits(component)?
    ))
}

fn limits(component: &Component) -> Result<String> {
    let mut limits = table::borderless();
    if let Value::Object(values) = serde_json::to_value(component.limits())? {
        for (name, value) in values {
            let number = value.as_u64().map_or(value.to_string(), grouped);
            limits.add_row([format!("  {name}"), number]);
        }
    }
    Ok(table::text(limits))
}

fn plan(plan: &Plan) -> String {
    let mut text = String::new();
    let mut part = |title: &str, fields: &[Field]| {
        text += &format!("\n{title}\n{}\n", columns(fields));
    };
    part("reads", &plan.reads);
    for join in &plan.joins {
        let on = join.on.join(", ");
        part(&format!("joins {} on {on}", join.dimension), &join.take);
    }
    part("writes", &plan.writes);
    if let Some(roles) = &plan.roles {
        let mut rows = table::borderless();
        rows.add_row(["  key", &roles.key.join(", ")]);
        rows.add_row(["  event time", &roles.event_time]);
        rows.add_row(["  deleted", roles.deleted.as_deref().unwrap_or("-")]);
        let order = roles.order.join(", ");
        rows.add_row(["  order", if order.is_empty() { "-" } else { &order }]);
        text += &format!(
            "\nroles (a normalizer: the first transform of a pipeline)\n{}\n",
            table::text(rows)
        );
    }
    let codes = match plan.reject_codes.as_slice() {
        [] => "nothing".to_owned(),
        codes => codes.join(", "),
    };
    text += &format!("\nrejects\n  {codes}\n");
    for (name, value) in &plan.attributes {
        text += &format!("\n{name}\n  {value}\n");
    }
    text
}

fn columns(fields: &[Field]) -> String {
    let mut rows = table::borderless();
    for field in fields {
        let null = if field.nullable { "" } else { "not null" };
        let name = format!("  {}", field.name);
        rows.add_row([name, field.logical_type.to_string(), null.to_owned()]);
    }
    if fields.is_empty() {
        rows.add_row(["  nothing"]);
    }
    table::text(rows)
}

/// A size for people, and in bytes.
pub(super) fn size(bytes: usize) -> String {
    format!("{} ({} bytes)", kib(bytes), grouped(bytes as u64))
}

/// In KiB, rounded up.
pub(super) fn kib(bytes: usize) -> String {
    format!("{} KiB", grouped(bytes.div_ceil(1024) as u64))
}

/// 1234567 as 1,234,567.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let first = (digits.len() - 1) % 3 + 1;
    let (head, rest) = digits.split_at(first);
    let groups = rest.as_bytes().chunks(3).map(String::from_utf8_lossy);
    groups.fold(head.to_owned(), |text, group| format!("{text},{group}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_parted() {
        let texts = [0, 999, 1_000, 12_345, 1_234_567].map(grouped);
        assert_eq!(texts, ["0", "999", "1,000", "12,345", "1,234,567"]);
    }
}
