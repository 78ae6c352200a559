//! `gristmill try`: events before and after a rule or a pipeline.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use gristmill_core::transform::Transform as _;
use serde_json::{Value, json};

use super::table;
use crate::authoring::events::{self, Event};
use crate::authoring::{self, Outcome, Subject, Trial, stage};
use crate::definition::file::{self, Config};
use gristmill_sandbox::Sandbox;

#[derive(clap::Args)]
pub(super) struct Args {
    /// A rule's folder (which is built first), a component's file, builtin:NAME, or a pipeline's
    /// .toml file
    what: String,
    #[command(flatten)]
    events: From,
    /// Kafka's brokers, for --topic
    #[arg(long, env = "KAFKA_BOOTSTRAP", default_value = "localhost:9092")]
    bootstrap: String,
    /// At most so many events
    #[arg(long, default_value_t = 20)]
    limit: usize,
    /// The rule's config, JSON or TOML
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Try the rule as part of this pipeline: in the place of the transform of its name, else at
    /// the end
    #[arg(long, value_name = "FILE")]
    pipeline: Option<PathBuf>,
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

/// What is tried.
struct Tried {
    config: Config,
    /// The columns that a rule alone reads: events are made change events with a key for it.
    /// `None`: a pipeline or a normalizer, which takes events as they are.
    reads: Option<Vec<String>>,
}

pub(super) async fn run(args: Args) -> Result<()> {
    let sandbox = crate::cli::sandbox()?;
    let tried = tried(&args, &sandbox)?;
    let images = Images::of(&tried.config);
    let mut trial = Trial::new(tried.config, &sandbox).await?;
    let columns = columns(&trial, tried.reads.as_deref());
    let (events, all) = events(&args).await?;
    for (number, event) in events.iter().enumerate() {
        let record = event.record.get(0);
        let value: Value = record
            .value
            .and_then(|value| serde_json::from_slice(value).ok())
            .unwrap_or_default();
        let outcome = match tried.reads {
            Some(_) if value.is_object() => {
                let change = stage::as_change(value.clone(), number)?;
                trial.run(events::with_value(record, change.to_string().as_bytes()))
            }
            _ => trial.run(event.record.clone()),
        };
        println!("{}", event.place);
        println!("{}\n", shown(&columns, images.row(&value), &outcome?));
    }
    if events.len() < all {
        println!("{} of {all} events: --limit N shows more", events.len());
    }
    Ok(())
}

fn tried(args: &Args, sandbox: &Sandbox) -> Result<Tried> {
    if args.what.ends_with(".toml") {
        ensure!(
            args.pipeline.is_none() && args.config.is_none(),
            "{} is a pipeline, which has its own configs: leave --pipeline and --config out",
            args.what
        );
        let config = file::load(args.what.as_ref())?;
        return Ok(Tried {
            config,
            reads: None,
        });
    }
    let rule = Subject::parse(&args.what)?;
    let component = rule.load(sandbox)?;
    let config = args.config.as_deref();
    let config = config.map(|file| authoring::read_config(Some(file)));
    let config = config.transpose()?;
    if let Some(file) = &args.pipeline {
        return Ok(Tried {
            config: stage::within(file, component.name(), &rule, config)?,
            reads: None,
        });
    }
    let config = config.unwrap_or_else(|| json!({}));
    let opened = component.open(&config).with_context(|| match args.config {
        None => "without --config FILE".to_owned(),
        Some(_) => "with this --config".to_owned(),
    })?;
    let plan = opened.plan();
    let reads = plan.reads.iter().map(|f| f.name.clone());
    let on = plan.joins.iter().flat_map(|join| join.on.clone());
    Ok(Tried {
        reads: plan.roles.is_none().then(|| reads.chain(on).collect()),
        config: stage::alone(component.name(), &rule, config, plan)?,
    })
}

async fn events(args: &Args) -> Result<(Vec<Event>, usize)> {
    let limit = args.limit;
    match (&args.events.on, &args.events.topic) {
        (None, Some(topic)) => {
            let (topic, bootstrap) = (topic.clone(), args.bootstrap.clone());
            let read = move || events::of_topic(&bootstrap, &topic, limit);
            let events = tokio::task::spawn_blocking(read).await??;
            let all = events.len();
            Ok((events, all))
        }
        (file, _) => events::of_file(file.as_deref().unwrap_or(Path::new("")), limit),
    }
}

/// The columns to show. Of what the normalizer adds for a rule alone only those that the rule
/// reads.
fn columns(trial: &Trial, reads: Option<&[String]>) -> Vec<String> {
    let is_shown = |name: &String| match reads {
        Some(reads) => {
            reads.contains(name)
                || (name != stage::EVENT && !stage::BESIDE.contains(&name.as_str()))
        }
        None => true,
    };
    let names = trial.fields().iter().map(|f| f.name.clone());
    names.filter(is_shown).collect()
}

/// A line a column: as the event has it, and as each row of the answer does.
fn shown(columns: &[String], before: Option<&Value>, outcome: &Outcome) -> String {
    let mut lines = Vec::new();
    if !outcome.rows.is_empty() {
        let mut rows = table::borderless();
        let cell = |row: Option<&Value>, name: &str| {
            let value = row.and_then(|row| row.get(name));
            value.map(Value::to_string).unwrap_or_default()
        };
        let after = outcome.rows.iter().map(|_| "after");
        rows.add_row(["  column", "before"].into_iter().chain(after));
        for name in columns {
            let after = outcome.rows.iter().map(|row| cell(Some(row), name));
            rows.add_row(
                [format!("  {name}"), cell(before, name)]
                    .into_iter()
                    .chain(after),
            );
        }
        lines.push(table::text(rows));
    }
    for letter in &outcome.dead_letters {
        let (stage, code, message) = (letter.stage.to_text(), &letter.code, &letter.message);
        lines.push(format!("  dead letter ({stage}, {code}): {message}"));
    }
    if lines.is_empty() {
        lines.push("  no row".to_owned());
    }
    lines.join("\n")
}

/// Where the normalizer finds a row in an event.
struct Images {
    op: String,
    before: String,
    after: String,
}

impl Images {
    fn of(config: &Config) -> Self {
        let normalizer = config.transform.first().map(|t| &t.config);
        let path = |key: &str| {
            let set = normalizer.and_then(|config| config.get(key)?.as_str());
            set.map_or(format!("value.{key}"), str::to_owned)
        };
        Self {
            op: path("op"),
            before: path("before"),
            after: path("after"),
        }
    }

    /// The row in an event as it came: of a delete the one before; of an object without either,
    /// itself.
    fn row<'a>(&self, value: &'a Value) -> Option<&'a Value> {
        let at = |path: &str| {
            let mut names = path.split('.').skip(1);
            names.try_fold(value, |value, name| value.get(name))
        };
        let is_delete = at(&self.op).and_then(Value::as_str) == Some("d");
        let (first, second) = match is_delete {
            true => (&self.before, &self.after),
            false => (&self.after, &self.before),
        };
        let row = |path| at(path).filter(|row| row.is_object());
        row(first).or_else(|| row(second)).or(Some(value))
    }
}
