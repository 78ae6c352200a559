//! What a pipeline file says about a Debezium topic.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::old_key;
use crate::row_column::RowColumn;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// The columns that tell rows apart. Left out: the target's primary key.
    #[serde(default)]
    #[schemars(inner(length(min = 1)), extend("uniqueItems" = true))]
    pub(crate) key: Vec<String>,
    /// Each column of a row with its type, as Postgres calls it (`bigint`, `numeric(12,2)`,
    /// `timestamp with time zone`, `text[]`), or as gristmill does (`int64`, `decimal(12,2)`,
    /// `timestamp(us)`). A type says how Debezium sends the value: `json` and `jsonb` in text,
    /// arrays as arrays. Left out: the columns of the target's table, but those that gristmill and
    /// the transforms behind write.
    #[serde(default)]
    pub(crate) columns: BTreeMap<String, String>,
    /// Columns that are not taken from the events: those that the target has for itself.
    #[serde(default)]
    pub(crate) columns_except: BTreeSet<String>,
    /// What the events call a column, and what the target does: `{ mail = "email" }`.
    #[serde(default)]
    pub(crate) rename: BTreeMap<String, String>,
    /// Whether a value is Debezium's `envelope`, or `flat`, the row alone, as the transform
    /// `ExtractNewRecordState` leaves it. Of a flat value `__op`, `__deleted`, `__lsn`,
    /// `__source_sequence` and `__source_ts_us` are used where they are there.
    #[serde(default)]
    pub(crate) shape: Shape,
    /// What a delete says of the row: its `key` alone, or the `full` row, as with REPLICA IDENTITY
    /// FULL. Under any other identity the rest is nulls and made-up values.
    #[serde(default)]
    pub(crate) before: Before,
    /// By what the newer of two events of a key is known: `postgres`, the place in Postgres' log;
    /// `offset`, the place in the topic, for all other connectors; `event-time`, the time of the
    /// source. By default `postgres`, and `offset` where values are flat.
    #[serde(default)]
    pub(crate) version: Option<Version>,
    /// To be raised by one when Postgres' log begins anew, as in a new server: then every event of
    /// now is newer than every event of before.
    #[serde(default)]
    pub(crate) epoch: u32,
    /// The path of the event time: text, or a number of microseconds since the Unix epoch, or of
    /// milliseconds where the path ends in `_ms`. Left out: when the source committed the change,
    /// or else when Kafka got the record.
    #[serde(default)]
    pub(crate) event_time: Option<String>,
    /// The column that the event time is written to, where the target has it.
    #[serde(default = "event_time_column")]
    pub(crate) event_time_column: String,
    /// The column that says whether the row was deleted, where the target has it.
    #[serde(default = "deleted_column")]
    pub(crate) deleted_column: String,
}

/// What a record's value is.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(crate) enum Shape {
    #[default]
    Envelope,
    Flat,
}

/// How much of a deleted row its event holds.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(crate) enum Before {
    #[default]
    Key,
    Full,
}

/// By what rows have versions.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub(crate) enum Version {
    Postgres,
    Offset,
    EventTime,
}

fn event_time_column() -> String {
    "_event_time".into()
}

fn deleted_column() -> String {
    "_deleted".into()
}

impl Config {
    /// The columns of a row; an error says what the schema cannot.
    pub(crate) fn row_columns(&self) -> Result<Vec<RowColumn>, String> {
        self.check_names()?;
        if self.event_time_column == self.deleted_column {
            return Err("`event_time_column` and `deleted_column` are the same".into());
        }
        if self.epoch != 0 && self.version() != Version::Postgres {
            return Err("`epoch` is for the version `postgres` alone: leave it out".into());
        }
        let own = [&self.event_time_column, &self.deleted_column];
        let sources: BTreeMap<&str, &str> = self
            .rename
            .iter()
            .map(|(source, name)| (name.as_str(), source.as_str()))
            .collect();
        let columns = self.columns.iter();
        columns
            .filter(|(name, _)| !own.contains(name) && !self.columns_except.contains(*name))
            .map(|(name, declared)| {
                let source = sources
                    .get(name.as_str())
                    .unwrap_or(&name.as_str())
                    .to_string();
                let is_key = self.key.contains(name);
                RowColumn::new(name.clone(), source, declared, is_key)
            })
            .collect()
    }

    fn check_names(&self) -> Result<(), String> {
        if self.columns.is_empty() || self.key.is_empty() {
            return Err(
                "`columns` or `key` names no column, and there is no table to take them from: \
                 create the target's table first (its primary key is the key), or name them here"
                    .into(),
            );
        }
        let named = self
            .key
            .iter()
            .map(|name| ("key", name))
            .chain(
                self.columns_except
                    .iter()
                    .map(|name| ("columns_except", name)),
            )
            .chain(self.rename.values().map(|name| ("rename", name)));
        for (what, name) in named {
            if !self.columns.contains_key(name) {
                let known: Vec<&str> = self.columns.keys().map(String::as_str).collect();
                return Err(format!(
                    "`{what}` names the column `{name}`, which is not among `columns` ({})",
                    known.join(", ")
                ));
            }
        }
        let own = [&self.event_time_column, &self.deleted_column];
        if let Some(name) = self
            .key
            .iter()
            .find(|name| self.columns_except.contains(*name) || own.contains(name))
        {
            return Err(format!(
                "`key` names `{name}`, which is not taken from the events: a key is"
            ));
        }
        let targets: BTreeSet<&String> = self.rename.values().collect();
        if targets.len() < self.rename.len() {
            return Err("`rename` gives one column two names in the events: leave one out".into());
        }
        Ok(())
    }

    /// As `version` says, or what the shape has.
    pub(crate) fn version(&self) -> Version {
        self.version.unwrap_or(match self.shape {
            Shape::Envelope => Version::Postgres,
            Shape::Flat => Version::Offset,
        })
    }

    /// The columns of what the key was before it was changed; none where the connector's header
    /// does not say it of one of them.
    pub(crate) fn old_key_columns(&self, columns: &[RowColumn]) -> Vec<String> {
        let key = columns.iter().filter(|column| column.is_key);
        match key.clone().all(old_key::is_told) {
            true => self
                .key
                .iter()
                .map(|name| self.own_column(&format!("_old_{name}")))
                .collect(),
            false => Vec::new(),
        }
    }

    /// A name beginning with `name` that no other column has.
    pub(crate) fn own_column(&self, name: &str) -> String {
        let mut name = name.to_owned();
        while self.columns.contains_key(&name)
            || [&self.event_time_column, &self.deleted_column].contains(&&name)
        {
            name.insert(0, '_');
        }
        name
    }
}
