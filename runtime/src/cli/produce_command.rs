//! `gristmill produce`: change events from a file, or made up, into a topic.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use indicatif::{ProgressBar, ProgressStyle};

use super::out::Out;
use super::property_arguments::PropertyArguments;
use crate::authoring::event_file::entries;
use crate::definition::file;
use crate::demo::generate::{Events, Recipe};
use crate::demo::user_event::{check, key};
use crate::ops::produce::{Destination, Message, Sent, send};

/// Problems of a file that are listed before the rest is only counted.
const PROBLEMS_SHOWN: usize = 20;

/// Sends change events into a topic, keyed by user_id.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  gristmill produce --file data/sample_events.json --topic users_cdc --bootstrap localhost:9092
  gristmill produce --generate 1000000 --keys 50000 --seed 7 --late 5 --bad 1 --topic users_cdc \
                        --bootstrap localhost:9092")]
pub(super) struct Args {
    /// A JSON array of events, or one event a line: of users like data/sample_events.json, or of
    /// anything with --no-validate
    #[arg(long, value_name = "FILE", required_unless_present = "generate")]
    file: Option<PathBuf>,
    /// The topic, which must exist
    #[arg(long)]
    topic: String,
    /// Kafka's brokers
    #[arg(
        long,
        value_name = "HOST:PORT",
        env = "KAFKA_BOOTSTRAP",
        hide_env_values = true
    )]
    bootstrap: String,
    /// Take the properties of librdkafka under [source] of this pipeline's file, too
    #[arg(long, value_name = "FILE")]
    pipeline: Option<PathBuf>,
    #[command(flatten)]
    properties: PropertyArguments,
    /// Wait this long after each event, milliseconds
    #[arg(long, value_name = "MS", default_value_t = 0)]
    delay: u64,
    /// Send the events of the file as they are, without looking at them
    #[arg(long, conflicts_with = "generate")]
    no_validate: bool,
    /// Make up this many events instead of reading a file
    #[arg(long, value_name = "N", conflicts_with = "file")]
    generate: Option<u64>,
    /// How many users the made-up events are about
    #[arg(
        long,
        value_name = "K",
        default_value_t = 1_000,
        value_parser = clap::value_parser!(u32).range(1..),
        requires = "generate"
    )]
    keys: u32,
    /// The same seed makes up the same events
    #[arg(long, default_value_t = 0, requires = "generate")]
    seed: u64,
    /// Per cent of the made-up events that are minutes to hours late
    #[arg(
        long,
        value_name = "PERCENT",
        default_value_t = 0.0,
        value_parser = percent,
        requires = "generate"
    )]
    late: f64,
    /// Per cent of the made-up events that cannot be used
    #[arg(
        long,
        value_name = "PERCENT",
        default_value_t = 0.0,
        value_parser = percent,
        requires = "generate"
    )]
    bad: f64,
}

fn percent(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(percent) if (0.0..=100.0).contains(&percent) => Ok(percent),
        _ => Err("a number from 0 to 100".to_owned()),
    }
}

pub(super) async fn run(args: Args, out: Out<'_>) -> Result<()> {
    let sent = tokio::task::spawn_blocking(move || produce(&args)).await??;
    Ok(render(&sent, out)?)
}

fn produce(args: &Args) -> Result<Sent> {
    let text;
    let events: Box<dyn Iterator<Item = Message>> = match (&args.file, args.generate) {
        (Some(file), _) => {
            text = std::fs::read_to_string(file)
                .with_context(|| format!("cannot read {}", file.display()))?;
            Box::new(read(file, &text, !args.no_validate)?.into_iter())
        }
        (None, Some(events)) => {
            let recipe = Recipe {
                events,
                keys: args.keys,
                seed: args.seed,
                late_percent: args.late,
                bad_percent: args.bad,
            };
            Box::new(Events::new(recipe).map(|e| (Some(e.key), e.value)))
        }
        (None, None) => bail!("give --file or --generate"),
    };
    let mut properties = match &args.pipeline {
        Some(file) => file::load_any(file)?.source.properties,
        None => BTreeMap::new(),
    };
    properties.extend(args.properties.to_map());
    let destination = Destination {
        bootstrap: args.bootstrap.clone(),
        properties,
        topic: args.topic.clone(),
        delay: Duration::from_millis(args.delay),
    };
    let progress = progress(events.size_hint().0);
    let sent = send(&destination, events, || progress.inc(1))?;
    progress.finish_and_clear();
    Ok(sent)
}

pub(super) fn render(sent: &Sent, out: Out<'_>) -> io::Result<()> {
    writeln!(
        out,
        "{} {} ({:.1} MB) to `{}` in {:.1} s: {:.0} events/s",
        sent.events,
        if sent.events == 1 { "event" } else { "events" },
        sent.bytes as f64 / 1e6,
        sent.topic,
        sent.seconds,
        sent.events as f64 / sent.seconds.max(0.001),
    )
}

/// The file's events with their keys; all of its problems at once when they are to be checked.
fn read(file: &Path, text: &str, validate: bool) -> Result<Vec<Message>> {
    let mut events = Vec::new();
    let mut problems = Vec::new();
    for entry in entries(text) {
        let bytes = entry.text.as_bytes();
        let key = match check(bytes) {
            Ok(key) => Some(key),
            Err(problem) if validate => {
                problems.push(format!("{}:{}: {problem}", file.display(), entry.line));
                continue;
            }
            Err(_) => key(bytes),
        };
        events.push((key.map(|k| k.to_string().into_bytes()), bytes.to_vec()));
    }
    let count = problems.len();
    if count > PROBLEMS_SHOWN {
        problems.truncate(PROBLEMS_SHOWN);
        problems.push(format!("and {} more", count - PROBLEMS_SHOWN));
    }
    ensure!(
        count == 0,
        "nothing was sent, {count} events cannot be used (--no-validate sends them as they \
         are):\n{}",
        problems.join("\n")
    );
    ensure!(!events.is_empty(), "{} holds no events", file.display());
    Ok(events)
}

fn progress(events: usize) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = "{bar:40} {human_pos}/{human_len} events, {per_sec}, {eta} left";
    let style =
        ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(events as u64).with_style(style)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_with_bad_events_is_refused_with_their_lines_and_sent_as_it_is_on_demand() {
        let good = r#"{"op":"c","after":{"user_id":1},"timestamp_ms":1}"#;
        let text = format!("{good}\nnonsense\n{{\"op\":\"u\",\"before\":{{\"user_id\":7}}}}\n");
        let error = read(Path::new("f.json"), &text, true).unwrap_err();
        let error = error.to_string();
        assert!(error.contains("2 events"), "{error}");
        assert!(error.contains("f.json:2: no valid JSON"), "{error}");
        assert!(error.contains("f.json:3: `after` is missing"), "{error}");
        let keys: Vec<_> = read(Path::new("f.json"), &text, false)
            .unwrap()
            .into_iter()
            .map(|(key, _)| key)
            .collect();
        assert_eq!(keys, [Some(b"1".to_vec()), None, Some(b"7".to_vec())]);
    }

    #[test]
    fn a_file_without_events_is_refused() {
        assert!(read(Path::new("f.json"), "[]", true).is_err());
    }
}
