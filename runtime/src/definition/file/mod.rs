//! A pipeline file: what it may say, with the defaults as shipped.
//!
//! Every key is listed here; one that is not is an error that names the line and the nearest key
//! ([`load`]).

mod environment;
mod known_keys;
mod load;
mod problem;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use gristmill_kafka::client::QUEUED_MAX_BYTES;
use gristmill_sandbox::Limits as TransformLimits;

pub use load::{load, parse};
pub use problem::{ConfigError, Problem};

/// A pipeline file with its environment variables filled in.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub pipeline: Pipeline,
    pub source: Source,
    /// In the order they run; the first is the normalizer.
    pub transform: Vec<Transform>,
    #[serde(default)]
    pub dimension: BTreeMap<String, Dimension>,
    pub target: Target,
    #[serde(default)]
    pub dead_letters: DeadLetters,
    #[serde(default)]
    pub limits: Limits,
    /// The file's own folder: relative paths in the file start there.
    #[serde(skip)]
    pub folder: PathBuf,
}

/// `[pipeline]`: the name and the rules of event time.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Pipeline {
    /// Under which checkpoints, revisions and dead letters are kept: letters, digits, `-`, `_`,
    /// `.`.
    pub name: String,
    /// The watermark trails the highest event time by this much.
    #[serde(default = "watermark_delay_ms")]
    pub watermark_delay_ms: i64,
    /// A key that was not seen for this much event time leaves the dedup state; the guard in
    /// Postgres still holds.
    #[serde(default = "state_ttl_ms")]
    pub state_ttl_ms: i64,
    /// An event time further ahead of the clock is a dead letter.
    #[serde(default = "future_max_ms")]
    pub future_max_ms: i64,
    /// An event time below this, milliseconds since the Unix epoch, is a dead letter.
    #[serde(default)]
    pub floor_ms: i64,
    #[serde(default)]
    pub late: Late,
}

/// What becomes of a record behind the watermark.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Late {
    #[default]
    Apply,
    DeadLetter,
}

/// `[source]`: the topic in Kafka.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    pub bootstrap: String,
    pub topic: String,
    /// The consumer group; `gristmill-NAME` where it is not given.
    pub group: Option<String>,
    /// The offset at which a partition without a checkpoint begins.
    #[serde(default)]
    pub start: Start,
    #[serde(default)]
    pub on_gap: OnGap,
    #[serde(default)]
    pub tombstone: Tombstone,
    /// What a process that leaves for good costs the others.
    #[serde(default = "session_timeout_ms")]
    pub session_timeout_ms: u32,
    /// Bytes of records read and not yet committed, a partition: reading pauses above it, or above
    /// twice as much while other partitions have room.
    #[serde(default = "queued_max_bytes")]
    pub queued_max_bytes: usize,
    /// Any property of librdkafka: security, timeouts.
    #[serde(default)]
    pub properties: BTreeMap<String, String>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Start {
    #[default]
    Earliest,
    Latest,
}

/// What happens when records that were not read yet are gone from the topic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnGap {
    #[default]
    Halt,
    Continue,
}

/// What becomes of a record without a value.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tombstone {
    #[default]
    Ignore,
    Delete,
}

/// `[[transform]]`: one rule of the chain.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transform {
    pub name: String,
    /// A `.wasm` file, or `builtin:NAME`.
    pub component: String,
    /// Handed to the component's `open`, after a check against its schema.
    #[serde(default = "empty_object")]
    pub config: serde_json::Value,
    #[serde(default)]
    pub limits: TransformLimits,
}

/// `[dimension.NAME]`: reference data that transforms may join; exactly one of `file` and `query`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Dimension {
    /// A CSV file with a header, all columns text, or `builtin:NAME`.
    pub file: Option<String>,
    /// A query to the target's database.
    pub query: Option<String>,
    pub key: Vec<String>,
}

/// `[target]`: the table in Postgres.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    pub url: String,
    /// `table` or `schema.table`.
    pub table: String,
    /// Flushes under way at once; each takes a connection.
    #[serde(default = "connections")]
    pub connections: usize,
    /// Most records of one flush.
    #[serde(default = "max_rows")]
    pub max_rows: usize,
    /// With this many records at hand a flush does not wait for more.
    #[serde(default = "linger_rows")]
    pub linger_rows: usize,
    /// While more records are on their way, none waits longer than this for a flush to begin. A
    /// caught-up partition flushes at once.
    #[serde(default = "linger_ms")]
    pub linger_ms: u64,
    /// How often a flush that was definitely rolled back (deadlock, serialization failure) is sent
    /// again as it is.
    #[serde(default = "retries")]
    pub retries: u32,
    /// Columns that the file no longer writes though the active revision does. No part of the
    /// definition: it only lets it become active.
    #[serde(default)]
    pub retire: Vec<String>,
}

/// `[dead_letters]`: where records that cannot be used are relayed.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeadLetters {
    /// Without one they stay in `gristmill.dead_letter` alone.
    pub topic: Option<String>,
    /// A partition halts when more than this part of its last 1,000 records became dead letters.
    #[serde(default = "ratio_max")]
    pub ratio_max: f64,
}

/// `[limits]`: of the host.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// A record whose key, value and headers exceed this is a dead letter.
    #[serde(default = "record_max_bytes")]
    pub record_max_bytes: usize,
    /// The dedup state of one partition.
    #[serde(default = "state_max_bytes")]
    pub state_max_bytes: usize,
}

// The replaced Flink job's watermark and state settings.
fn watermark_delay_ms() -> i64 {
    10_000
}
fn state_ttl_ms() -> i64 {
    7 * 24 * 3600 * 1000
}
// Clocks of hosts with NTP differ by seconds; minutes are a broken producer.
fn future_max_ms() -> i64 {
    300_000
}
// Above Kafka's heartbeat of 3 s with room for three of them.
fn session_timeout_ms() -> u32 {
    10_000
}
fn queued_max_bytes() -> usize {
    QUEUED_MAX_BYTES
}
fn empty_object() -> serde_json::Value {
    serde_json::Value::Object(Default::default())
}
// The replaced job ran with parallelism 2.
fn connections() -> usize {
    2
}
// Beyond some thousands of rows a statement gains nothing more per row.
fn max_rows() -> usize {
    5_000
}
// The replaced job's sink flush: 200 rows or 2 s, and 5 retries.
fn linger_rows() -> usize {
    200
}
fn linger_ms() -> u64 {
    2_000
}
fn retries() -> u32 {
    5
}
fn ratio_max() -> f64 {
    0.05
}
// Kafka's own default for the largest message is 1 MB; brokers that allow more are common.
fn record_max_bytes() -> usize {
    4 << 20
}
// Some 6 million integer keys.
fn state_max_bytes() -> usize {
    256 << 20
}

impl Default for DeadLetters {
    fn default() -> Self {
        Self {
            topic: None,
            ratio_max: ratio_max(),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            record_max_bytes: record_max_bytes(),
            state_max_bytes: state_max_bytes(),
        }
    }
}

impl Config {
    /// The consumer group's name.
    pub fn group(&self) -> String {
        self.source
            .group
            .clone()
            .unwrap_or_else(|| format!("gristmill-{}", self.pipeline.name))
    }

    /// `path` as the file means it: relative to its own folder.
    pub fn resolve(&self, path: &str) -> PathBuf {
        self.folder.join(Path::new(path))
    }
}
