//! What differs from one source to the next.
//!
//! The names of columns are names, whatever stands in them. A path is names between dots; one that
//! has a dot itself stands in quotation marks: `value.after."address.city"`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

/// The document path of each column in each image of a row: before, after, and the record's key,
/// which has the key's columns only, and only with tombstones.
pub(crate) type Paths = [Vec<Option<String>>; 3];

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// The columns that tell rows apart, in the order of the target's primary key.
    #[schemars(length(min = 1), inner(length(min = 1)), extend("uniqueItems" = true))]
    pub(crate) key: Vec<String>,
    /// Each column of a row with its type: boolean, int64, float64, text, bytes, timestamp(us),
    /// timestamp(ms), date, uuid, decimal(p,s) or json. The key's columns are among them. A name is
    /// one name in the event, also where it has a dot.
    #[schemars(extend("minProperties" = 1))]
    pub(crate) columns: BTreeMap<String, String>,
    /// The path of the operation: c (create), u (update), d (delete), r (read by a snapshot).
    #[serde(default = "op")]
    pub(crate) op: String,
    /// The path of the row before the change. A name in a path that has a dot itself stands in
    /// quotation marks: `value."row.before"`.
    #[serde(default = "before")]
    pub(crate) before: String,
    /// The path of the row after the change.
    #[serde(default = "after")]
    pub(crate) after: String,
    /// The path of the event time, in milliseconds since the Unix epoch.
    #[serde(default = "event_time")]
    pub(crate) event_time: String,
    /// The column that the event time is written to.
    #[serde(default = "event_time_column")]
    pub(crate) event_time_column: String,
    /// The column that says whether the row was deleted.
    #[serde(default = "deleted_column")]
    pub(crate) deleted_column: String,
    /// Whether a record with a key and nothing else deletes the row of that key: at its place in
    /// the topic, so at the highest event time before it, or at the time that Kafka gave the record
    /// where that is earlier. Needs `tombstone = "delete"` in the pipeline.
    #[serde(default)]
    pub(crate) tombstones: bool,
}

fn op() -> String {
    "value.op".into()
}

fn before() -> String {
    "value.before".into()
}

fn after() -> String {
    "value.after".into()
}

fn event_time() -> String {
    "value.timestamp_ms".into()
}

fn event_time_column() -> String {
    "updated_at".into()
}

fn deleted_column() -> String {
    "is_deleted".into()
}

impl Config {
    /// What the schema cannot say.
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.key.is_empty() {
            return Err("`key` names no column: name those that tell rows apart".into());
        }
        if let Some(name) = self
            .key
            .iter()
            .find(|name| !self.columns.contains_key(*name))
        {
            return Err(format!(
                "`key` names `{name}`, which is not among `columns`: add it there with its type"
            ));
        }
        for own in [&self.event_time_column, &self.deleted_column] {
            if self.columns.contains_key(own) {
                return Err(format!(
                    "`columns` names `{own}`, which this rule writes itself: leave it out, or \
                     choose another `event_time_column` or `deleted_column`"
                ));
            }
        }
        if self.event_time_column == self.deleted_column {
            return Err("`event_time_column` and `deleted_column` are the same".into());
        }
        Ok(())
    }

    /// The paths of the columns of each image.
    pub(crate) fn paths(&self) -> Paths {
        let image = |path: &str| -> Vec<Option<String>> {
            self.columns
                .keys()
                .map(|name| Some(below(path, name)))
                .collect()
        };
        let record_key = |name: &String| {
            let is_read = self.tombstones && self.key.contains(name);
            is_read.then(|| below("key", name))
        };
        [
            image(&self.before),
            image(&self.after),
            self.columns.keys().map(record_key).collect(),
        ]
    }
}

/// The path of the member `name` of the object at `path`.
fn below(path: &str, name: &str) -> String {
    match name.is_empty() || name.contains('.') || name.starts_with('"') {
        false => format!("{path}.{name}"),
        true => {
            let name = name.replace('\\', "\\\\").replace('"', "\\\"");
            format!("{path}.\"{name}\"")
        }
    }
}
