//! The columns that a topic's rows have, against those that are taken from them.

use std::collections::{BTreeMap, BTreeSet};

use gristmill_core::column::{Field, LogicalType};
use gristmill_core::decode::names;
use serde_json::Value;

use super::newest_document::NewestDocument;
use crate::authoring::draft::OWN_NAMES;

/// What the rows of Debezium's events lack, and what of them is not taken, a sentence each.
/// `is_filled`: the columns are those of the target's table.
pub(super) fn oddities(
    config: &Value,
    is_filled: bool,
    documents: &[NewestDocument],
) -> Vec<String> {
    let is_flat = config.get("shape").is_some_and(|shape| shape == "flat");
    let rows = documents.iter().filter_map(|document| match is_flat {
        true => row_alone(&document.value),
        false => document.value.get("after")?.as_object(),
    });
    let (mut sent, mut numbers) = (BTreeSet::new(), BTreeSet::new());
    let mut count = 0;
    for row in rows {
        count += 1;
        sent.extend(row.keys().map(String::as_str));
        let are_numbers = row.iter().filter(|(_, value)| value.is_number());
        numbers.extend(are_numbers.map(|(name, _)| name.as_str()));
    }
    if count == 0 {
        return Vec::new();
    }
    let taken = taken(config);
    let counted: Vec<&str> = taken
        .iter()
        .filter(|(_, name)| config["columns"][**name].as_str().is_some_and(is_interval))
        .filter(|(source, _)| numbers.contains(*source))
        .map(|(_, name)| *name)
        .collect();
    let left_out = texts(config.get("columns_except"));
    let missing: Vec<&str> = taken
        .iter()
        .filter(|(source, _)| !sent.contains(*source))
        .map(|(_, name)| *name)
        .collect();
    let is_new = |name: &&&str| {
        !name.starts_with("__") && !taken.contains_key(**name) && !left_out.contains(**name)
    };
    let new = sent.iter().filter(is_new).copied();
    let (reserved, new): (Vec<&str>, Vec<&str>) = new.partition(|name| name.starts_with("_gm_"));
    let (own, new): (Vec<&str>, Vec<&str>) = new.into_iter().partition(|name| is_own(config, name));
    let mut found = Vec::new();
    if !own.is_empty() {
        found.push(format!(
            "the newest records have {}, which gristmill writes itself: to take it from them, give \
             gristmill's another name by `event_time_column` or `deleted_column` in the \
             transform's config",
            own.join(", ")
        ));
    }
    if !reserved.is_empty() {
        found.push(format!(
            "the newest records have {}: names that begin with _gm_ are gristmill's own; to take \
             it, say by `rename` what the target calls it",
            reserved.join(", ")
        ));
    }
    if !counted.is_empty() {
        found.push(format!(
            "the newest records have intervals as numbers in {}, which count a month as 30.4 days: \
             let the connector write them whole (interval.handling.mode = string)",
            counted.join(", ")
        ));
    }
    if !missing.is_empty() {
        found.push(format!(
            "none of the newest records has {}: new rows would have unknown cells there; leave \
             such columns out by `columns_except`, or say by `rename` what the events call them",
            missing.join(", ")
        ));
    }
    if is_filled && !new.is_empty() {
        found.push(format!(
            "the newest records have {}, for which the table has no column: it is not taken; add \
             the column, and take it in by `gristmill evolve`, or leave it",
            new.join(", ")
        ));
    }
    found
}

/// The type of arrays that `config` declares for what `read` reads, where it is a list.
pub(super) fn array_type<'c>(config: &'c Value, read: &Field) -> Option<&'c str> {
    let path = names(&read.name)?;
    let taken = taken(config);
    let column = taken.get(path.last()?.as_str())?;
    let declared = config["columns"][*column].as_str()?;
    let is_list = read.logical_type == LogicalType::Json && declared.ends_with("[]");
    is_list.then_some(declared)
}

/// Whether the name is that of a column which the normalizer fills by itself, and the table has it.
fn is_own(config: &Value, name: &str) -> bool {
    own(config).contains(&name) && config["columns"].get(name).is_some()
}

fn is_interval(declared: &str) -> bool {
    declared.starts_with("interval") && !declared.ends_with("[]")
}

/// The row that a flat value is, where it is one.
fn row_alone(value: &Value) -> Option<&serde_json::Map<String, Value>> {
    let is_deleted = value.get("__deleted").is_some_and(|text| text == "true");
    value.as_object().filter(|_| !is_deleted)
}

/// The columns that are taken from events, by what the events call them.
fn taken(config: &Value) -> BTreeMap<&str, &str> {
    let renamed = config.get("rename").and_then(Value::as_object);
    let renamed: BTreeMap<&str, &str> = renamed
        .into_iter()
        .flatten()
        .filter_map(|(source, name)| Some((name.as_str()?, source.as_str())))
        .collect();
    let except = texts(config.get("columns_except"));
    let own = own(config);
    let columns = config.get("columns").and_then(Value::as_object);
    let names = columns.into_iter().flatten().map(|(name, _)| name.as_str());
    names
        .filter(|name| !except.contains(name) && !own.contains(name))
        .map(|name| (*renamed.get(name).unwrap_or(&name), name))
        .collect()
}

/// The columns that the normalizer fills by itself.
fn own(config: &Value) -> [&str; 2] {
    OWN_NAMES.map(|(key, default)| match config.get(key) {
        Some(name) => name.as_str().unwrap_or(default),
        None => default,
    })
}

fn texts(values: Option<&Value>) -> BTreeSet<&str> {
    let values = values.and_then(Value::as_array).into_iter().flatten();
    values.filter_map(Value::as_str).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn columns_that_one_side_lacks_are_named() {
        let config = json!({
            "columns": {
                "id": "bigint", "email": "text", "loaded_at": "timestamptz", "at": "date",
                "_deleted": "boolean",
            },
            "rename": { "mail": "email" }, "columns_except": ["at"],
        });
        let document = |value| NewestDocument {
            value,
            has_schema: false,
        };
        let row = json!({ "id": 1, "mail": "x", "nick": null, "at": 1 });
        let said = |config: &Value, is_filled, value| {
            oddities(config, is_filled, &[document(value)]).join("\n")
        };
        let envelope = json!({ "op": "c", "after": row });
        let told = said(&config, true, envelope.clone());
        assert!(
            told.contains("none of the newest records has loaded_at:"),
            "{told}"
        );
        assert!(
            told.contains("the newest records have nick, for which"),
            "{told}"
        );
        let clash = json!({
            "op": "c",
            "after": { "id": 1, "mail": "x", "loaded_at": 1, "_deleted": true, "_gm_x": 1 },
        });
        let told = said(&config, true, clash);
        assert!(
            told.contains("have _deleted, which gristmill writes itself"),
            "{told}"
        );
        assert!(
            told.contains("have _gm_x: names that begin with _gm_"),
            "{told}"
        );
        assert!(!told.contains("no column"), "{told}");
        assert!(
            !said(&config, false, envelope).contains("nick"),
            "who names columns knows"
        );
        assert_eq!(said(&config, true, json!({ "op": "d", "after": null })), "");
        let mut flat = config.clone();
        flat["shape"] = "flat".into();
        assert!(said(&flat, true, row).contains("nick"));
        assert_eq!(
            said(&flat, true, json!({ "id": 1, "__deleted": "true" })),
            ""
        );
    }
}
