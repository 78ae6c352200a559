//! A pipeline file: what it may say, with the defaults as shipped.
//!
//! Every key is listed here; one that is not is an error that names the line and the nearest key
//! ([`load`]).

mod contradictions;
mod environment;
mod known_keys;
mod load;
mod problem;
mod registry_section;
mod template;
mod topic_pattern;
mod wrong_type;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use gristmill_core::chain::{Delete, Late, Tombstone, Truncate};
use gristmill_core::decode::{Format, JsonBytes, JsonDecimals, OnMismatch};
use gristmill_kafka::client::QUEUED_MAX_BYTES;
use gristmill_sandbox::Limits;

pub use load::{load, load_any, parse};
pub use problem::{ConfigError, Problem};
pub use registry_section::RegistrySection;
pub use template::Template;
pub use topic_pattern::Topics;

use super::encoding::Encoding;

/// A pipeline file with its environment variables filled in.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub pipeline: PipelineSection,
    pub source: SourceSection,
    /// The transforms in the order in which they run. The first is the normalizer.
    pub transform: Vec<TransformSection>,
    /// What is otherwise for some of the topics of a file with `topics`.
    #[serde(default)]
    pub only: Vec<OnlySection>,
    #[serde(default)]
    pub dimension: BTreeMap<String, DimensionSection>,
    pub target: TargetSection,
    #[serde(default)]
    pub dead_letters: DeadLettersSection,
    #[serde(default)]
    pub limits: LimitsSection,
    #[serde(default)]
    pub http: HttpSection,
    /// The file's own folder: relative paths in the file start there.
    #[serde(skip)]
    pub folder: PathBuf,
}

/// The name and the rules of event time.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct PipelineSection {
    /// The name under which checkpoints, revisions and dead letters are kept: letters, digits,
    /// `-`, `_` and `.`.
    pub name: String,
    /// The watermark trails the partition's highest event time by this.
    #[serde(default = "watermark_delay_ms")]
    pub watermark_delay_ms: i64,
    /// A key that was not seen for this much event time leaves the dedup state. The guard in
    /// Postgres still holds. The default is 7 days.
    #[serde(default = "state_ttl_ms")]
    pub state_ttl_ms: i64,
    /// An event time further ahead of the clock than this makes a dead letter.
    #[serde(default = "future_max_ms")]
    pub future_max_ms: i64,
    /// An event time before this, in milliseconds since the Unix epoch, makes a dead letter. The
    /// default is the first day of 1990: seconds read as milliseconds lie in January 1970.
    #[serde(default = "floor_ms")]
    pub floor_ms: i64,
    /// What happens to an event behind the watermark.
    #[serde(default)]
    pub late: Late,
}

/// The topic in Kafka.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SourceSection {
    /// The brokers: `host:port`, several with commas.
    pub bootstrap: String,
    /// The topic to read. It must exist. `topics` may stand in its place.
    pub topic: String,
    /// In the place of `topic`: names of topics, or patterns that begin with `^`, one or a list.
    /// The file then stands for one pipeline for each topic, also for those that come later, and
    /// the named groups of the patterns fill `{NAME}` in `pipeline.name`, `target.table` and
    /// `dead_letters.topic`; `{topic}` is the topic's whole name.
    pub topics: Option<Topics>,
    /// Of these, those that are left out: names, or patterns that begin with `^`.
    pub topics_except: Option<Topics>,
    /// The consumer group. Without it the group is `gristmill-` and the pipeline's name.
    pub group: Option<String>,
    /// The offset at which a partition without a checkpoint begins.
    #[serde(default)]
    pub start: Start,
    /// What happens when the topic no longer has records that were not read yet.
    #[serde(default)]
    pub on_gap: OnGap,
    /// What happens to a record without a value.
    #[serde(default)]
    pub tombstone: Tombstone,
    /// How the bytes of values are read.
    #[serde(default)]
    pub value_format: Format,
    /// How the bytes of keys are read. Without it as those of values, but a key that a rule reads
    /// whole is text.
    pub key_format: Option<Format>,
    /// Where the schemas of Avro are.
    pub registry: Option<RegistrySection>,
    /// What the source's connector writes in the place of a value that it does not have, such as
    /// an unchanged large one: such a value is not written, and the table keeps what it has. An
    /// empty text: there is none.
    #[serde(default = "absent")]
    pub absent: String,
    /// What text is that stands in JSON in the place of a decimal number: `text`, its digits, or
    /// `base64`, the signed integer that Debezium writes by default. A schema in the records says
    /// it by itself.
    #[serde(default)]
    pub json_decimals: JsonDecimals,
    /// What text is that stands in JSON in the place of bytes: `base64` or `hex`. A schema in the
    /// records says it by itself where they are base64.
    #[serde(default)]
    pub json_bytes: JsonBytes,
    /// The partitions of a host that has gone without a word go to others after this. At least
    /// 6,000.
    #[serde(default = "session_timeout_ms")]
    pub session_timeout_ms: u32,
    /// Bytes of records of one partition that are read and not yet committed; of small records, at
    /// most twice `max_rows` of them. Reading pauses above it, or above twice as much while other
    /// partitions have room. A flush takes half of it at most. A process holds at most 512 MiB for
    /// all partitions, so where they are many each may hold less.
    #[serde(default = "queued_max_bytes")]
    pub queued_max_bytes: usize,
    /// Any property of librdkafka, for example for TLS and SASL. Those that exactly-once rests on
    /// are refused.
    #[serde(default)]
    pub properties: BTreeMap<String, String>,
}

/// What a process says over HTTP: `/healthz`, `/readyz` and `/metrics`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HttpSection {
    /// Where it listens: `host:port`, or `off`. Without it, at 127.0.0.1 on the first free port
    /// from 7700 on. `run --http` wins.
    pub listen: Option<String>,
}

/// Where a partition without a checkpoint begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Start {
    /// At the first record that the topic has.
    #[default]
    Earliest,
    /// At the first record that arrives from now on. Counts once: partitions that are added after
    /// the pipeline has met the topic begin at their first record, as does a topic that is not
    /// there when the pipeline starts first.
    Latest,
}

/// What happens when the topic no longer has records that were not read yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnGap {
    /// The partition halts.
    #[default]
    Halt,
    /// The partition goes on without them. A row of `gristmill.gap` says which.
    Continue,
}

/// One rule of the chain. Rules run in the order of the file. The first is the normalizer.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TransformSection {
    /// The name in messages, logs and dead letters, and for `gristmill transform swap`.
    pub name: String,
    /// A `.wasm` file, or `builtin:NAME` for a [transform that ships with
    /// gristmill](transforms.md).
    pub component: String,
    /// Handed to the component after a check against its JSON Schema.
    #[serde(default = "empty_object")]
    pub config: serde_json::Value,
    /// Properties of it that the file leaves to the target's table, where they were filled.
    #[serde(skip)]
    pub filled: Vec<String>,
    /// What one instance of the component may use.
    #[serde(default)]
    pub limits: Limits,
}

/// What is otherwise for some of a template's topics. Where several mean a topic, the later ones go
/// over the earlier ones.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OnlySection {
    /// The topics: names, or patterns that begin with `^`.
    pub topics: Topics,
    /// Their table, in the place of the template's. It may have the same placeholders.
    pub table: Option<String>,
    /// Properties of the first transform's config, in the place of those of the same name.
    #[serde(default)]
    pub config: serde_json::Map<String, serde_json::Value>,
    /// Their transforms, in the place of the template's: `[[only.transform]]`.
    pub transform: Option<Vec<TransformSection>>,
}

/// Reference data that transforms may join. Exactly one of `file` and `query` is needed.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct DimensionSection {
    /// A CSV file with a header. All its columns are text, and an empty value is null. Shipped are
    /// `builtin:countries` (the four of the sample) and `builtin:locales` (the currency and time
    /// zone of every country).
    pub file: Option<String>,
    /// A `select` on the target's database.
    pub query: Option<String>,
    /// The columns that a row is found by. Their values are unique.
    pub key: Vec<String>,
}

/// The table in Postgres.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TargetSection {
    /// `postgres://user:password@host:port/database`, or `file:PATH` for a file that holds such a
    /// URL. It may say `sslmode` (`disable`, `prefer`, `require`, `verify-ca`, `verify-full`),
    /// `sslrootcert`, `sslcert`, `sslkey`, `channel_binding` and `passfile`, as libpq reads them.
    pub url: String,
    /// `table` or `schema.table`.
    pub table: String,
    /// Two pipelines may write one table only where both say that no key is in both of them.
    pub shared: Option<Shared>,
    /// What a deleted row leaves in the table.
    #[serde(default)]
    pub delete: Delete,
    /// What happens when the source table is emptied. Without it the rows are deleted, or, where
    /// the offset alone says which event is newer, the partition halts.
    pub truncate: Option<Truncate>,
    /// A file with the SQL that creates the table, or `builtin:NAME`: `schema print` prints it,
    /// and `schema apply` runs it where there is no such table. Without one the table gets the
    /// columns that the transforms write.
    pub ddl: Option<String>,
    /// Flushes that may be under way at once. Each takes a connection.
    #[serde(default = "connections")]
    pub connections: usize,
    /// The most records of one flush. At most 20,000.
    #[serde(default = "max_rows")]
    pub max_rows: usize,
    /// A flush begins when this many records wait, or half of `queued_max_bytes`. While the topic
    /// has more at hand it waits up to 50 ms for a fuller one.
    #[serde(default = "linger_rows")]
    pub linger_rows: usize,
    /// A flush begins when a record has waited this long. A partition that has caught up does not
    /// wait at all.
    #[serde(default = "linger_ms")]
    pub linger_ms: u64,
    /// How often a flush that was rolled back for certain, by a deadlock or a serialization
    /// failure, is sent again.
    #[serde(default = "retries")]
    pub retries: u32,
    /// Columns that the file no longer writes, though the active revision does. Their values stay
    /// in the table. The key may go once the revision of the file is active.
    #[serde(default)]
    pub retire: Vec<String>,
}

/// How pipelines share a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Shared {
    /// No key is in more than one of them.
    DisjointKeys,
}

/// What happens to records that cannot be used.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeadLettersSection {
    /// The topic that dead letters are sent to. They are in `gristmill.dead_letter` in any case.
    pub topic: Option<String>,
    /// A partition halts when more than this part of its last 1,000 records would be dead letters.
    #[serde(default = "ratio_max")]
    pub ratio_max: f64,
}

/// Limits of the host.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LimitsSection {
    /// A record whose key, value and headers together are larger than this is a dead letter.
    #[serde(default = "record_max_bytes")]
    pub record_max_bytes: usize,
    /// The size of the dedup state of one partition. Beyond it the oldest keys are forgotten.
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
// Debezium's `unavailable.value.placeholder`.
pub(crate) fn absent() -> String {
    "__debezium_unavailable_value".to_owned()
}
// Clocks of hosts with NTP differ by seconds; minutes are a broken producer.
fn future_max_ms() -> i64 {
    300_000
}
// 1990-01-01. Change events are younger, and seconds read as milliseconds stay below it for
// 18,000 years.
fn floor_ms() -> i64 {
    631_152_000_000
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

impl Default for DeadLettersSection {
    fn default() -> Self {
        Self {
            topic: None,
            ratio_max: ratio_max(),
        }
    }
}

impl Default for LimitsSection {
    fn default() -> Self {
        Self {
            record_max_bytes: record_max_bytes(),
            state_max_bytes: state_max_bytes(),
        }
    }
}

impl SourceSection {
    /// How records are read, where a revision decides it.
    pub fn encoding(&self) -> Encoding {
        Encoding {
            value: self.value_format,
            key: self.key_format,
            on_mismatch: self
                .registry
                .as_ref()
                .map_or_else(OnMismatch::default, |registry| registry.on_mismatch),
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
