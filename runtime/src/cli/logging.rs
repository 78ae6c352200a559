//! Logs: for people on a terminal, JSON lines otherwise; always to standard error, so that results
//! can be piped.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// Starts logging from `level` up. `RUST_LOG` chooses what, as `info` or `gristmill=debug`;
/// librdkafka's and the compiler's own lines only when they warn.
pub fn start(level: &str) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| {
        EnvFilter::new(format!(
            "{level},librdkafka=warn,wasmtime=warn,cranelift=warn"
        ))
    });
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    // A second start (tests, the demo inside a test) keeps the first.
    let _ = if std::io::stderr().is_terminal() {
        builder.with_target(false).try_init()
    } else {
        builder
            .json()
            .flatten_event(true)
            .with_target(false)
            .try_init()
    };
}
