//! Ctrl-C, SIGTERM, and SIGHUP, which a terminal that closes and some supervisors send.

use std::future::pending;
use std::time::Duration;

use anyhow::Result;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// How long the end of `gristmill run` may take, whatever it waits for: `docker stop` kills after
/// ten seconds. Its own limit comes first; this one holds when no task of it runs any more.
pub(super) const RUN_END_MAX: Duration = Duration::from_millis(9_500);

/// Cancelled at the first signal; a second one ends the process at once, and so do `end_max` after
/// the first.
pub(super) fn stop_signal(end_max: Option<Duration>) -> Result<CancellationToken> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    let stop = CancellationToken::new();
    let cancelled = stop.clone();
    tokio::spawn(async move {
        loop {
            let name = tokio::select! {
                _ = interrupt.recv() => "SIGINT",
                _ = terminate.recv() => "SIGTERM",
                _ = hang_up.recv() => "SIGHUP",
            };
            if cancelled.is_cancelled() {
                exit(130);
            }
            // Before the line about it: nothing that is wrong with the log may keep it alive.
            cancelled.cancel();
            if let Some(end_max) = end_max {
                std::thread::spawn(move || {
                    std::thread::sleep(end_max);
                    exit(1);
                });
            }
            tracing::info!("{name}: stopping");
        }
    });
    Ok(stop)
}

/// Ends the process, whatever still runs in it.
fn exit(code: i32) {
    #[allow(
        clippy::disallowed_methods,
        reason = "asked for twice, or too long ago: nothing may wait"
    )]
    std::process::exit(code);
}

/// Ends at the first signal from when it is first polled: before that they end the process.
pub(super) async fn stopped() {
    match stop_signal(None) {
        Ok(stop) => stop.cancelled().await,
        Err(error) => {
            tracing::warn!("Ctrl-C cannot be caught: {error:#}");
            pending().await
        }
    }
}
