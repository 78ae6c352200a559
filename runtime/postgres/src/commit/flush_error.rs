//! Why a flush did not commit, in terms of what to do about it.

use gristmill_core::fault::{SinkFault, SqlState};
use gristmill_core::policy::{Action, action};

use crate::wire::database_error::fault;

/// Class 42: an unknown table or column, or a missing privilege. No try succeeds before somebody
/// mends it.
fn advice(state: SqlState) -> &'static str {
    match state.as_str().starts_with("42") {
        true => ": `gristmill check` says what the table or the role lacks; then start again",
        false => "",
    }
}

/// Why a flush did not commit, or why nobody knows.
#[derive(Debug, thiserror::Error)]
pub enum FlushError {
    /// The checkpoint is not where this lease left it: nothing was written.
    #[error("the checkpoint was moved by another owner, so nothing was written")]
    Fenced,
    /// Rolled back because of a row's data: [`crate::commit::refusal::blame`] finds the row.
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

impl From<tokio_postgres::Error> for FlushError {
    fn from(source: tokio_postgres::Error) -> Self {
        match fault(&source) {
            SinkFault::Answered(state) if state.refuses_row() => Self::Refused { state, source },
            SinkFault::Answered(state) => Self::Definite { state, source },
            _ => Self::Unknown {
                source: Some(source),
            },
        }
    }
}
