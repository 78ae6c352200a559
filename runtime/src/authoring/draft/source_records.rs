//! A topic's records as a description of the table that they come from.

use std::borrow::Cow;
use std::collections::BTreeMap;

use anyhow::{Result, bail};
use gristmill_core::record::Records;

use super::json_node::JsonNode;
use super::source_table::{Shape, SourceColumn, SourceTable};
use super::{connect_type, guess};

/// What stands for a value that was not sent.
const NOT_SENT: &str = "__debezium_unavailable_value";

/// What the records say, one after the other.
#[derive(Default)]
struct Seen {
    /// Names of columns in the order of their first row, with the values that are not null.
    values: Vec<(String, Vec<JsonNode>)>,
    /// The newest row's, by the schema beside it.
    schema: Vec<SourceColumn>,
    key: Vec<String>,
    /// Of a key that is no object, in text: that of the record at hand.
    bare_key: Option<String>,
    /// The columns that had the value of each such key.
    like_bare_keys: Option<Vec<String>>,
    counts: BTreeMap<&'static str, usize>,
    envelopes: usize,
    flat_rows: usize,
    has_deletes: bool,
    has_log_places: bool,
}

/// What the records say of their table. An error where none of them is an event of Debezium's.
pub fn of_records<'a>(records: impl Iterator<Item = &'a Records>) -> Result<SourceTable> {
    let mut seen = Seen::default();
    for records in records {
        let record = records.get(0);
        seen.key(record.key);
        seen.value(
            &record
                .value
                .map_or_else(Cow::default, |value| value.whole()),
        );
    }
    seen.table()
}

/// A document, and the schema of the Connect wrapper that it stood in.
fn parse(bytes: &[u8]) -> Option<(JsonNode, Option<JsonNode>)> {
    let document: JsonNode = serde_json::from_slice(bytes).ok()?;
    match document.members() {
        Some([_, _]) => match (document.get("payload"), document.get("schema")) {
            (Some(payload), Some(schema)) => Some((payload.clone(), Some(schema.clone()))),
            _ => Some((document, None)),
        },
        _ => Some((document, None)),
    }
}

/// The field called `name` of a schema.
fn field<'a>(schema: &'a JsonNode, name: &str) -> Option<&'a JsonNode> {
    let mut fields = schema.get("fields")?.items()?.iter();
    fields.find(|field| field.text_of("field") == Some(name))
}

impl Seen {
    fn key(&mut self, key: Option<&[u8]>) {
        self.bare_key = None;
        let Some(key) = key else { return };
        match parse(key) {
            Some((JsonNode::Object(members), _)) => {
                self.key = members.into_iter().map(|(name, _)| name).collect();
            }
            Some((node, _)) => self.bare_key = scalar(&node),
            None => self.bare_key = Some(String::from_utf8_lossy(key).into_owned()),
        }
    }

    fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }

    fn value(&mut self, value: &[u8]) {
        let Some((document, schema)) = parse(value) else {
            return self.count(match value.is_empty() {
                true => "without a value",
                false => "not JSON",
            });
        };
        if document.members().is_none() {
            return self.count("without a value");
        }
        let op = document.text_of("op");
        let row = document.get("after").filter(|row| row.members().is_some());
        match (op, row) {
            (Some(_), Some(row)) => {
                let source = document.get("source");
                let place = source.and_then(|source| source.get("lsn"));
                self.has_log_places |= place.is_some();
                self.envelopes += 1;
                let schema = schema.as_ref().and_then(|schema| field(schema, "after"));
                self.row(row, schema);
                self.count("rows");
            }
            (Some("d"), None) => self.count("deletes"),
            (Some(_), None) => self.count("other events"),
            (None, _) if is_notice(names(&document)) => self.count("heartbeats and the like"),
            (None, _) => self.flat_row(&document, schema.as_ref()),
        }
    }

    fn flat_row(&mut self, document: &JsonNode, schema: Option<&JsonNode>) {
        self.flat_rows += 1;
        self.has_deletes |= document.get("__deleted").is_some();
        // The change's own place alone says too little of rows that a snapshot reads.
        let place = document.get("__source_sequence");
        self.has_log_places |= place.or(document.get("__sequence")).is_some();
        if document.text_of("__deleted") == Some("true") {
            return self.count("deletes");
        }
        self.row(document, schema);
        self.count("rows");
    }

    fn row(&mut self, row: &JsonNode, schema: Option<&JsonNode>) {
        let fields = schema.and_then(|schema| schema.get("fields")?.items());
        if let Some(fields) = fields {
            let columns = fields.iter().filter_map(connect_type::column);
            self.schema = columns.filter(|column| !is_added(&column.name)).collect();
        }
        self.compare_with_key(row);
        for (name, value) in row.members().unwrap_or_default() {
            if is_added(name) {
                continue;
            }
            let known = self.values.iter().position(|(known, _)| known == name);
            let at = known.unwrap_or_else(|| {
                self.values.push((name.clone(), Vec::new()));
                self.values.len() - 1
            });
            match value {
                JsonNode::Null => {}
                // Of an array that was not sent it is known that it is one.
                JsonNode::Array(items) if items.first().is_some_and(is_not_sent) => {
                    self.values[at].1.push(JsonNode::Array(Vec::new()));
                }
                value if is_not_sent(value) => {}
                value => self.values[at].1.push(value.clone()),
            }
        }
    }

    fn compare_with_key(&mut self, row: &JsonNode) {
        let Some(key) = &self.bare_key else { return };
        let members = row.members().unwrap_or_default().iter();
        let like = members.filter(|(_, value)| scalar(value).as_ref() == Some(key));
        let like: Vec<String> = like.map(|(name, _)| name.clone()).collect();
        match &mut self.like_bare_keys {
            Some(known) => known.retain(|name| like.contains(name)),
            unknown => *unknown = Some(like),
        }
    }

    fn table(mut self) -> Result<SourceTable> {
        let counts: Vec<String> = self
            .counts
            .iter()
            .map(|(what, n)| format!("{what}: {n}"))
            .collect();
        if self.values.is_empty() {
            bail!(
                "no record has a row ({}): Debezium's JSON is an envelope with `op` and `after`, \
                 or the row alone; produce one, or take --from-database",
                counts.join(", ")
            );
        }
        let mut notes = vec![format!(
            "of the topic's newest records, {}",
            counts.join(", ")
        )];
        let has_schemas = !self.schema.is_empty();
        let mut has_digits = false;
        let columns = match has_schemas {
            true => std::mem::take(&mut self.schema),
            false => {
                notes.push(
                    "the records have no schemas, so types are guesses by values: compare them \
                     with the source, or take --from-database"
                        .to_owned(),
                );
                let columns = self.values.iter().map(|(name, values)| {
                    let column = guess::column(name, &values.iter().collect::<Vec<_>>());
                    let is_number = column.type_name.starts_with("numeric");
                    has_digits |= is_number && values.iter().any(|value| value.text().is_some());
                    column
                });
                columns.collect()
            }
        };
        let key = self.known_key(&columns, &mut notes);
        let shape = match self.envelopes >= self.flat_rows {
            true => Shape::Envelope,
            false => Shape::Flat {
                has_deletes: self.has_deletes,
            },
        };
        Ok(SourceTable {
            shape,
            columns,
            key,
            has_schemas,
            has_digits,
            has_log_places: self.has_log_places,
            has_full_before: false,
            notes,
        })
    }

    /// The key's columns: those of the records' keys, or the one that has such values.
    fn known_key(&self, columns: &[SourceColumn], notes: &mut Vec<String>) -> Vec<String> {
        let is_column = |name: &String| columns.iter().any(|column| column.name == *name);
        if !self.key.is_empty() && self.key.iter().all(is_column) {
            return self.key.clone();
        }
        match self.like_bare_keys.as_deref() {
            Some([name]) => {
                notes.push(format!(
                    "the key is a guess: the records' keys are values of {name}"
                ));
                vec![name.clone()]
            }
            _ => {
                notes.push(
                    "the records' keys do not say which columns tell rows apart: add a primary key"
                        .to_owned(),
                );
                Vec::new()
            }
        }
    }
}

fn names(document: &JsonNode) -> impl Iterator<Item = &str> {
    let members = document.members().unwrap_or_default().iter();
    members.map(|(name, _)| name.as_str())
}

/// What a flattened value has beside its row.
fn is_added(name: &str) -> bool {
    name.starts_with("__")
}

/// A number or a text, as a key that is no object spells it.
fn scalar(node: &JsonNode) -> Option<String> {
    match node {
        JsonNode::Number(number) => Some(number.to_string()),
        JsonNode::Text(text) => Some(text.clone()),
        _ => None,
    }
}

fn is_not_sent(value: &JsonNode) -> bool {
    value.text() == Some(NOT_SENT)
}

/// Whether a value with members of these names is about no row: a heartbeat, the begin or end of a
/// transaction, or a change of a schema. A row may have some of the names, not all.
pub(crate) fn is_notice<'a>(names: impl Iterator<Item = &'a str>) -> bool {
    let names: Vec<&str> = names.collect();
    let has = |wanted: &[&str]| wanted.iter().all(|name| names.contains(name));
    names == ["ts_ms"]
        || has(&["ts_ms", "status", "data_collections"])
        || has(&["ts_ms", "source", "databaseName", "ddl"])
}
