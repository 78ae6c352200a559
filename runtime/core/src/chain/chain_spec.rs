//! What a pipeline decided about one partition's chain.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::column::Field;
use crate::decode::{Formats, JsonForms, Tombstone};

/// What happens to an event behind the watermark.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Late {
    /// It counts when it is the newest of its key.
    #[default]
    Apply,
    /// It becomes a dead letter with code `late`.
    DeadLetter,
}

/// What a deleted row leaves in the target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Delete {
    /// The row stays, with what it held, and says that it is deleted.
    #[default]
    Soft,
    /// The row goes. A tombstone in `gristmill.tombstone` keeps older events from bringing it back.
    Hard,
}

/// What the end of all rows of the source table does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Truncate {
    /// The partition halts before it.
    Halt,
    /// It is counted as dropped.
    Ignore,
    /// Every older row of the target is deleted, as `delete` says.
    Apply,
}

/// Event-time rules. All times in microseconds.
#[derive(Clone, Copy, Debug)]
pub struct TimePolicy {
    /// The watermark trails the highest event time by this much.
    pub watermark_delay_us: i64,
    /// A key that was not seen for this much event time is forgotten.
    pub ttl_us: i64,
    /// An event time further ahead of the clock is a dead letter, before it can touch the
    /// watermark.
    pub future_max_us: i64,
    /// An event time below this (since the Unix epoch) is a dead letter.
    pub floor_us: i64,
    pub late: Late,
}

/// One partition's chain, beside its transforms and dimensions.
#[derive(Clone, Debug)]
pub struct ChainSpec {
    pub topic: String,
    pub partition: i32,
    pub time: TimePolicy,
    pub tombstone: Tombstone,
    /// Text that stands for a value that the source did not send; see `decode`.
    pub absent: Option<String>,
    /// In which formats values and keys are.
    pub formats: Formats,
    /// How JSON without a schema spells decimals and bytes.
    pub forms: JsonForms,
    pub delete: Delete,
    pub truncate: Truncate,
    /// A record whose key, value and headers exceed this is a dead letter.
    pub record_max_bytes: usize,
    /// The dedup state forgets its oldest keys beyond this.
    pub state_max_bytes: usize,
    /// The columns to write, each written by a transform, with the target's nullability.
    pub target: Vec<Field>,
}
