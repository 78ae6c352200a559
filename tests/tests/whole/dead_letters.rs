//! Dead letters in the hands of an operator.

use anyhow::{Result, ensure};
use gristmill_tests::job::Job;
use gristmill_tests::program::text;
use gristmill_tests::rules::OPERATION_IN_KIND;
use gristmill_tests::table;
use gristmill_tests::topic::Message;
use gristmill_tests::wait::SOON;
use serde_json::json;

/// An event whose operation is unknown where the pipeline file looks for it, and good in `kind`.
fn event(id: i64) -> Message {
    let event = json!({
        "op": "x", "kind": "c", "after": { "user_id": id, "email": "a@contoso.com" },
        "timestamp_ms": 1_726_531_200_000_i64,
    });
    Message::new(0, event.to_string())
}

#[test]
fn a_replay_runs_what_is_active_whatever_the_file_says() -> Result<()> {
    let job = Job::new("letters_active")?;
    job.produce(&[event(1), event(2), event(3)])?;
    let mut run = job.run()?;
    job.wait_until_caught_up()?;
    ensure!(job.rows()? == 0, "{}", job.explain());
    let replay = || {
        let output = job
            .command(&["dead-letters", "replay", "users.toml"])?
            .output()?;
        anyhow::Ok(text(&output.stdout))
    };
    let output = replay()?;
    ensure!(
        output.contains("0 replayed, 3 still cannot be used"),
        "{output}"
    );

    let normalizer = ("normalize-cdc", "builtin:normalize-cdc");
    job.swap_rule(normalizer.0, normalizer.1, OPERATION_IN_KIND, &[])?;
    run.kill()?;
    // What the file says now is no business of a replay, either.
    job.edit_pipeline(|text| text.replace("contoso.com", "nobody.example"))?;
    // One by one at first: those that are settled do not use the limit up.
    for left in [2, 1] {
        job.gristmill(&["dead-letters", "replay", "users.toml", "--limit", "1"])?;
        let waits = "select count(*) from gristmill.dead_letter where state <> 'replayed'";
        let waits = job.number(waits)?;
        ensure!(waits == left, "{waits} wait, not {left}");
    }
    let output = replay()?;
    ensure!(output.contains("1 replayed, 0 still"), "{output}");
    let rows =
        job.psql("select user_id, is_corporate, _gm_revision from users_enriched order by 1")?;
    ensure!(rows == "1|t|2\n2|t|2\n3|t|2", "{rows}");
    let arguments = [
        "dead-letters",
        "replay",
        "users.toml",
        "--state",
        "replayed",
    ];
    let output = job.command(&arguments)?.output()?;
    ensure!(text(&output.stderr).contains("are settled"));
    Ok(())
}

#[test]
fn a_list_is_short_and_says_how_many_more_there_are() -> Result<()> {
    let job = Job::new("letters_list")?;
    job.edit_pipeline(|text| text.replacen("ratio_max = 0.05", "ratio_max = 1.0", 1))?;
    let events: Vec<Message> = (0..60).map(event).collect();
    job.produce(&events)?;
    let _run = job.run()?;
    job.wait_until_caught_up()?;
    let list = |arguments: &[&str]| {
        let output =
            job.gristmill(&[&["dead-letters", "list", "users.toml"], arguments].concat())?;
        let letters = output
            .lines()
            .filter(|line| line.contains("unknown-op"))
            .count();
        anyhow::Ok((letters, output))
    };
    let (letters, output) = list(&[])?;
    ensure!(
        letters == 50 && output.contains("10 more: --limit 60 shows all"),
        "{output}"
    );
    let (letters, output) = list(&["--limit", "60"])?;
    ensure!(letters == 60 && !output.contains(" more"), "{output}");
    let (letters, output) = list(&["--code", "late"])?;
    ensure!(
        letters == 0 && output.contains("no dead letters"),
        "{output}"
    );
    let (letters, output) = list(&["--partition", "0", "--limit", "1"])?;
    ensure!(letters == 1 && output.contains("59 more"), "{output}");
    Ok(())
}

#[test]
fn a_refused_row_is_found_alone_and_a_replay_never_lets_it_win_over_a_newer_one() -> Result<()> {
    let job = Job::new("refused")?;
    job.psql("alter table users_enriched add constraint no_bob check (name <> 'Bob')")?;
    let event = |id: i64, name: &str, time_ms: i64| {
        let row = json!({ "user_id": id, "name": name });
        let event = json!({ "op": "u", "after": row, "timestamp_ms": time_ms });
        Message::new(0, event.to_string())
    };
    let mut messages: Vec<Message> = (0..500)
        .map(|id| event(id, "Ann", 1_726_531_200_000))
        .collect();
    messages.push(event(1_001, "Bob", 1_726_531_200_000));
    messages.push(event(1_002, "Bob", 1_726_531_200_000));
    messages.extend((500..1_000).map(|id| event(id, "Ann", 1_726_531_200_000)));
    job.produce(&messages)?;
    let mut run = job.run()?;
    job.wait_until_caught_up()?;
    assert_eq!(job.rows()?, 1_000, "{}", job.explain());
    let letters = table::dead_letters(job.postgres, &job.database)?;
    let found: Vec<_> = letters
        .iter()
        .map(|l| (l.offset, l.stage.as_str(), l.code.as_str()))
        .collect();
    assert_eq!(found, [(500, "sink", "refused"), (501, "sink", "refused")]);

    job.produce(&[event(1_002, "Bobby", 1_726_531_200_001)])?;
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

/// What came after a dead letter decides what of it still holds: the topic tells.
#[test]
fn a_replay_folds_the_later_events_of_its_key() -> Result<()> {
    let job = Job::new("letters_folded")?;
    job.psql(
        "alter table users_enriched add column _gm_absent bytea,
        add constraint no_bob check (name <> 'Bob')",
    )?;
    job.edit_pipeline(|text| text.replace("ratio_max = 0.05", "ratio_max = 1.0"))?;
    let event = |id: i64, name: &str, email: &str, time_ms: i64| {
        let row = json!({ "user_id": id, "name": name, "email": email });
        let event = json!({ "op": "u", "after": row, "timestamp_ms": time_ms });
        Message {
            key: Some(id.to_string().into_bytes()),
            ..Message::new(0, event.to_string())
        }
    };
    let unsent = "__debezium_unavailable_value";
    let at = 1_726_531_200_000;
    job.produce(&[
        event(1, "Ann", "ann@one.example", at),
        event(2, "Ann", "ann@one.example", at),
        event(1, "Bob", "bob@two.example", at + 1),
        event(2, "Bob", "bob@two.example", at + 1),
        event(1, unsent, "bob@three.example", at + 2),
        event(2, "Cid", unsent, at + 2),
    ])?;
    let run = job.run()?;
    job.wait_until_caught_up()?;
    let rows = || {
        job.psql(
            "select user_id, name, email, email_domain,
              gristmill.absent_columns('users_enriched', _gm_absent)
            from users_enriched order by 1",
        )
    };
    ensure!(
        rows()?
            == "1|Ann|bob@three.example|three.example|{name}\n\
                2|Cid|ann@one.example|one.example|{email,email_domain,is_corporate}",
        "{}",
        rows()?
    );
    job.psql("alter table users_enriched drop constraint no_bob")?;
    let output = job.gristmill(&["dead-letters", "replay", "users.toml"])?;
    ensure!(output.contains("2 replayed"), "{output}");
    ensure!(
        rows()? == "1|Bob|bob@three.example|three.example|\n2|Cid|bob@two.example|two.example|",
        "{}",
        rows()?
    );
    run.signal("TERM")?;
    Ok(())
}

/// Of a record that cannot be read the key can: what it may have changed counts as unknown, and a
/// replay that comes too late folds what came after it, whether or not the table knows that.
#[test]
fn a_record_that_nobody_could_read_leaves_all_of_its_row_unknown() -> Result<()> {
    let job = Job::new("letters_unread")?;
    job.psql("alter table users_enriched add column _gm_absent bytea")?;
    job.edit_pipeline(|text| {
        let text = text.replace("ratio_max = 0.05", "ratio_max = 1.0");
        text.replace(
            "[dead_letters]",
            "[limits]\nrecord_max_bytes = 2000\n[dead_letters]",
        )
    })?;
    let unsent = "__debezium_unavailable_value";
    let at = 1_726_531_200_000_i64;
    let event = |op: &str, id: i64, (name, email): (&str, &str), seq: i64| {
        let row = json!({ "user_id": id, "name": name, "email": email });
        let event = json!({ "op": op, "kind": "u", "after": row, "timestamp_ms": at + seq });
        Message {
            key: Some(id.to_string().into_bytes()),
            ..Message::new(0, event.to_string())
        }
    };
    let large = "x".repeat(2_000);
    job.produce(&[
        event("c", 1, ("Ann", "ann@one.example"), 0),
        event("c", 2, ("Ann", "ann@one.example"), 0),
        event("c", 3, ("Ann", "ann@one.example"), 0),
        // The normalizer rejects both of them, and the decoder the third.
        event("x", 1, ("Bob", "bob@two.example"), 1),
        event("x", 2, ("Bob", "bob@two.example"), 1),
        event("u", 3, (&large, "bob@two.example"), 1),
        event("u", 1, (unsent, "bob@three.example"), 2),
        event("u", 2, ("Cid", unsent), 2),
        event("u", 3, (unsent, unsent), 2),
    ])?;
    let mut run = job.run()?;
    job.wait_until_caught_up()?;
    let rows = || {
        job.psql(
            "select user_id, name, email, (
              select string_agg(c, ' ')
              from unnest(gristmill.absent_columns('users_enriched', _gm_absent)) as c
              where c in ('name', 'email'))
            from users_enriched order by 1",
        )
    };
    let unknown = "1|Ann|bob@three.example|name\n2|Cid|ann@one.example|email\n\
                   3|Ann|ann@one.example|email name";
    ensure!(rows()? == unknown, "{}", rows()?);
    let listed = job.gristmill(&["absent", "users.toml"])?;
    ensure!(listed.contains("did not send them: 3"), "{listed}");

    // Of the second the table says that it knows all, as an older program leaves it.
    job.psql("update users_enriched set _gm_absent = null where user_id = 2")?;
    let normalizer = ("normalize-cdc", "builtin:normalize-cdc");
    job.swap_rule(normalizer.0, normalizer.1, OPERATION_IN_KIND, &[])?;
    let codes = [
        "dead-letters",
        "replay",
        "users.toml",
        "--code",
        "unknown-op",
    ];
    let output = job.gristmill(&codes)?;
    ensure!(output.contains("2 replayed"), "{output}");
    let known = "1|Bob|bob@three.example|\n2|Cid|bob@two.example|\n\
                 3|Ann|ann@one.example|email name";
    ensure!(rows()? == known, "{}", rows()?);

    // What was too large to be kept is read from the topic again.
    run.kill()?;
    job.edit_pipeline(|text| {
        let text = text.replace("record_max_bytes = 2000", "record_max_bytes = 4000");
        text.replacen(
            "[transform.config]\n",
            "[transform.config]\nop = \"value.kind\"\n",
            1,
        )
    })?;
    let _run = job.run()?;
    job.wait_until_active(3)?;
    let output = job.gristmill(&["dead-letters", "replay", "users.toml"])?;
    ensure!(output.contains("1 replayed"), "{output}");
    let large = format!("3|{large}|bob@two.example|");
    ensure!(rows()?.ends_with(&large), "{}", rows()?);
    Ok(())
}
