//! Why a flush did not commit, in terms of what to do about it.

use gristmill_core::fault::{SinkFault, SqlState};
use gristmill_core::policy::{Action, Origin, Suspect, action, suspect};
use tokio_postgres::error::{DbError, SqlState as Code};

use crate::commit::time_limit::OutOfTime;
use crate::wire::database_error::fault;

/// Class 42: an unknown table or column, or a missing privilege. No try succeeds before somebody
/// mends it.
pub(crate) fn advice(state: SqlState) -> &'static str {
    match state.as_str().starts_with("42") {
        true => {
            ": `gristmill check` says what the table or the role lacks; then resume the partition"
        }
        false => "",
    }
}

/// What `gristmill.fence` raises.
const FENCED: &str = "GM001";

/// What `gristmill.heed` raises.
const HEEDLESS: &str = "GM002";

/// What `gristmill.read_again` raises.
const CHANGED: &str = "GM003";

/// Why a flush did not commit, or why nobody knows.
#[derive(Debug, thiserror::Error)]
pub enum FlushError {
    /// The checkpoint is not where this lease left it: nothing was written.
    #[error("the checkpoint was moved by another owner, so nothing was written")]
    Fenced,
    /// Rolled back, perhaps because of a row: [`crate::commit::refusal::settle`] finds it.
    #[error("postgres refuses a row (SQLSTATE {state})")]
    Refused {
        state: SqlState,
        source: tokio_postgres::Error,
    },
    /// Rolled back for certain.
    #[error("postgres rolled the flush back (SQLSTATE {state}{})", advice(*state))]
    Definite {
        state: SqlState,
        source: tokio_postgres::Error,
    },
    /// It may have committed: only the checkpoint knows. The connection is not to be used again.
    #[error("the answer to a flush was lost: the checkpoint says whether it was committed")]
    Unknown {
        /// `None`: Postgres did not answer in time.
        source: Option<tokio_postgres::Error>,
    },
    /// The table is not what was validated, or the batch cannot be sent: a person must act.
    #[error("{reason}")]
    Halt { reason: String },
}

impl FlushError {
    /// The key into [`gristmill_core::policy::action`].
    pub fn fault(&self) -> SinkFault {
        match self {
            Self::Fenced => SinkFault::Fenced,
            Self::Refused { state, .. } | Self::Definite { state, .. } => {
                SinkFault::Answered(*state)
            }
            Self::Unknown { .. } => SinkFault::ConnectionLost,
            Self::Halt { .. } => SinkFault::TargetChanged,
        }
    }
}

impl FlushError {
    /// Whether code of the table's raised it on purpose, under a code that asks to be tried again.
    pub fn is_wish_to_retry(&self) -> bool {
        matches!(self, Self::Definite { source, .. } if is_raised(source))
    }

    /// Whether a row may be to blame once it was tried again in vain: code of the table's raised
    /// it, or the statement took longer than one may.
    pub fn is_perhaps_of_a_row(&self) -> bool {
        matches!(self, Self::Definite { source, .. } if is_raised(source) || is_canceled(source))
    }

    /// Whether the flush did not read the tombstones that there are.
    pub(crate) fn is_heedless(&self) -> bool {
        self.has(HEEDLESS)
    }

    /// Whether a tombstone was to be written that is there already.
    pub(crate) fn is_of_a_tombstone(&self) -> bool {
        let Self::Refused { source, .. } = self else {
            return false;
        };
        source.as_db_error().is_some_and(|answer| {
            *answer.code() == Code::UNIQUE_VIOLATION
                && (answer.schema(), answer.table()) == (Some("gristmill"), Some("tombstone"))
        })
    }

    /// Whether a row has changed that the batch was computed from: it was rolled back, and is to be
    /// computed again, with what the table has now.
    pub fn is_outdated(&self) -> bool {
        self.has(CHANGED)
    }

    fn has(&self, code: &str) -> bool {
        matches!(
            self,
            Self::Refused { state, .. } | Self::Definite { state, .. } if state.as_str() == code
        )
    }

    /// Whether another session may fare better (a server that became a standby, a proxy that lost a
    /// prepared statement), or this one is in an unknown state.
    pub(crate) fn spoils_session(&self) -> bool {
        match self {
            // About the data or the table: nothing is wrong with the session.
            Self::Fenced | Self::Refused { .. } | Self::Halt { .. } => false,
            other => action(&other.fault()) != Action::RetryInPlace,
        }
    }
}

impl From<OutOfTime> for FlushError {
    fn from(_: OutOfTime) -> Self {
        Self::Unknown { source: None }
    }
}

impl From<tokio_postgres::Error> for FlushError {
    fn from(source: tokio_postgres::Error) -> Self {
        if source.code().is_some_and(|code| code.code() == FENCED) {
            return Self::Fenced;
        }
        match fault(&source) {
            SinkFault::Answered(state) if suspected(&source) != Suspect::Infrastructure => {
                Self::Refused { state, source }
            }
            SinkFault::Answered(state) => Self::Definite { state, source },
            _ => Self::Unknown {
                source: Some(source),
            },
        }
    }
}

/// Who may be at fault for an error of Postgres.
pub(crate) fn suspected(error: &tokio_postgres::Error) -> Suspect {
    let answer = error.as_db_error();
    let state = answer.and_then(|a| SqlState::new(a.code().code()));
    let (Some(answer), Some(state)) = (answer, state) else {
        return Suspect::Infrastructure;
    };
    // The policy for a row has the code of a missing privilege.
    let is_row_security = *answer.code() == Code::INSUFFICIENT_PRIVILEGE
        && answer.routine() == Some("ExecWithCheckOptions");
    match is_row_security {
        true => Suspect::Row,
        false => suspect(&state, origin(answer)),
    }
}

/// Messages are translated; the names of the server's own functions are not.
fn origin(answer: &DbError) -> Origin {
    match (answer.routine(), answer.where_()) {
        (Some("exec_stmt_raise" | "exec_stmt_assert" | "PLy_output"), _) => Origin::Raised,
        (_, Some(_)) => Origin::Function,
        (_, None) => Origin::Statement,
    }
}

/// Whether code of the table's raised it on purpose.
pub(crate) fn is_raised(error: &tokio_postgres::Error) -> bool {
    let answer = error.as_db_error();
    answer.is_some_and(|answer| origin(answer) == Origin::Raised)
}

/// Whether the server ended the statement: `statement_timeout`, or somebody did.
pub(crate) fn is_canceled(error: &tokio_postgres::Error) -> bool {
    error.code() == Some(&Code::QUERY_CANCELED)
}

/// Whether two keys of the statement are one to the table's own comparison (citext, `char(n)`, a
/// nondeterministic collation).
pub(crate) fn is_same_row_twice(error: &tokio_postgres::Error) -> bool {
    error.as_db_error().is_some_and(|answer| {
        *answer.code() == Code::CARDINALITY_VIOLATION
            && answer.routine() == Some("ExecOnConflictUpdate")
            && answer.where_().is_none()
    })
}

/// Whether a neighbour may be in a row's way: a unique value that the neighbour gives up, or a
/// parent that comes after its child.
pub(crate) fn may_pass_after_others(error: &tokio_postgres::Error) -> bool {
    let clashes = [
        &Code::UNIQUE_VIOLATION,
        &Code::FOREIGN_KEY_VIOLATION,
        &Code::EXCLUSION_VIOLATION,
    ];
    error.code().is_some_and(|code| clashes.contains(&code))
}
