//! The shipped pipeline through the built program, on a real Kafka and a real Postgres.

use std::collections::BTreeSet;

use anyhow::Result;
use gristmill_tests::job::Job;
use gristmill_tests::program::repository;
use gristmill_tests::seed::seed;
use gristmill_tests::table;
use gristmill_tests::topic::{self, Message};
use gristmill_tests::wait::SOON;
use serde_json::json;

#[test]
fn the_sample_events_give_the_three_rows_and_the_late_delete_loses() -> Result<()> {
    let job = Job::new("sample")?;
    let file = repository().join("data/sample_events.json");
    let bootstrap = job.kafka.bootstrap();
    job.gristmill(&[
        "produce",
        "--file",
        &file.display().to_string(),
        "--topic",
        &job.topic,
        "--bootstrap",
        &bootstrap,
    ])?;
    let _run = job.run()?;
    job.wait_until_caught_up()?;
    let rows = job.psql(
        "select user_id, name, email, email_domain, country_code, country_name, is_corporate,
            is_deleted, extract(epoch from updated_at)::numeric(20, 6)
        from users_enriched order by user_id",
    )?;
    let expected = [
        "101|Daniel J. Kim|daniel.j.kim@contoso.com|contoso.com|US|United States|t|f|\
         1726531260.000000",
        "202|Priya Nair|priya.nair@gmail.com|gmail.com|IN|India|f|f|1726531250.000000",
        "303|Elena Fischer|elena.fischer@outlook.de|outlook.de|DE|Germany|f|f|1726531270.000000",
    ]
    .join("\n");
    assert_eq!(rows, expected, "{}", job.explain());
    job.check()?;

    // The comparison that all other tests rely on sees a microsecond.
    job.psql(
        "update users_enriched set updated_at = updated_at + interval '1 microsecond'
        where user_id = 202",
    )?;
    let difference = format!("{:#}", job.check().expect_err("a wrong table passed"));
    assert!(
        difference.contains("user 202: updated_at_us is 1726531250000001"),
        "{difference}"
    );
    Ok(())
}

#[test]
fn a_hundred_thousand_events_equal_the_oracle_and_each_dead_letter_is_relayed() -> Result<()> {
    let job = Job::new("load")?;
    job.generate(100_000, 5_000, seed("load"))?;
    let _run = job.run()?;
    job.wait_until_caught_up()?;
    job.check()?;

    let expected = job.expected()?;
    assert!(
        expected.users.len() > 1_000 && expected.dead_letters.len() > 500,
        "the load is no test: {} users",
        expected.users.len()
    );
    job.wait_for("the relay", || {
        Ok(job.psql("select count(*) from gristmill.dead_letter where state = 'new'")? == "0")
    })?;
    let relayed = topic::read(&job.kafka.bootstrap(), &job.dead_letter_topic)?;
    let produced = topic::read(&job.kafka.bootstrap(), &job.topic)?;
    let bad = produced
        .into_iter()
        .filter(|m| expected.dead_letters.contains_key(&(m.partition, m.offset)));
    // At least once: a record may be relayed twice, so sets are compared.
    let content = |m: Message| (m.key, m.value);
    assert_eq!(
        relayed.into_iter().map(content).collect::<BTreeSet<_>>(),
        bad.map(content).collect::<BTreeSet<_>>()
    );
    Ok(())
}

/// The event of a user who is in the table when it is done.
fn user(id: i64, name: &str) -> String {
    let row = json!({
        "user_id": id, "name": name, "email": "n@contoso.com", "country_code": "US",
    });
    let event = json!({ "op": "c", "after": row, "timestamp_ms": 1_726_531_200_000_i64 });
    event.to_string()
}

#[test]
fn large_records_that_fill_the_queue_do_not_wait_for_the_linger() -> Result<()> {
    let job = Job::new("large")?;
    // Longer than the test is patient, and more rows than the queue has room for.
    job.edit_pipeline(|text| {
        let (rows, time) = ("linger_rows = 200", "linger_ms = 2_000");
        assert!(text.contains(rows) && text.contains(time));
        text.replace(rows, "linger_rows = 5_000")
            .replace(time, "linger_ms = 3_600_000")
    })?;
    let name = "N".repeat(40_000);
    let messages: Vec<Message> = (0..400)
        .map(|id| Message::new(id % 2, user(id.into(), &name)))
        .collect();
    job.produce(&messages)?;
    let _run = job.run()?;
    job.wait_until_caught_up()?;
    job.check()
}

#[test]
fn each_kind_of_bad_record_is_kept_whole_and_its_neighbours_land() -> Result<()> {
    let job = Job::new("bad")?;
    let bad: &[&[u8]] = &[
        b"{\"op\":\"c\"",
        b"\xff\xfe",
        b"[1",
        br#"{"op":"c","after":{"user_id":"seven"},"timestamp_ms":1726531200000}"#,
        br#"{"op":"c","after":{"user_id":7,"name":"a\u0000b"},"timestamp_ms":1726531200000}"#,
        br#"{"op":"x","after":{"user_id":7},"timestamp_ms":1726531200000}"#,
        br#"{"op":"u","after":{"name":"no key"},"timestamp_ms":1726531200000}"#,
        br#"{"op":"d","before":null,"timestamp_ms":1726531200000}"#,
        br#"{"op":"c","after":{"user_id":7}}"#,
        br#"{"op":"c","after":{"user_id":7},"timestamp_ms":33000000000000}"#,
    ];
    let mut messages = Vec::new();
    for (i, value) in bad.iter().enumerate() {
        messages.push(Message {
            headers: vec![
                ("trace".into(), Some(vec![i as u8])),
                ("empty".into(), None),
            ],
            key: Some(format!("key {i}").into_bytes()),
            ..Message::new(0, *value)
        });
        messages.push(Message::new(0, user(i as i64 + 100, "N")));
    }
    messages.push(Message {
        partition: 0,
        ..Message::default()
    });
    job.produce(&messages)?;
    let _run = job.run()?;
    job.wait_until_caught_up()?;
    job.check()?;

    let letters = table::dead_letters(job.postgres, &job.database)?;
    let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
    let kept: Vec<Option<String>> = letters.iter().map(|l| l.value.clone()).collect();
    assert_eq!(kept, bad.iter().map(|b| Some(hex(b))).collect::<Vec<_>>());
    job.wait_for("the relay", || {
        Ok(job.psql("select count(*) from gristmill.dead_letter where state = 'new'")? == "0")
    })?;
    let relayed = topic::read(&job.kafka.bootstrap(), &job.dead_letter_topic)?;
    for (i, value) in bad.iter().enumerate() {
        let key = format!("key {i}").into_bytes();
        let found = relayed
            .iter()
            .find(|m| m.key.as_ref() == Some(&key))
            .expect("a relayed record");
        assert_eq!(found.value.as_deref(), Some(*value));
        assert!(
            found
                .headers
                .contains(&("trace".into(), Some(vec![i as u8]))),
            "{:?}",
            found.headers
        );
    }
    Ok(())
}

#[test]
fn a_retention_gap_halts_its_partition_alone_until_gaps_are_accepted() -> Result<()> {
    let job = Job::new("retention")?;
    job.generate(2_000, 100, seed("retention"))?;
    let mut run = job.run()?;
    job.wait_until_caught_up()?;
    run.signal("TERM")?;
    run.wait(SOON)?;
    let done: i64 = job
        .psql("select next_offset from gristmill.checkpoint where partition = 0")?
        .parse()?;
    job.generate(2_000, 100, seed("retention, second half"))?;
    job.kafka.delete_records(&job.topic, 0, done + 10)?;

    let mut run = job.run()?;
    job.wait_for("partition 0 to halt", || {
        Ok(job.psql("select state from gristmill.checkpoint where partition = 0")? == "halted")
    })?;
    assert!(
        !job.psql("select reason from gristmill.checkpoint where partition = 0")?
            .is_empty()
    );
    assert_eq!(
        job.psql("select partition, from_offset, to_offset from gristmill.gap")?,
        format!("0|{done}|{}", done + 10),
        "{}",
        job.explain()
    );
    let end = topic::read(&job.kafka.bootstrap(), &job.topic)?
        .iter()
        .filter(|m| m.partition == 1)
        .map(|m| m.offset + 1)
        .max()
        .unwrap_or(0);
    job.wait_for("partition 1 to go on", || {
        Ok(
            job.psql("select next_offset from gristmill.checkpoint where partition = 1")?
                == end.to_string(),
        )
    })?;
    assert_eq!(
        job.psql("select next_offset from gristmill.checkpoint where partition = 0")?,
        done.to_string()
    );
    run.signal("TERM")?;
    run.wait(SOON)?;

    job.edit_pipeline(|text| text.replacen("on_gap = \"halt\"", "on_gap = \"continue\"", 1))?;
    let _run = job.run()?;
    job.wait_until_caught_up()?;
    assert_eq!(job.psql("select count(*) from gristmill.gap")?, "1");
    Ok(())
}

#[test]
fn a_topic_created_anew_under_the_same_name_halts_however_long_it_is() -> Result<()> {
    let job = Job::new("anew")?;
    job.generate(200, 100, seed("anew"))?;
    let mut run = job.run()?;
    job.wait_until_caught_up()?;
    run.signal("TERM")?;
    run.wait(SOON)?;
    let before = table::users(job.postgres, &job.database)?;
    // Longer than the old one: the checkpoints' offsets exist in it.
    job.kafka.delete_topic(&job.topic)?;
    job.kafka.create_topic(&job.topic, 2, &[])?;
    job.generate(2_000, 100, seed("anew, second topic"))?;

    let mut run = job.run()?;
    job.wait_until_halted(2)?;
    assert_eq!(table::users(job.postgres, &job.database)?, before);
    assert_eq!(
        job.psql("select count(*) from gristmill.gap")?,
        "2",
        "{}",
        job.explain()
    );
    assert!(run.exit_status()?.is_none(), "{}", job.explain());
    Ok(())
}
