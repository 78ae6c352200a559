//! `gristmill produce` and `gristmill timestamp` through the built program.

use std::process::Output;

use anyhow::Result;
use gristmill_tests::author;
use gristmill_tests::generator::{Events, Recipe};
use gristmill_tests::kafka::Kafka;
use gristmill_tests::program::{repository, text};
use gristmill_tests::topic::read;

fn run(arguments: &[&str]) -> Result<Output> {
    author::run(repository(), arguments)
}

const SAMPLE: &str = "data/sample_events.json";

#[test]
fn a_file_arrives_keyed_by_user_and_a_bad_one_not_at_all() -> Result<()> {
    let kafka = Kafka::shared()?;
    let bootstrap = kafka.bootstrap();
    kafka.create_topic("produced", 2, &[])?;
    let to = ["--topic", "produced", "--bootstrap", &bootstrap];
    let sent = run(&[&["produce", "--file", SAMPLE][..], &to].concat())?;
    assert!(sent.status.success(), "{}", text(&sent.stderr));
    assert!(text(&sent.stdout).starts_with("5 events"), "{sent:?}");
    let messages = read(&bootstrap, "produced")?;
    let mut keys: Vec<_> = messages.iter().filter_map(|m| m.key.clone()).collect();
    keys.sort();
    assert_eq!(keys, [b"101", b"101", b"101", b"202", b"303"]);
    // One key, one partition: its events stay in order.
    let of_101 = messages.iter().filter(|m| m.key.as_deref() == Some(b"101"));
    let ops: Vec<_> = of_101
        .map(|m| text(m.value.as_deref().unwrap_or_default()))
        .map(|event| event.split('"').nth(3).unwrap_or_default().to_owned())
        .collect();
    assert_eq!(ops, ["c", "u", "d"]);

    let folder = tempfile::tempdir()?;
    let bad = folder.path().join("bad.json");
    std::fs::write(&bad, "[\n{\"op\":\"x\"}\n]")?;
    let bad = bad.to_string_lossy();
    let refused = run(&[&["produce", "--file", &*bad][..], &to].concat())?;
    assert!(!refused.status.success());
    let output = text(&refused.stderr);
    assert!(output.contains("bad.json:2: `op` is \"x\""), "{output}");
    assert_eq!(read(&bootstrap, "produced")?.len(), 5);
    let forced = ["produce", "--no-validate", "--file", &*bad];
    assert!(run(&[&forced[..], &to].concat())?.status.success());
    assert_eq!(read(&bootstrap, "produced")?.len(), 6);
    Ok(())
}

#[test]
fn made_up_events_are_those_of_the_seed() -> Result<()> {
    let kafka = Kafka::shared()?;
    let bootstrap = kafka.bootstrap();
    kafka.create_topic("made-up", 1, &[])?;
    let sent = run(&[
        "produce",
        "--generate",
        "3000",
        "--keys",
        "50",
        "--seed",
        "9",
        "--late",
        "10",
        "--bad",
        "5",
        "--topic",
        "made-up",
        "--bootstrap",
        &bootstrap,
    ])?;
    assert!(sent.status.success(), "{}", text(&sent.stderr));
    assert!(text(&sent.stdout).contains("events/s"), "{sent:?}");
    let spec = Recipe {
        events: 3_000,
        keys: 50,
        seed: 9,
        late_percent: 10.0,
        bad_percent: 5.0,
    };
    let expected: Vec<_> = Events::new(spec)
        .map(|e| (Some(e.key), Some(e.value)))
        .collect();
    let arrived: Vec<_> = read(&bootstrap, "made-up")?
        .into_iter()
        .map(|m| (m.key, m.value))
        .collect();
    assert!(arrived == expected, "other events, or in another order");
    let missing = run(&[
        "produce",
        "--file",
        SAMPLE,
        "--topic",
        "no-such",
        "--bootstrap",
        &bootstrap,
    ])?;
    let output = text(&missing.stderr);
    assert!(output.contains("kafka has no topic `no-such`"), "{output}");
    Ok(())
}

#[test]
fn timestamps_are_printed_as_utc() -> Result<()> {
    let printed = run(&["timestamp", "1726531200000", "-1"])?;
    assert_eq!(
        text(&printed.stdout),
        "1726531200000  2024-09-17T00:00:00.000Z\n-1  1969-12-31T23:59:59.999Z\n"
    );
    let printed = run(&["timestamp", "--file", SAMPLE])?;
    let lines = text(&printed.stdout);
    assert_eq!(lines.lines().count(), 5);
    let delete = r#"1726531240000  2024-09-17T00:00:40.000Z  { "op": "d", "before": "#;
    let line = lines.lines().nth(3).unwrap_or_default();
    assert!(line.starts_with(delete), "{line}");
    Ok(())
}
