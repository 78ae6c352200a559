//! What a record without a value means.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What happens to a record without a value: Kafka's null, and what converters write for it where
/// values are JSON: nothing at all, `null`, and `{"schema": .., "payload": null}`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tombstone {
    /// It is counted and does nothing.
    #[default]
    Ignore,
    /// The normalizer gets it: a message that has a key alone. `normalize-cdc` needs
    /// `tombstones = true` for it.
    Delete,
}
