//! `gristmill try`: events before and after a rule or a pipeline.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::str::FromStr;

use anyhow::Result;
use gristmill_core::visible::visible;
use gristmill_sandbox::HeardLine;
use serde_json::Value;

use super::out::{Out, complain};
use super::property_arguments::PropertyArguments;
use super::table;
use crate::definition::host_sandbox;
use crate::ops::try_events::{Attempt, EventSource, TriedEvent, TryRequest};

#[derive(clap::Args)]
pub(super) struct Args {
    /// A pipeline's .toml file, or a rule: its folder (which is built first), a component's file,
    /// or builtin:NAME
    what: String,
    /// A rule to try as part of that pipeline: in the place of the transform of its name, else at
    /// the end
    rule: Option<String>,
    #[command(flatten)]
    events: From,
    /// Kafka's brokers, for --topic
    #[arg(
        long,
        env = "KAFKA_BOOTSTRAP",
        hide_env_values = true,
        default_value = "localhost:9092"
    )]
    bootstrap: String,
    #[command(flatten)]
    properties: PropertyArguments,
    /// With --topic: the partition, and the first of its offsets, instead of the newest events
    #[arg(long, value_name = "PARTITION/OFFSET", requires = "topic")]
    from: Option<StartAt>,
    /// At most so many events
    #[arg(long, default_value_t = 20)]
    limit: usize,
    /// The rule's config, JSON or TOML, instead of the one in its rule.toml
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The folder of the rule's cases: rows of the dimensions that it joins are in its
    /// `dimensions`; without one `cases` in the rule's folder
    #[arg(long, value_name = "DIR")]
    cases: Option<PathBuf>,
}

/// Where the events are.
#[derive(clap::Args)]
#[group(required = true, multiple = false)]
struct From {
    /// A file of events: a JSON array, or one event a line
    #[arg(long, value_name = "FILE")]
    on: Option<PathBuf>,
    /// The newest events of this topic instead
    #[arg(long)]
    topic: Option<String>,
}

/// Where in a topic to begin.
#[derive(Clone, Copy)]
struct StartAt {
    partition: i32,
    offset: i64,
}

impl FromStr for StartAt {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parse = || {
            let (partition, offset) = text.split_once('/')?;
            Some(Self {
                partition: partition.parse().ok()?,
                offset: offset.parse().ok()?,
            })
        };
        parse().ok_or("write PARTITION/OFFSET, for example 0/1200")
    }
}

/// Fails where an event is a dead letter, so that a script sees it.
pub(super) async fn run(args: Args, out: Out<'_>) -> Result<ExitCode> {
    let bootstrap = args.bootstrap;
    let request = TryRequest {
        what: args.what,
        rule: args.rule,
        config: args.config,
        cases: args.cases,
        events: match args.events.topic {
            Some(topic) => EventSource::Topic {
                bootstrap,
                properties: args.properties.to_map(),
                topic,
                from: args.from.map(|from| (from.partition, from.offset)),
            },
            None => EventSource::File(args.events.on.unwrap_or_else(|| Path::new("").into())),
        },
        limit: args.limit,
    };
    let attempt = Attempt::open(&request, &host_sandbox::open()?).await?;
    let (columns, tried, all) = (attempt.columns.clone(), attempt.left(), attempt.all);
    let oddities = attempt.oddities.clone();
    let mut exit = ExitCode::SUCCESS;
    for event in attempt {
        let event = event?;
        if !event.dead_letters.is_empty() {
            exit = ExitCode::FAILURE;
        }
        writeln!(out, "{}\n{}\n", event.place, text(&columns, &event))?;
    }
    if tried < all {
        writeln!(out, "{tried} of {all} events: --limit N shows more")?;
    }
    for oddity in &oddities {
        complain(&format!("warning: {oddity}"));
    }
    Ok(exit)
}

/// A line a column: as the event has it, and as each row of the answer does.
pub(super) fn text(columns: &[String], event: &TriedEvent) -> String {
    let mut lines = Vec::new();
    if !event.rows.is_empty() {
        let mut rows = table::borderless();
        let cell = |row: Option<&Value>, name: &str| {
            let value = row.and_then(|row| row.get(name));
            value.map(Value::to_string)
        };
        let after = event.rows.iter().map(|_| "after");
        rows.add_row(["  column", "before"].into_iter().chain(after));
        for name in columns {
            let before = cell(event.before.as_ref(), name).unwrap_or_default();
            let after = event.rows.iter().map(|row| cell(Some(row), name));
            let after = after.map(|value| value.unwrap_or_else(|| "absent".to_owned()));
            rows.add_row([format!("  {name}"), before].into_iter().chain(after));
        }
        lines.push(table::text(rows));
    }
    for HeardLine {
        transform,
        level,
        message,
    } in &event.log
    {
        lines.push(format!(
            "  log ({transform}, {level}): {}",
            visible(message)
        ));
    }
    for letter in &event.dead_letters {
        let (stage, code, message) = (&letter.stage, &letter.code, &letter.message);
        let message = visible(message);
        lines.push(format!("  dead letter ({stage}, {code}): {message}"));
    }
    if event.rows.is_empty() && event.dead_letters.is_empty() {
        lines.push("  no row".to_owned());
    }
    lines.join("\n")
}
