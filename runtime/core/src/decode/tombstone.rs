//! Records without a value.

use serde::{Deserialize, Serialize};

/// What becomes of a record without a value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tombstone {
    /// It is counted and passed over.
    #[default]
    Ignore,
    /// It goes to the normalizer with every `value.*` column absent; a rule that declared `key.*`
    /// can make a delete of it.
    Delete,
}
