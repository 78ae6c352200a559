//! The commands around a running pipeline, on a real Kafka and a real Postgres.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result};
use gristmill_tests::job::Job;
use gristmill_tests::postgres::Postgres;
use gristmill_tests::process::wait_until;
use gristmill_tests::table;
use gristmill_tests::topic::{self, Message};

const SOON: Duration = Duration::from_secs(60);

#[test]
fn a_reader_that_has_seen_enough_is_no_trouble() -> Result<()> {
    let job = Job::new("enough")?;
    let (reader, writer) = std::io::pipe()?;
    drop(reader);
    let mut print = job.command(&["schema", "print", "users.toml"])?;
    let ended = print.stdout(writer).stderr(Stdio::piped()).output()?;
    assert_eq!(String::from_utf8_lossy(&ended.stderr), "");
    assert_eq!(ended.status.code(), Some(141));
    Ok(())
}

#[test]
fn a_table_that_does_not_fit_is_told_by_who_was_to_make_it() -> Result<()> {
    let job = Job::new("unfit")?;
    job.psql("alter table users_enriched drop column email_domain")?;
    let applied = job.gristmill(&["schema", "apply", "users.toml"]);
    let told = format!("{:#}", applied.err().context("it was accepted")?);
    assert!(told.contains("do not fit the pipeline"), "{told}");
    assert!(told.contains("email_domain"), "{told}");
    Ok(())
}

#[test]
fn a_refused_row_is_found_alone_and_a_replay_never_lets_it_win_over_a_newer_one() -> Result<()> {
    let job = Job::new("refused")?;
    job.psql("alter table users_enriched add constraint no_bob check (name <> 'Bob')")?;
    let event = |id: i64, name: &str, time_ms: i64| {
        Message::new(
            0,
            format!(
                r#"{{"op":"u","after":{{"user_id":{id},"name":"{name}"}},"timestamp_ms":{time_ms}}}"#
            ),
        )
    };
    let mut messages: Vec<Message> = (0..500)
        .map(|id| event(id, "Ann", 1_726_531_200_000))
        .collect();
    messages.push(event(1_001, "Bob", 1_726_531_200_000));
    messages.push(event(1_002, "Bob", 1_726_531_200_000));
    messages.extend((500..1_000).map(|id| event(id, "Ann", 1_726_531_200_000)));
    topic::write(&job.kafka.bootstrap(), &job.topic, &messages)?;
    let mut run = job.run()?;
    job.wait_until_caught_up()?;
    assert_eq!(
        job.psql("select count(*) from users_enriched")?,
        "1000",
        "{}",
        job.explain()
    );
    let letters = table::dead_letters(job.postgres, &job.database)?;
    let found: Vec<_> = letters
        .iter()
        .map(|l| (l.offset, l.stage.as_str(), l.code.as_str()))
        .collect();
    assert_eq!(found, [(500, "sink", "refused"), (501, "sink", "refused")]);

    topic::write(
        &job.kafka.bootstrap(),
        &job.topic,
        &[event(1_002, "Bobby", 1_726_531_200_001)],
    )?;
    job.wait_until_caught_up()?;
    let list = job.gristmill(&["dead-letters", "list", "users.toml", "--code", "refused"])?;
    let id = format!("{}/0/500/", job.topic);
    assert!(list.contains(&id) && list.contains("no_bob"), "{list}");

    // The rule is still there: the replay says so, and nothing changes.
    let still_refused = job
        .command(&["dead-letters", "replay", "users.toml"])?
        .output()?;
    assert!(!still_refused.status.success());
    job.psql("alter table users_enriched drop constraint no_bob")?;
    job.gristmill(&["dead-letters", "replay", "users.toml"])?;
    assert_eq!(
        job.psql("select user_id, name from users_enriched where user_id > 1000 order by user_id")?,
        "1001|Bob\n1002|Bobby"
    );
    assert_eq!(
        job.psql("select distinct state from gristmill.dead_letter")?,
        "replayed"
    );
    run.signal("TERM")?;
    assert!(run.wait(SOON)?.success());
    Ok(())
}

#[test]
fn a_table_that_changed_halts_and_drains_nothing_into_dead_letters() -> Result<()> {
    let job = Job::new("changed")?;
    job.generate(1_000, 100, 1)?;
    let mut run = job.run()?;
    job.wait_until_caught_up()?;
    let before = table::dead_letters(job.postgres, &job.database)?.len();
    job.psql("alter table users_enriched add column region text not null default 'x'; alter table users_enriched alter column region drop default")?;
    job.generate(1_000, 100, 2)?;
    wait_until("both partitions to halt", SOON, || {
        Ok(job.psql("select count(*) from gristmill.checkpoint where state = 'halted'")? == "2")
    })?;
    let reasons = job.psql("select reason from gristmill.checkpoint")?;
    assert!(reasons.contains("region"), "{reasons}");
    assert_eq!(
        table::dead_letters(job.postgres, &job.database)?.len(),
        before,
        "{}",
        job.explain()
    );
    assert!(run.exit_status()?.is_none(), "{}", job.explain());
    Ok(())
}

#[test]
fn a_format_change_halts_before_it_empties_the_topic() -> Result<()> {
    let job = Job::new("format")?;
    let changed = Message::new(
        0,
        r#"{"payload":{"op":"c","after":{"user_id":1},"timestamp_ms":1726531200000}}"#,
    );
    job.generate(5_000, 100, 1)?;
    topic::write(&job.kafka.bootstrap(), &job.topic, &vec![changed; 5_000])?;
    let _run = job.run()?;
    wait_until("partition 0 to halt", SOON, || {
        Ok(job.psql("select state from gristmill.checkpoint where partition = 0")? == "halted")
    })?;
    let letters: i64 = job
        .psql("select count(*) from gristmill.dead_letter where code = 'unknown-op'")?
        .parse()?;
    assert!(letters < 3_000, "{letters} dead letters\n{}", job.explain());
    Ok(())
}

#[test]
fn check_says_everything_that_is_wrong_and_nothing_else() -> Result<()> {
    let job = Job::new("check")?;
    job.gristmill(&["check", "users.toml"])?;

    job.psql("alter table users_enriched drop column email")?;
    job.kafka.delete_topic(&job.dead_letter_topic)?;
    let said = complaint(&job)?;
    assert!(
        said.contains("email") && said.contains(&job.dead_letter_topic),
        "{said}"
    );

    job.edit_pipeline(|text| text.replacen("on_gap =", "on_gpa =", 1))?;
    let said = complaint(&job)?;
    assert!(
        said.contains("on_gpa") && said.contains("on_gap") && said.contains("users.toml:"),
        "{said}"
    );
    Ok(())
}

#[test]
fn check_and_run_name_a_missing_table_and_a_missing_permission() -> Result<()> {
    let job = Job::new("permission")?;
    job.psql("drop table users_enriched")?;
    let said = complaint(&job)?;
    assert!(
        said.contains("users_enriched") && said.contains("schema apply"),
        "{said}"
    );

    job.gristmill(&["schema", "apply", "users.toml"])?;
    job.psql("create role reader login; grant usage on schema gristmill to reader; grant select on all tables in schema gristmill, public to reader")?;
    let as_reader = job
        .postgres
        .database_url(&job.database)
        .replace("app@", "reader@");
    job.edit_pipeline(|text| {
        text.replace(
            "${DATABASE_URL:-postgres://app@localhost/appdb}",
            &as_reader,
        )
    })?;
    let said = complaint(&job)?;
    assert!(
        said.contains("users_enriched") && said.contains("grant insert"),
        "{said}"
    );
    job.psql("drop owned by reader")?;
    Postgres::shared()?.psql("postgres", "drop role reader")?;
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
    let caught_up = job.gristmill(&["status", "users.toml"])?;
    for end in &ends {
        assert!(caught_up.contains(&end.to_string()), "{caught_up}");
    }
    let behind = Message::new(
        0,
        r#"{"op":"c","after":{"user_id":1},"timestamp_ms":1726531200000}"#,
    );
    topic::write(&job.kafka.bootstrap(), &job.topic, &vec![behind; 777])?;
    let status = job.gristmill(&["status", "users.toml"])?;
    assert!(status.contains("777"), "{status}");
    Ok(())
}

/// What `gristmill check` says of a pipeline that cannot run.
fn complaint(job: &Job) -> Result<String> {
    let output = job.command(&["check", "users.toml"])?.output()?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "it found nothing wrong: {said}");
    Ok(said)
}

#[test]
fn events_of_a_topic_are_tried_and_a_dead_letter_is_captured_as_a_case() -> Result<()> {
    let job = Job::new("tried")?;
    let event = |op: &str| {
        let text = format!(
            r#"{{"op":"{op}","after":{{"user_id":1,"country_code":"IN"}},"timestamp_ms":1726531200000}}"#
        );
        Message::new(0, text)
    };
    let messages = [event("c"), event("c"), event("x"), event("u")];
    topic::write(&job.kafka.bootstrap(), &job.topic, &messages)?;
    let bootstrap = job.kafka.bootstrap();
    let on = ["--topic", &job.topic, "--bootstrap", &bootstrap];
    let limit = ["--limit", "4"];
    let said = job.gristmill(&[&["try", "builtin:enrich-country"][..], &on, &limit].concat())?;
    // Two partitions share the limit.
    assert!(!said.contains(&format!("{}/0/1\n", job.topic)), "{said}");
    for part in [
        "/0/2\n  dead letter (transform:normalize-cdc, unknown-op)",
        "/0/3\n",
        "\"India\"",
    ] {
        assert!(said.contains(part), "no {part:?} in\n{said}");
    }
    assert_eq!(job.psql("select count(*) from users_enriched")?, "0");

    let _run = job.run()?;
    job.wait_until_caught_up()?;
    let id = format!("{}/0/2/0", job.topic);
    let case = job.gristmill(&["dead-letters", "capture", "users.toml", &id])?;
    let case: serde_json::Value = serde_json::from_str(&case)?;
    assert_eq!(case["input"][0]["value"]["op"], "x");
    assert_eq!(case["config"]["key"], serde_json::json!(["user_id"]));
    let none = job
        .command(&["dead-letters", "capture", "users.toml", "users_cdc/0/9/0"])?
        .output()?;
    assert!(String::from_utf8_lossy(&none.stderr).contains("there is no dead letter"));
    Ok(())
}
