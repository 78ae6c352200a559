//! Logs: for people on a terminal, JSON lines otherwise; always to standard error, so that results
//! can be piped.

use std::io::IsTerminal;

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;

use super::log_writer::LogWriter;

/// What a line of the log looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people
    Text,
    /// A JSON object a line
    Json,
}

/// The log of this process.
pub struct Logging {
    format: LogFormat,
    writer: LogWriter,
}

/// Starts logging from `level` up, as `format`; `None`: text on a terminal, else JSON. `RUST_LOG`
/// chooses what, as `info` or `gristmill=debug`; the lines of librdkafka, of the compiler and of
/// Postgres' driver only when they warn.
pub fn start(level: &str, format: Option<LogFormat>) -> Logging {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| {
        EnvFilter::new(format!(
            "{level},librdkafka=warn,wasmtime=warn,cranelift=warn,tokio_postgres=warn"
        ))
    });
    let is_terminal = std::io::stderr().is_terminal();
    let format = format.unwrap_or(match is_terminal {
        true => LogFormat::Text,
        false => LogFormat::Json,
    });
    let writer = LogWriter::start();
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        // Else a line that cannot be written is said on standard error, which panics.
        .log_internal_errors(false)
        .with_target(false)
        .with_ansi(is_terminal)
        .with_writer(writer.clone());
    // A second start (tests, the demo inside a test) keeps the first.
    let _ = match format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    Logging { format, writer }
}

impl Logging {
    /// Says why the process ends: as a sentence, or as a record where the log is read by machines.
    pub(super) fn failed(&self, error: &anyhow::Error, is_logged: bool) {
        match self.format {
            LogFormat::Json if is_logged => tracing::error!("{error:#}"),
            _ => self.writer.line(&format!("error: {error:#}")),
        }
        self.writer.flush();
    }

    /// Waits for the last lines to be written, for a moment.
    pub(super) fn end(&self) {
        self.writer.flush();
    }
}
