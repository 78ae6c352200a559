//! What can go wrong with Postgres, in terms of what to do about it.

use gristmill_core::fault::{SinkFault, SqlState};
use gristmill_core::policy::{Action, action};
use tokio_postgres::error::{Severity, SqlState as Code};

/// Trouble with a connection or a statement outside the flush. Never holds the password.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// The URL cannot be used. The parser's own message is left out: it may quote a piece of a
    /// password.
    #[error("the database URL {0}")]
    Url(&'static str),
    #[error("cannot load the certificates that sslmode=verify-full needs")]
    Certificates(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error(
        "cannot connect to postgres at {place}: check that it runs and that the URL's user may \
         log in"
    )]
    Connect {
        place: String,
        source: tokio_postgres::Error,
    },
    #[error("cannot {doing}")]
    Query {
        doing: &'static str,
        source: tokio_postgres::Error,
    },
    #[error("postgres at {place} does not answer: check that it runs")]
    Silent { place: String },
    /// What Postgres holds is not what this version writes.
    #[error("cannot {doing}: {found}")]
    Unexpected { doing: &'static str, found: String },
    #[error("the pool of connections is closed")]
    PoolClosed,
}

impl DatabaseError {
    /// For `map_err`: says what was being done, as it follows "cannot".
    pub(crate) fn query(doing: &'static str) -> impl FnOnce(tokio_postgres::Error) -> Self {
        move |source| Self::Query { doing, source }
    }

    /// Whether a table or schema that it asked for does not exist.
    pub fn is_missing(&self) -> bool {
        let Self::Query { source, .. } = self else {
            return false;
        };
        let missing = [&Code::UNDEFINED_TABLE, &Code::INVALID_SCHEMA_NAME];
        source.code().is_some_and(|code| missing.contains(&code))
    }

    /// What this means to a worker.
    pub fn fault(&self) -> SinkFault {
        match self {
            Self::Connect { source, .. } | Self::Query { source, .. } => fault(source),
            _ => SinkFault::ConnectionLost,
        }
    }
}

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
    /// Rolled back because of a row's data: [`crate::commit::blame::blame`] finds the row.
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

/// An answer of severity ERROR means that the statement, and the transaction around it, was rolled
/// back. FATAL and PANIC end the session, perhaps after the commit was written (an administrator's
/// shutdown may come between the commit and its answer), so they say as little as silence does.
pub(crate) fn fault(error: &tokio_postgres::Error) -> SinkFault {
    let Some(answer) = error.as_db_error() else {
        return SinkFault::ConnectionLost;
    };
    match (
        answer.parsed_severity(),
        SqlState::new(answer.code().code()),
    ) {
        (Some(Severity::Fatal | Severity::Panic), _) | (_, None) => SinkFault::ConnectionLost,
        (_, Some(state)) => SinkFault::Answered(state),
    }
}
