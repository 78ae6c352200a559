//! `gristmill timestamp`: event times in a form that people read.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use jiff::Timestamp;
use serde_json::Value;

use super::out::Out;
use crate::authoring::event_file::{FileEvent, entries};

/// More of an event does not fit on a line beside its time.
const EVENT_SHOWN: usize = 60;

/// Prints event times (milliseconds since 1970) as UTC.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  gristmill timestamp 1726531200000 1726531260000
  gristmill timestamp --file data/sample_events.json")]
pub(super) struct Args {
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

/// Prints a line for each time: milliseconds, UTC, and for a file how the event begins.
pub(super) fn run(args: Args, out: Out<'_>) -> Result<()> {
    for timestamp_ms in args.timestamps_ms {
        writeln!(out, "{timestamp_ms}  {}", utc(timestamp_ms)?)?;
    }
    let Some(file) = args.file else {
        return Ok(());
    };
    let text = std::fs::read_to_string(&file)
        .with_context(|| format!("cannot read {}", file.display()))?;
    for event in entries(&text) {
        writeln!(out, "{}", line(&file, &event)?)?;
    }
    Ok(())
}

fn line(file: &Path, event: &FileEvent<'_>) -> Result<String> {
    let place = || format!("{}:{}", file.display(), event.line);
    let value: Value = serde_json::from_str(event.text).with_context(place)?;
    let Some(timestamp_ms) = value["timestamp_ms"].as_i64() else {
        bail!("{}: no integer `timestamp_ms`", place());
    };
    let time = utc(timestamp_ms).with_context(place)?;
    Ok(format!("{timestamp_ms}  {time}  {}", beginning(event.text)))
}

/// The event in one line, as far as there is room.
fn beginning(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let line = words.join(" ");
    match line.char_indices().nth(EVENT_SHOWN) {
        Some((end, _)) => format!("{}..", &line[..end]),
        None => line,
    }
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

    #[test]
    fn an_event_of_any_table_is_shown_beside_its_time() {
        let text = "{\"op\": \"c\",\n  \"timestamp_ms\": 0}";
        let event = FileEvent { line: 3, text };
        let shown = "0  1970-01-01T00:00:00.000Z  {\"op\": \"c\", \"timestamp_ms\": 0}";
        assert_eq!(line(Path::new("f.json"), &event).unwrap(), shown);
        let without = FileEvent {
            line: 7,
            text: "{}",
        };
        let error = line(Path::new("f.json"), &without).unwrap_err().to_string();
        assert_eq!(error, "f.json:7: no integer `timestamp_ms`");
        assert_eq!(beginning(&"é".repeat(99)).chars().count(), EVENT_SHOWN + 2);
    }
}
