//! What tells a target's rows apart by age.

use serde::{Deserialize, Serialize};

/// What the guard of an upsert compares. A revision says it, so that two processes never write one
/// table by two guards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Guard {
    /// The columns of event time and order, then `_gm_partition` and `_gm_offset` where the table
    /// has them.
    #[default]
    Columns,
    /// `_gm_version`, which gristmill alone writes.
    Version,
}
