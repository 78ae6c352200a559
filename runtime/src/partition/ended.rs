//! Why a worker ended, and so what its partition does next.

use gristmill_core::brake::TooManyDeadLetters;
use gristmill_core::fault::SinkFault;
use gristmill_postgres::commit::flush_error::FlushError;
use gristmill_postgres::wire::database_error::DatabaseError;

/// Why a worker ended.
#[derive(Debug)]
pub enum Ended {
    /// It was told to.
    Stopped,
    /// Take the partition again through the start path: what committed is in the checkpoint.
    Restart(anyhow::Error),
    /// Somebody paused it: go on when they resume it.
    Paused,
    /// A person must act.
    Halt(anyhow::Error),
}

/// Why a partition cannot be begun before a person acts.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub struct CannotBegin {
    /// A word for the cause.
    pub code: &'static str,
    pub reason: String,
}

/// The code of a flush that found another owner.
pub const FENCED: &str = "fenced";

/// A word for the cause of `error`, for logs and alerts: the SQLSTATE where Postgres answered.
pub fn code(error: &anyhow::Error) -> String {
    let fault = |cause: &(dyn std::error::Error + 'static)| {
        let flush = cause.downcast_ref::<FlushError>().map(FlushError::fault);
        flush.or_else(|| {
            cause
                .downcast_ref::<DatabaseError>()
                .map(DatabaseError::fault)
        })
    };
    if error.is::<TooManyDeadLetters>() {
        return "dead-letter-ratio".to_owned();
    }
    if let Some(CannotBegin { code, .. }) = error.downcast_ref() {
        return (*code).to_owned();
    }
    let refused = |cause: &(dyn std::error::Error + 'static)| {
        cause.downcast_ref::<DatabaseError>()?.refused_with()
    };
    if let Some(state) = error.chain().find_map(refused) {
        return state.to_string();
    }
    match error.chain().find_map(fault) {
        Some(SinkFault::Answered(state)) => state.to_string(),
        Some(SinkFault::ConnectionLost) => "connection-lost".to_owned(),
        Some(SinkFault::Fenced) => FENCED.to_owned(),
        Some(SinkFault::TargetChanged) => "target-changed".to_owned(),
        Some(SinkFault::Gap | SinkFault::TopicTruncated) => "gap".to_owned(),
        None => "other".to_owned(),
    }
}
