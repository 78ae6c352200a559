//! What can go wrong between a computed batch and its commit.

use std::fmt;

/// A five-character SQLSTATE, as Postgres sends it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SqlState(pub [u8; 5]);

impl SqlState {
    /// `None` when `code` is not five bytes.
    pub fn new(code: &str) -> Option<Self> {
        code.as_bytes().try_into().ok().map(Self)
    }

    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("?????")
    }
}

impl fmt::Display for SqlState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for SqlState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SqlState({self})")
    }
}

/// Why a flush, or taking a partition, did not succeed. The error that carries it keeps the
/// driver's own as its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SinkFault {
    /// Postgres answered with an error.
    #[error("postgres answered with SQLSTATE {0}")]
    Answered(SqlState),
    /// The connection broke or timed out. What was sent may have committed: only the checkpoint row
    /// knows.
    #[error("the connection to postgres was lost, so the outcome is unknown")]
    ConnectionLost,
    /// The checkpoint did not match: another owner took the partition, or an earlier flush of
    /// unknown outcome had committed.
    #[error("the checkpoint was moved by another owner")]
    Fenced,
    /// The target's columns, types or constraints are not those that were validated.
    #[error("the target table is not what was validated")]
    TargetChanged,
    /// Records below the topic's start were never read: retention removed them.
    #[error("records were removed from the topic before they were read")]
    Gap,
    /// The topic was truncated or created again: offsets no longer mean what the checkpoint says.
    #[error("the topic was truncated or created again")]
    TopicTruncated,
}
