//! Events before and after a rule or a pipeline. Nothing is written, and each event is run as if it
//! were the first.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::vec::IntoIter;

use anyhow::{Context, Error, Result, bail, ensure};
use gristmill_core::dead_letter::DeadLetter;
use gristmill_core::decode::Format;
use gristmill_core::plan::Plan;
use gristmill_core::record::Records;
use gristmill_core::transform::Transform as _;
use gristmill_kafka::admin::Admin;
use gristmill_postgres::table::catalogue::Catalogue;
use gristmill_postgres::wire::connection::Database;
use gristmill_sandbox::{Heard, HeardLine, Sandbox};
use serde::Serialize;
use serde_json::{Value, json};

use crate::authoring::event_file::{self, PlacedEvent};
use crate::authoring::{DryRun, Subject, around_rule, draft};
use crate::definition::bundle::Bundle;
use crate::definition::file::{self, Config, Template};
use crate::definition::pipeline::Pipeline;

use super::images::Images;
use super::{newest_values, topic_events, unread_columns};

/// What is tried on which events.
#[derive(Clone, Debug)]
pub struct TryRequest {
    /// A pipeline's `.toml` file, or a rule: its folder, a component's file, or `builtin:NAME`.
    pub what: String,
    /// A rule to try as part of the pipeline `what`: in the place of the transform of its name,
    /// else at the end.
    pub rule: Option<String>,
    /// The rule's config; `None`: what its `rule.toml` says.
    pub config: Option<PathBuf>,
    /// The folder of its cases, for the dimensions that it joins; `None`: the one in its folder.
    pub cases: Option<PathBuf>,
    pub events: EventSource,
    /// At most so many events.
    pub limit: usize,
}

/// Where the events come from.
#[derive(Clone, Debug)]
pub enum EventSource {
    /// A JSON array, or one event a line.
    File(PathBuf),
    /// Events of a topic: from an offset of a partition on, or the newest.
    Topic {
        bootstrap: String,
        /// Further properties of librdkafka, beside those of the pipeline that is tried.
        properties: BTreeMap<String, String>,
        topic: String,
        from: Option<(i32, i64)>,
    },
}

/// A rule or a pipeline with events to try it on. Iterating runs the next event.
pub struct Attempt {
    /// The columns to show of each row.
    pub columns: Vec<String>,
    /// How many events the source has, of those that are tried.
    pub all: usize,
    /// What the events are taken wrongly for, though they make rows, a sentence each.
    pub oddities: Vec<String>,
    dry_run: DryRun,
    /// Whether events are made change events with a key: a rule alone needs that.
    is_rule_alone: bool,
    images: Images,
    heard: Heard,
    /// Each with its value as JSON.
    events: std::iter::Enumerate<IntoIter<(PlacedEvent, Value)>>,
}

/// What became of one event.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TriedEvent {
    /// `events.json:3`, or `topic/partition/offset`.
    pub place: String,
    /// The row in the event as it came.
    pub before: Option<Value>,
    /// The rows that would go to the table.
    pub rows: Vec<Value>,
    pub dead_letters: Vec<TriedLetter>,
    /// What the rules logged, but for what a dead letter says.
    pub log: Vec<HeardLine>,
}

/// Why an event, or a row of it, would be a dead letter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TriedLetter {
    pub stage: String,
    pub code: String,
    pub message: String,
}

/// The pipeline that is run, and how.
struct Tried {
    config: Config,
    /// The columns that a rule alone reads; `None`: a pipeline or a normalizer, which takes events
    /// as they are.
    reads: Option<Vec<String>>,
    /// The document paths that a normalizer alone reads in the value.
    paths: Vec<String>,
}

impl Attempt {
    /// Loads the rule or the pipeline, and reads the events.
    pub async fn open(request: &TryRequest, sandbox: &Sandbox) -> Result<Self> {
        let (sandbox, heard) = &sandbox.listening();
        let mut tried = tried(request, sandbox)?;
        if let EventSource::File(_) = request.events {
            // Files of events are JSON, whatever the topic has.
            tried.config.source.value_format = Format::Json;
            tried.config.source.key_format = None;
            tried.config.source.registry = None;
        }
        let images = Images::of(&tried.config);
        let (events, all) = events(request).await?;
        let mut bundle = Bundle::read(tried.config.clone())?;
        bundle.catalogue = guessed(&events);
        let pipeline = assembled(bundle, sandbox).await?;
        let shown = topic_events::in_json(pipeline.schemas(), &events);
        let values: Vec<Value> = shown.iter().map(value_of).collect();
        let mut oddities = unread(&tried, values.clone(), &images);
        if tried.reads.is_none() {
            oddities.extend(newest_values::oddities(&pipeline, &events));
        }
        let dry_run = DryRun::new(&pipeline)?;
        let columns = columns(&dry_run, tried.reads.as_deref());
        Ok(Self {
            columns,
            all,
            oddities,
            dry_run,
            is_rule_alone: tried.reads.is_some(),
            images,
            heard: heard.clone(),
            events: both(events, values),
        })
    }

    /// How many events are left to run.
    pub fn left(&self) -> usize {
        self.events.len()
    }

    fn run(&mut self, number: usize, event: PlacedEvent, value: Value) -> Result<TriedEvent> {
        let record = event.record.get(0);
        let records: Records = match self.is_rule_alone && value.is_object() {
            true => {
                let change = around_rule::as_change(value.clone(), number)?;
                event_file::with_value(record, change.to_string().as_bytes())
            }
            false => event.record.clone(),
        };
        self.heard.take();
        let outcome = self.dry_run.run(records)?;
        let letters = outcome.dead_letters.into_iter().map(TriedLetter::from);
        let dead_letters: Vec<TriedLetter> = letters.collect();
        // A panic is logged, too.
        let is_told = |line: &HeardLine| {
            dead_letters
                .iter()
                .any(|l| l.message.contains(&line.message))
        };
        let mut log = self.heard.take();
        log.retain(|line| !is_told(line));
        Ok(TriedEvent {
            place: event.place,
            before: self.images.row(&value).cloned(),
            rows: outcome.rows,
            dead_letters,
            log,
        })
    }
}

impl Iterator for Attempt {
    type Item = Result<TriedEvent>;

    fn next(&mut self) -> Option<Self::Item> {
        let (number, (event, value)) = self.events.next()?;
        Some(self.run(number, event, value))
    }
}

impl From<DeadLetter> for TriedLetter {
    fn from(letter: DeadLetter) -> Self {
        Self {
            stage: letter.stage.to_text(),
            code: letter.code,
            message: letter.message,
        }
    }
}

/// An event's value, null where it is no JSON.
fn value_of(event: &PlacedEvent) -> Value {
    let value = event.record.get(0).value;
    let value = value.map_or_else(Cow::default, |value| value.whole());
    serde_json::from_slice(&value).unwrap_or_default()
}

/// Each event with its value, and its number.
fn both(
    events: Vec<PlacedEvent>,
    values: Vec<Value>,
) -> std::iter::Enumerate<IntoIter<(PlacedEvent, Value)>> {
    let both: Vec<_> = events.into_iter().zip(values).collect();
    both.into_iter().enumerate()
}

/// What a rule alone reads and no event has.
fn unread(tried: &Tried, values: Vec<Value>, images: &Images) -> Vec<String> {
    let Some(reads) = &tried.reads else {
        let documents = values.into_iter().map(|value| json!({ "value": value }));
        return unread_columns::of_documents(tried.paths.iter(), &documents.collect::<Vec<_>>());
    };
    let rows: Vec<&Value> = values
        .iter()
        .filter_map(|value| images.row(value))
        .collect();
    let of_events = reads
        .iter()
        .filter(|name| !around_rule::BESIDE.contains(&name.as_str()));
    unread_columns::of_rows(of_events, &rows)
}

/// The columns that the events seem to have, for a target that cannot be asked. Events of a file
/// have no key: the first column is as good as any, where nothing is remembered.
fn guessed(events: &[PlacedEvent]) -> Option<Catalogue> {
    let table = draft::of_records(events.iter().map(|event| &event.record));
    let mut catalogue = table.ok()?.catalogue();
    if catalogue.key.is_empty() {
        catalogue
            .key
            .extend(catalogue.columns.first().map(|(name, _)| name.clone()));
    }
    Some(catalogue)
}

/// Makes a chain to try records on. Kafka is not asked, and Postgres for dimensions that are
/// queries, and for what the file leaves to the target's table.
pub(super) async fn dry_run(bundle: Bundle, sandbox: &Sandbox) -> Result<DryRun> {
    DryRun::new(&assembled(bundle, sandbox).await?)
}

async fn assembled(bundle: Bundle, sandbox: &Sandbox) -> Result<Pipeline> {
    let url = &bundle.config.target.url;
    let database = Database::new(url, "gristmill/try").context("target.url")?;
    Pipeline::assemble(bundle, sandbox, &database).await
}

fn is_pipeline(request: &TryRequest) -> bool {
    request.what.ends_with(".toml")
}

fn tried(request: &TryRequest, sandbox: &Sandbox) -> Result<Tried> {
    let is_pipeline = is_pipeline(request);
    match &request.rule {
        None if is_pipeline => {
            ensure!(
                request.config.is_none() && request.cases.is_none(),
                "{} is a pipeline, which has its own configs and dimensions: leave --config and \
                 --cases out",
                request.what
            );
            Ok(Tried {
                config: pipeline(request)?,
                reads: None,
                paths: Vec::new(),
            })
        }
        Some(rule) if is_pipeline => {
            let rule = subject(rule, request)?;
            let component = rule.load(sandbox)?;
            let file = Path::new(&request.what);
            Ok(Tried {
                config: around_rule::within(file, component.name(), &rule)?,
                reads: None,
                paths: Vec::new(),
            })
        }
        Some(rule) => bail!(
            "{} is no pipeline to try {rule} in: name the pipeline's .toml file first",
            request.what
        ),
        None => rule_alone(request, sandbox),
    }
}

/// The pipeline of the file; of a template, that of the topic whose events are tried.
fn pipeline(request: &TryRequest) -> Result<Config> {
    let config = file::load_any(request.what.as_ref())?;
    let Some(template) = Template::of(&config).map_err(Error::msg)? else {
        return Ok(config);
    };
    let EventSource::Topic { topic, .. } = &request.events else {
        bail!(
            "{} stands for a pipeline of each of its topics: name one with --topic, in the place \
             of --on",
            request.what
        );
    };
    let pipeline = template.pipeline(topic);
    let pipeline = pipeline
        .with_context(|| format!("{}: source.topics does not mean {topic}", request.what))?;
    pipeline.map_err(Error::msg)
}

fn subject(rule: &str, request: &TryRequest) -> Result<Subject> {
    Subject::parse(rule)?.with(request.cases.clone(), request.config.as_deref())
}

fn rule_alone(request: &TryRequest, sandbox: &Sandbox) -> Result<Tried> {
    let rule = subject(&request.what, request)?;
    let component = rule.load(sandbox)?;
    let opened = component.open(&rule.config_or_none()).with_context(|| {
        match (&request.config, rule.config()) {
            (Some(_), _) => "with this --config",
            (None, Some(_)) => "with the config of its rule.toml",
            (None, None) => "without --config FILE",
        }
    })?;
    let plan = opened.plan();
    let of_value = read_names(plan)
        .into_iter()
        .filter(|name| name.starts_with("value."));
    Ok(Tried {
        paths: of_value.collect(),
        reads: plan.roles.is_none().then(|| read_names(plan)),
        config: around_rule::alone(component.name(), &rule, plan)?,
    })
}

fn read_names(plan: &Plan) -> Vec<String> {
    let reads = plan.reads.iter().map(|f| f.name.clone());
    let on = plan.joins.iter().flat_map(|join| join.on.clone());
    reads.chain(on).collect()
}

async fn events(request: &TryRequest) -> Result<(Vec<PlacedEvent>, usize)> {
    let limit = request.limit;
    match &request.events {
        EventSource::File(file) => event_file::read(file, limit),
        EventSource::Topic {
            bootstrap,
            properties,
            topic,
            from,
        } => {
            let mut all = match is_pipeline(request) {
                true => file::load_any(Path::new(&request.what))?.source.properties,
                false => BTreeMap::new(),
            };
            all.extend(properties.clone());
            let admin = Admin::new(bootstrap, &all)?;
            let (topic, from) = (topic.clone(), *from);
            let read = move || match from {
                None => topic_events::newest(&admin, &topic, limit),
                Some(from) => topic_events::from(&admin, &topic, from, limit),
            };
            let events = tokio::task::spawn_blocking(read).await??;
            let all = events.len();
            Ok((events, all))
        }
    }
}

/// The columns to show. Of what the normalizer adds for a rule alone only those that the rule
/// reads.
fn columns(dry_run: &DryRun, reads: Option<&[String]>) -> Vec<String> {
    let is_shown = |name: &String| match reads {
        Some(reads) => {
            let is_added =
                name == around_rule::EVENT || around_rule::BESIDE.contains(&name.as_str());
            reads.contains(name) || !is_added
        }
        None => true,
    };
    let names = dry_run.fields().iter().map(|f| f.name.clone());
    names.filter(is_shown).collect()
}
