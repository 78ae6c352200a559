//! Which cells nobody can know who has read a stream's records: those that the source did not send
//! since the row came to be.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use serde_json::{Map, Value};

use super::stream::Stream;
use crate::topic::Message;

/// What the connector sends in the place of a large value that has not changed.
const PLACEHOLDER: &str = "__debezium_unavailable_value";

/// Of bytes.
const IN_BASE64: &str = "X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ==";
const IN_HEX: &str = "5f5f646562657a69756d5f756e617661696c61626c655f76616c7565";

/// Of a list of UUIDs: that of version 3 which Java makes of it.
const IN_UUID: &str = "b68a35a7-17ad-35b3-af2a-ae46edb4545a";

/// The key's values, as the records have them.
pub type Key = Vec<String>;

/// The columns that are unknown, of each row that is there.
pub type Unknown = BTreeMap<Key, BTreeSet<String>>;

/// What a record says.
enum Change {
    /// The row is so.
    Row(Map<String, Value>),
    Delete,
    Truncate,
    Nothing,
}

/// Reads a stream's records in the order in which the source made them.
pub fn fold(stream: &Stream) -> Result<Unknown> {
    let mut changes: Vec<_> = stream
        .messages
        .iter()
        .map(|message| change(stream, message))
        .collect::<Result<_>>()?;
    // Records of one key are in one partition, in their order. What empties the table is in any.
    if stream.head.truncates {
        changes.sort_by_key(|(version, _, _)| *version);
    }
    let mut rows = Unknown::new();
    for (_, key, change) in changes {
        match change {
            Change::Nothing => {}
            Change::Truncate => rows.clear(),
            Change::Delete => drop(rows.remove(&key)),
            Change::Row(row) => {
                let before = rows.get(&key);
                let is_unknown = |name: &str| {
                    let value = row.get(name);
                    value.is_none_or(is_placeholder)
                        && before.is_none_or(|unknown| unknown.contains(name))
                };
                let columns = stream.head.table.columns.iter().map(|c| &c.name);
                let unknown = columns.filter(|name| is_unknown(name)).cloned().collect();
                rows.insert(key, unknown);
            }
        }
    }
    Ok(rows)
}

/// Where in the source's log a record stands, its key, and what it says.
fn change(stream: &Stream, message: &Message) -> Result<((u64, u64), Key, Change)> {
    let shape = stream.head.shape;
    let parse = |part: &Option<Vec<u8>>| -> Result<Value> {
        let Some(bytes) = part else {
            return Ok(Value::Null);
        };
        let mut document: Value = serde_json::from_slice(bytes)?;
        // The key's may have a schema where the value's has none.
        let members = document.as_object();
        let has_schema = members.is_some_and(|m| m.contains_key("schema") && m.len() == 2);
        Ok(match has_schema {
            true => document["payload"].take(),
            false => document,
        })
    };
    let fields = parse(&message.key)?;
    let columns = &stream.head.table.columns[..stream.head.table.key];
    // The one column of a key may stand without an object around it.
    let key = columns.iter().map(|c| match fields.is_object() {
        true => text(&fields[&c.name]),
        false => text(&fields),
    });
    let key = key.collect();
    let value = parse(&message.value)?;
    if !shape.is_envelope() {
        let is_deleted = value.is_null() || value["__deleted"] == "true";
        let change = match value {
            Value::Object(row) if !is_deleted => Change::Row(row),
            // A tombstone follows the delete of some shapes.
            _ => Change::Delete,
        };
        return Ok(((0, 0), key, change));
    }
    let version = version(&value)?;
    let change = match value["op"].as_str() {
        Some("c" | "u" | "r") => {
            let row = value["after"].as_object().context("no row")?;
            Change::Row(row.clone())
        }
        Some("d") => Change::Delete,
        Some("t") => Change::Truncate,
        _ => Change::Nothing,
    };
    Ok((version, key, change))
}

/// The place of the last commit before an event, then of the event; a row that was read comes
/// before all that was written behind that commit.
fn version(value: &Value) -> Result<(u64, u64)> {
    let source = &value["source"];
    let Some(sequence) = source["sequence"].as_str() else {
        return Ok((0, 0));
    };
    let sequence: [Option<String>; 2] = serde_json::from_str(sequence)?;
    let lsn = source["lsn"].as_u64().unwrap_or(0);
    let commit = match &sequence[0] {
        Some(text) => text.parse()?,
        None => lsn,
    };
    Ok((commit, if value["op"] == "r" { 0 } else { lsn }))
}

/// A value without what JSON puts around it.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Whether a value stands for one that was not sent, in any type's spelling.
fn is_placeholder(value: &Value) -> bool {
    match value {
        Value::String(text) => {
            let spelt = [PLACEHOLDER, IN_BASE64, IN_HEX, IN_UUID];
            spelt.contains(&text.as_str()) || is_placeholder_map(text)
        }
        Value::Array(items) => {
            let bytes = PLACEHOLDER.bytes().map(Value::from);
            matches!(&items[..], [one] if is_placeholder(one)) || bytes.eq(items.iter().cloned())
        }
        Value::Object(members) => {
            members.len() == 1
                && members
                    .iter()
                    .all(|(k, v)| k == PLACEHOLDER && is_placeholder(v))
        }
        _ => false,
    }
}

/// Whether a text holds the map that stands for a map that was not sent.
fn is_placeholder_map(text: &str) -> bool {
    let is_one = |map: Value| map.is_object() && is_placeholder(&map);
    text.starts_with('{') && serde_json::from_str(text).is_ok_and(is_one)
}
