//! What an operation that takes long has done so far.

use std::fmt::Display;

use serde::{Serialize, Serializer};

use crate::fleet::difference::Difference;

/// One step of a change to what a fleet runs, told when it happens.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "step", rename_all = "kebab-case")]
pub enum Progress {
    /// The changed definition goes to every live host, which says whether it can run it.
    Staging,
    /// The change gives up columns: the table keeps the values that it has.
    Retired { columns: Vec<String> },
    /// The revision that was staged before gave way to the new one.
    Replaced { revision: i32 },
    /// The staged revision is compared with the active one on the next rows.
    Comparing { active: i32, rows: i64 },
    /// So many rows are compared; records arrive slowly.
    Compared { done: i64, rows: i64 },
    /// The comparison is done.
    Differs {
        active: i32,
        revision: i32,
        difference: Difference,
    },
    /// The revision is active; partitions change with their next flush.
    Activated { revision: i32, before: i32 },
    /// The same of one that no rollback takes back.
    Evolved { revision: i32 },
    /// One partition runs the revision from its next flush on.
    CanaryBegun {
        partition: i32,
        revision: i32,
        active: i32,
    },
    /// The staged revision is given up.
    GivenUp { revision: i32, active: i32 },
}

/// Takes each step of an operation as it happens.
pub type Tell<'a> = &'a mut (dyn FnMut(Progress) + Send);

/// How many partitions run a revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Spread {
    pub running: usize,
    pub partitions: usize,
}

/// Serializes a value as it reads: times as RFC 3339, ids as they are typed.
pub(super) fn as_text<S: Serializer>(
    value: &impl Display,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}
