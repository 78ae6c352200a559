//! Commands around a pipeline that runs.

use std::process::Stdio;

use anyhow::Result;
use gristmill_tests::job::Job;
use gristmill_tests::program::{printed, text};
use gristmill_tests::topic::{self, Message};
use gristmill_tests::wait::SOON;
use serde_json::{Value, json};

#[test]
fn a_reader_that_has_seen_enough_is_no_trouble() -> Result<()> {
    let job = Job::new("enough")?;
    let (reader, writer) = std::io::pipe()?;
    drop(reader);
    let mut print = job.command(&["man"])?;
    let ended = print.stdout(writer).stderr(Stdio::piped()).output()?;
    assert_eq!(text(&ended.stderr), "");
    assert_eq!(ended.status.code(), Some(141));
    Ok(())
}

#[test]
fn status_shows_offsets_lag_and_halts() -> Result<()> {
    let job = Job::new("status")?;
    job.generate(2_000, 100, 1)?;
    let mut run = job.run()?;
    job.wait_until_caught_up()?;
    run.signal("TERM")?;
    run.wait(SOON)?;
    let ends = topic::ends(&job.kafka.bootstrap(), &job.topic)?;
    let status = || -> Result<String> {
        let (code, text) = printed(job.command(&["status", "users.toml"])?.output()?);
        assert_eq!(code, Some(1), "nobody runs it: {text}");
        Ok(text)
    };
    let caught_up = status()?;
    for end in &ends {
        assert!(caught_up.contains(&end.to_string()), "{caught_up}");
    }
    let behind = Message::new(
        0,
        r#"{"op":"c","after":{"user_id":1},"timestamp_ms":1726531200000}"#,
    );
    job.produce(&vec![behind; 777])?;
    let behind = status()?;
    assert!(behind.contains("777"), "{behind}");
    Ok(())
}

#[test]
fn events_of_a_topic_are_tried_and_a_dead_letter_is_captured_as_a_case() -> Result<()> {
    let job = Job::new("tried")?;
    let event = |op: &str| {
        let event = json!({
            "op": op, "after": { "user_id": 1, "country_code": "IN" },
            "timestamp_ms": 1_726_531_200_000_i64,
        });
        Message::new(0, event.to_string())
    };
    let messages = [event("c"), event("c"), event("x"), event("u")];
    job.produce(&messages)?;
    let bootstrap = job.kafka.bootstrap();
    let on = ["--topic", &job.topic, "--bootstrap", &bootstrap];
    let limit = ["--limit", "4"];
    let arguments = [&["try", "builtin:enrich-country"][..], &on, &limit].concat();
    let (code, output) = printed(job.command(&arguments)?.output()?);
    assert_eq!(code, Some(1), "{output}");
    // Two partitions share the limit.
    assert!(
        !output.contains(&format!("{}/0/1\n", job.topic)),
        "{output}"
    );
    for part in [
        "/0/2\n  dead letter (transform:normalize-cdc, unknown-op)",
        "/0/3\n",
        "\"India\"",
    ] {
        assert!(output.contains(part), "no {part:?} in\n{output}");
    }
    assert_eq!(job.rows()?, 0);

    let _run = job.run()?;
    job.wait_until_caught_up()?;
    let id = format!("{}/0/2/0", job.topic);
    let case = job.gristmill(&["dead-letters", "capture", "users.toml", &id])?;
    let case: Value = serde_json::from_str(&case)?;
    assert_eq!(case["input"][0]["value"]["op"], "x");
    assert_eq!(case["config"]["key"], json!(["user_id"]));
    let none = job
        .command(&["dead-letters", "capture", "users.toml", "users_cdc/0/9/0"])?
        .output()?;
    assert!(text(&none.stderr).contains("there is no dead letter"));
    Ok(())
}
