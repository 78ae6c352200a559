//! What can go wrong with a connection or a statement, in terms of what to do about it.

use std::path::PathBuf;

use gristmill_core::fault::{SinkFault, SqlState};
use tokio_postgres::error::{Severity, SqlState as Code};

/// Trouble with a connection or a statement outside the flush. Never holds the password.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// The URL cannot be used. The parser's own message is left out: it may quote a piece of a
    /// password.
    #[error("the database URL {0}")]
    Url(&'static str),
    /// As libpq has no such parameter, or none of that value.
    #[error(
        "the database URL has a parameter `{name}` that is unknown, or whose value cannot be \
         read: take it out, or write it as libpq has it"
    )]
    UrlParameter { name: &'static str },
    /// A file that holds a password, a key or the URL.
    #[error("cannot use {}: {why}", path.display())]
    Secret { path: PathBuf, why: String },
    #[error("cannot load the certificates that the database URL asks for")]
    Certificates(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error(
        "cannot connect to postgres at {place}: check that it runs and that the URL's user may \
         log in"
    )]
    Connect { place: String, source: ConnectError },
    #[error("the postgres at {place} can only be read: the URL wants one that can be written to")]
    ReadOnly { place: String },
    #[error(
        "at {place} answers a pooler in transaction mode (PgBouncer's pool_mode), which lends one \
         session to several clients in turns: give gristmill the server's own address, or a pool \
         in session mode with room for target.connections and two more a process"
    )]
    Pooled { place: String },
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

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    #[error(transparent)]
    Network(#[from] std::io::Error),
    #[error(transparent)]
    Postgres(#[from] tokio_postgres::Error),
}

impl DatabaseError {
    /// Whether nobody answered.
    pub(crate) fn is_silence(&self) -> bool {
        let network = |source: &ConnectError| matches!(source, ConnectError::Network(_));
        matches!(self, Self::Silent { .. })
            || matches!(self, Self::Connect { source, .. } if network(source))
    }

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

    /// With which SQLSTATE Postgres refused a connection, as by a wrong password.
    pub fn refused_with(&self) -> Option<SqlState> {
        match self {
            Self::Connect {
                source: ConnectError::Postgres(source),
                ..
            } => SqlState::new(source.as_db_error()?.code().code()),
            _ => None,
        }
    }

    /// What this means to a worker.
    pub fn fault(&self) -> SinkFault {
        match self {
            Self::Connect {
                source: ConnectError::Postgres(source),
                ..
            }
            | Self::Query { source, .. } => fault(source),
            _ => SinkFault::ConnectionLost,
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
