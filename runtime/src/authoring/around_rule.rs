//! The pipeline around a rule that is tried alone.

use std::path::Path;

use anyhow::{Context, Result, bail};
use gristmill_core::plan::Plan;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::subject::Subject;
use crate::definition::builtin;
use crate::definition::file::{self, Config};

/// Tells events apart that need no key of their own.
pub const EVENT: &str = "_event";

/// What the normalizer writes beside the columns of its config.
pub const BESIDE: [&str; 2] = ["updated_at", "is_deleted"];

/// The pipeline of `file` with the rule in it: in the place of the transform of its name, else at
/// the end. `rule` is opened with its own config where it has one, else with the file's.
pub fn within(file: &Path, name: &str, rule: &Subject) -> Result<Config> {
    let mut pipeline = file::load(file)?;
    let component = rule.component()?;
    match pipeline.transform.iter_mut().find(|t| t.name == name) {
        Some(place) => {
            place.component = component;
            if let Some(config) = rule.config() {
                place.config = config.clone();
            }
        }
        None => {
            let config = rule.config_or_none();
            pipeline.transform.push(transform(name, component, config)?);
        }
    }
    Ok(pipeline)
}

/// A pipeline of the rule alone, or, where it is no normalizer, behind one that finds the columns
/// that the rule reads in each event's row.
pub fn alone(name: &str, rule: &Subject, plan: &Plan) -> Result<Config> {
    let config = rule.config_or_none();
    let own = json!({"name": name, "component": rule.component()?, "config": config});
    let transforms = match plan.roles {
        Some(_) => vec![own],
        None => vec![normalizer(plan), own],
    };
    let mut dimensions = Map::new();
    for join in &plan.joins {
        let (file, csv) = dimension(rule, &join.dimension)?;
        let key = super::input::key(&csv, &join.on)?;
        dimensions.insert(join.dimension.clone(), json!({"file": file, "key": key}));
    }
    // Addresses of servers that nobody asks.
    let pipeline = json!({
        "pipeline": {"name": "try"},
        "source": {"bootstrap": "localhost", "topic": "try"},
        "transform": transforms,
        "dimension": dimensions,
        "target": {"url": "postgres://localhost/try", "table": "try"},
    });
    Ok(serde_json::from_value(pipeline)?)
}

/// An event as the pipeline of [`alone`] reads it: a change event gets a key, and a time where it
/// has none by the name that is looked for; an object without `before` and `after` is the row of a
/// change event.
pub fn as_change(mut event: Value, number: usize) -> Result<Value> {
    let Some(members) = event.as_object_mut() else {
        bail!("{event} is no JSON object");
    };
    if !members.contains_key("before") && !members.contains_key("after") {
        let time = time_of(members).unwrap_or_else(now_ms);
        event = json!({"op": "c", "after": event, "timestamp_ms": time});
    } else if members.get("timestamp_ms").is_none_or(Value::is_null) {
        let rows = ["after", "before"].map(|image| members.get(image));
        let of_row = || {
            rows.iter()
                .find_map(|row| time_of(row.as_ref()?.as_object()?))
        };
        // As Debezium names it.
        let own = members.get("ts_ms").and_then(Value::as_i64);
        let time = own.or_else(of_row).unwrap_or_else(now_ms);
        members.insert("timestamp_ms".to_owned(), time.into());
    }
    for image in ["before", "after"] {
        if let Some(row) = event.get_mut(image).and_then(Value::as_object_mut) {
            row.insert(EVENT.to_owned(), number.into());
        }
    }
    Ok(event)
}

/// A rule needs no time of its event. Where the row has none, it happens now.
fn time_of(row: &Map<String, Value>) -> Option<i64> {
    row.get("updated_at").and_then(Value::as_i64)
}

fn now_ms() -> i64 {
    Timestamp::now().as_millisecond()
}

fn transform(name: &str, component: String, config: Value) -> Result<file::TransformSection> {
    let transform = json!({"name": name, "component": component, "config": config});
    Ok(serde_json::from_value(transform)?)
}

fn normalizer(plan: &Plan) -> Value {
    let mut columns = Map::new();
    columns.insert(EVENT.to_owned(), "int64".into());
    for on in plan.joins.iter().flat_map(|join| &join.on) {
        columns.insert(on.clone(), "text".into());
    }
    for field in &plan.reads {
        columns.insert(field.name.clone(), field.logical_type.to_string().into());
    }
    columns.retain(|name, _| !BESIDE.contains(&name.as_str()));
    json!({
        "name": "normalize-cdc",
        "component": "builtin:normalize-cdc",
        // What a row leaves out is absent, as in a case.
        "config": {"key": [EVENT], "columns": columns, "missing": "absent"},
    })
}

/// The file of a dimension as a pipeline names it, and its bytes: beside the rule's cases, or
/// shipped.
fn dimension(rule: &Subject, name: &str) -> Result<(String, Vec<u8>)> {
    let beside = rule
        .dimensions()
        .map(|folder| folder.join(format!("{name}.csv")));
    if let Some(file) = beside.filter(|file| file.exists()) {
        let file = file.canonicalize()?;
        let csv =
            std::fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
        return Ok((file.display().to_string(), csv));
    }
    let csv = builtin::data(name).with_context(|| {
        format!(
            "the rule joins `{name}`: put rows of it into cases/dimensions/{name}.csv of the \
             rule's folder, or try the rule in a pipeline that has it: gristmill try FILE RULE"
        )
    })?;
    Ok((format!("builtin:{name}"), csv.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_becomes_a_change_and_a_change_gets_a_key() {
        let row = as_change(json!({"a": 1, "updated_at": 5}), 3).unwrap();
        let expected =
            json!({"op": "c", "after": {"a": 1, "updated_at": 5, "_event": 3}, "timestamp_ms": 5});
        assert_eq!(row, expected);
        let change = json!({"op": "d", "before": {"a": 1}, "after": null, "timestamp_ms": 9});
        let expected =
            json!({"op": "d", "before": {"a": 1, "_event": 4}, "after": null, "timestamp_ms": 9});
        assert_eq!(as_change(change, 4).unwrap(), expected);
        for (event, time) in [
            (
                json!({"op": "u", "before": null, "after": {"a": 1}, "ts_ms": 7}),
                7,
            ),
            (
                json!({"op": "d", "before": {"updated_at": 8}, "after": null}),
                8,
            ),
        ] {
            assert_eq!(as_change(event, 5).unwrap()["timestamp_ms"], time);
        }
        let untimed = as_change(json!({"op": "c", "after": {"a": 1}}), 6).unwrap();
        assert!(untimed["timestamp_ms"].is_i64());
        assert!(as_change(json!([1]), 0).is_err());
    }
}
