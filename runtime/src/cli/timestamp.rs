//! `gristmill timestamp`: event times in a form that people read.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use jiff::Timestamp;
use serde_json::Value;

use crate::authoring::event_file::entries;

/// Prints event times (milliseconds since 1970) as UTC.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  gristmill timestamp 1726531200000 1726531260000
  gristmill timestamp --file data/sample_events.json")]
pub struct Args {
    /// Milliseconds since 1970
    #[arg(
        value_name = "MS",
        required_unless_present = "file",
        allow_negative_numbers = true
    )]
    timestamps_ms: Vec<i64>,
    /// Print the `timestamp_ms` of each event of a file
    #[arg(long, value_name = "FILE", conflicts_with = "timestamps_ms")]
    file: Option<PathBuf>,
}

/// Prints a line for each time: milliseconds, UTC, and for a file what happened to whom.
pub async fn run(args: Args) -> Result<()> {
    let mut out = std::io::stdout().lock();
    for timestamp_ms in args.timestamps_ms {
        writeln!(out, "{timestamp_ms}  {}", utc(timestamp_ms)?)?;
    }
    let Some(file) = args.file else {
        return Ok(());
    };
    let text = std::fs::read_to_string(&file)
        .with_context(|| format!("cannot read {}", file.display()))?;
    for entry in entries(&text) {
        let place = || format!("{}:{}", file.display(), entry.line);
        let event: Value = serde_json::from_str(entry.text).with_context(place)?;
        let Some(timestamp_ms) = event["timestamp_ms"].as_i64() else {
            bail!("{}: no integer `timestamp_ms`", place());
        };
        let time = utc(timestamp_ms).with_context(place)?;
        let op = event["op"].as_str().unwrap_or("?");
        let row = match &event["after"] {
            Value::Null => &event["before"],
            after => after,
        };
        writeln!(out, "{timestamp_ms}  {time}  {op}  {}", row["user_id"])?;
    }
    Ok(())
}

fn utc(timestamp_ms: i64) -> Result<String> {
    let timestamp = Timestamp::from_millisecond(timestamp_ms).with_context(|| {
        format!("{timestamp_ms} ms is no time between the years -9999 and 9999")
    })?;
    Ok(format!("{timestamp:.3}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn milliseconds_become_utc_and_impossible_ones_a_sentence() {
        assert_eq!(utc(1_726_531_200_000).unwrap(), "2024-09-17T00:00:00.000Z");
        assert_eq!(utc(-1).unwrap(), "1969-12-31T23:59:59.999Z");
        assert!(utc(i64::MAX).is_err());
    }
}
