//! How long a statement is waited for.

use std::time::Duration;

/// A little more than the server allows a statement (`statement_timeout`): it would have answered,
/// unless this one backend is frozen. `wire/pulse.rs` notices a server that is.
const LIMIT: Duration = Duration::from_secs(65);

/// A statement had no answer in time.
#[derive(Debug, thiserror::Error)]
#[error("postgres did not answer within {} seconds", LIMIT.as_secs())]
pub(crate) struct OutOfTime;

/// What `statement` ends with, if it does so in time. Otherwise its session is not to be used
/// again.
pub(crate) async fn in_time<F: Future>(statement: F) -> Result<F::Output, OutOfTime> {
    let ended = tokio::time::timeout(LIMIT, statement).await;
    ended.map_err(|_| OutOfTime)
}
