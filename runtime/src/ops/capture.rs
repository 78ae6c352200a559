//! A dead letter as a golden case.

use anyhow::{Context, Result, bail};
use gristmill_core::plan::Plan;
use gristmill_core::record::Records;
use gristmill_core::transform::Transform as _;
use gristmill_postgres::letters::stored_letter::{LetterId, StoredLetter};
use gristmill_sandbox::Sandbox;
use serde_json::{Map, Value, json};

use crate::authoring::golden::one_line;
use crate::definition::bundle::Bundle;

use super::letter_list::stored;
use super::opened::Opened;
use super::try_events::dry_run;

/// A golden case, before anybody has said what it expects.
#[derive(Clone, Debug)]
pub struct CapturedCase {
    /// What the dead letter said.
    pub about: String,
    /// The config that the transform had then.
    pub config: Value,
    pub input: Vec<Value>,
}

/// The dead letter `id` as a golden case of the transform that refused it.
pub async fn capture(opened: &Opened, sandbox: &Sandbox, id: &LetterId) -> Result<CapturedCase> {
    let connection = opened.database.connect().await?;
    let letter = stored(opened, &connection, id).await?;
    let bundle = Bundle::stored(&connection, &opened.config, letter.revision).await?;
    case(bundle, &letter, sandbox).await
}

/// The case of a dead letter for the transform that refused it; for the normalizer where no
/// transform did. `bundle` is that of the revision that refused it: another has other rules
/// and configs. Its input is what the transform got, which for an enricher the transforms before it
/// compute again. What is expected is left out: nobody knows it yet.
pub async fn case(
    bundle: Bundle,
    letter: &StoredLetter,
    sandbox: &Sandbox,
) -> Result<CapturedCase> {
    let place = match letter.stage.strip_prefix("transform:") {
        Some(name) => bundle.position(name)?,
        None => 0,
    };
    let transform = &bundle.config.transform[place];
    let component = sandbox.load(
        &transform.name,
        &bundle.components[place],
        &transform.limits,
    )?;
    let plan = component.open(&transform.config)?.plan().clone();
    let config = transform.config.clone();
    let input = match place {
        0 => vec![document(letter, &plan)?],
        _ => rows(bundle, place, letter, &plan, sandbox).await?,
    };
    Ok(CapturedCase {
        about: format!(
            "Dead letter {}, {}: {}",
            letter.id, letter.code, letter.message
        ),
        config,
        input,
    })
}

impl CapturedCase {
    /// The file's text. `has_config`: with the config, which a rule's folder may say by itself.
    pub fn text(&self, has_config: bool) -> String {
        let about = Value::from(self.about.as_str());
        let config = match has_config {
            true => format!("  \"config\": {},\n", one_line(&self.config)),
            false => String::new(),
        };
        let row = |row: &Value| format!("\n    {}", one_line(row));
        let input: Vec<String> = self.input.iter().map(row).collect();
        let input = input.join(",");
        format!("{{\n  \"about\": {about},\n{config}  \"input\": [{input}\n  ]\n}}\n")
    }
}

/// The record as a normalizer's reads name it, as far as they do.
fn document(letter: &StoredLetter, plan: &Plan) -> Result<Value> {
    let parsed = |what: &str, bytes: &Option<Vec<u8>>| match bytes {
        None => Ok(None),
        Some(bytes) => serde_json::from_slice::<Value>(bytes)
            .map(Some)
            .with_context(|| format!("the record's {what} is no JSON, so no rule has seen it")),
    };
    let mut document = Map::new();
    let roots = plan.reads.iter().filter_map(|f| f.name.split('.').next());
    for root in roots {
        let value = match root {
            "value" => parsed(root, &letter.value)?,
            "key" => parsed(root, &letter.key)?,
            "header" => Some(headers(letter)),
            _ => Some(json!({
                "topic": letter.id.topic,
                "partition": letter.id.partition,
                "offset": letter.id.offset,
                "timestamp": letter.record_at_ms,
            })),
        };
        if let Some(value) = value {
            document.insert(root.to_owned(), value);
        }
    }
    Ok(Value::Object(document))
}

fn headers(letter: &StoredLetter) -> Value {
    let text = |bytes: &Vec<u8>| String::from_utf8_lossy(bytes).into_owned();
    let headers = letter.headers.iter();
    let members =
        headers.map(|(name, value)| (name.clone(), Value::from(value.as_ref().map(text))));
    Value::Object(members.collect())
}

/// The rows that an enricher got: what the transforms before it make of the record, as far as it
/// reads it.
async fn rows(
    mut bundle: Bundle,
    place: usize,
    letter: &StoredLetter,
    plan: &Plan,
    sandbox: &Sandbox,
) -> Result<Vec<Value>> {
    let name = bundle.config.transform[place].name.clone();
    bundle.config.transform.truncate(place);
    bundle.components.truncate(place);
    let outcome = dry_run(bundle, sandbox).await?.run(record(letter))?;
    if let Some(other) = outcome.dead_letters.first() {
        bail!(
            "the record does not get as far as {name} any more: {} ({}): {}",
            other.stage.to_text(),
            other.code,
            other.message
        );
    }
    let on = plan.joins.iter().flat_map(|join| &join.on);
    let wanted: Vec<&String> = plan.reads.iter().map(|f| &f.name).chain(on).collect();
    let read = |row: Value| match row {
        Value::Object(members) => members
            .into_iter()
            .filter(|(name, _)| wanted.contains(&name))
            .collect(),
        other => other,
    };
    Ok(outcome.rows.into_iter().map(read).collect())
}

fn record(letter: &StoredLetter) -> Records {
    let mut record = Records::default();
    record.push(
        letter.id.offset,
        letter.record_at_ms,
        letter.key.as_deref(),
        letter.value.as_deref(),
        letter
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_deref())),
    );
    record
}
