//! Ctrl-C and SIGTERM.

use std::future::pending;

use anyhow::Result;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Cancelled at the first Ctrl-C or SIGTERM; a second one ends the process at once.
pub(super) fn stop_signal() -> Result<CancellationToken> {
    let (mut interrupt, mut terminate) = (
        signal(SignalKind::interrupt())?,
        signal(SignalKind::terminate())?,
    );
    let stop = CancellationToken::new();
    let cancelled = stop.clone();
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if cancelled.is_cancelled() {
                #[allow(
                    clippy::disallowed_methods,
                    reason = "asked for twice: nothing may wait"
                )]
                std::process::exit(130);
            }
            tracing::info!("stopping");
            cancelled.cancel();
        }
    });
    Ok(stop)
}

/// Ends at the first Ctrl-C or SIGTERM from when it is first polled: before that they end the
/// process.
pub(super) async fn stopped() {
    match stop_signal() {
        Ok(stop) => stop.cancelled().await,
        Err(error) => {
            tracing::warn!("Ctrl-C cannot be caught: {error:#}");
            pending().await
        }
    }
}
