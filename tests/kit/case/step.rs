//! What happens in a case, in order.

use std::collections::BTreeMap;

use serde::Deserialize;

/// One thing after the other: partitions, records, SQL, a command, start, stop, waiting.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Step {
    /// How many partitions the topic is to have from now on.
    pub(super) partitions: Option<i32>,
    pub(super) records: Vec<Record>,
    /// What becomes of the transaction that the records are written in.
    pub(super) transaction: Option<Transaction>,
    pub(super) sql: Option<String>,
    /// Runs beside the steps that follow, `after` so many seconds.
    pub(super) sql_later: Option<String>,
    pub(super) after: f64,
    /// Arguments of gristmill; `@FILE@` is the pipeline file.
    pub(super) command: Option<String>,
    pub(super) start: bool,
    pub(super) stop: bool,
    pub(super) settle: Option<Settle>,
    /// Seconds.
    pub(super) sleep: f64,
}

/// Until everything is read, or halted.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Settle {
    Whether(bool),
    /// At most.
    Seconds(f64),
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(super) enum Transaction {
    Commit,
    Abort,
    Open,
}

/// A record; without `value` and `hex` a tombstone.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Record {
    pub(super) key: Option<String>,
    pub(super) value: Option<String>,
    /// The value's bytes.
    pub(super) hex: Option<String>,
    pub(super) partition: Option<i32>,
    /// Milliseconds since the Unix epoch.
    pub(super) timestamp: Option<i64>,
    pub(super) headers: BTreeMap<String, String>,
    /// Written so often; `@I@` in key and value counts from 0.
    pub(super) times: Option<usize>,
}
