//! What halts before it drains a topic into dead letters.

use anyhow::Result;
use gristmill_tests::job::Job;
use gristmill_tests::table;
use gristmill_tests::topic::Message;
use gristmill_tests::wait::SOON;

#[test]
fn a_table_that_changed_halts_and_drains_nothing_into_dead_letters() -> Result<()> {
    let job = Job::new("changed")?;
    job.generate(1_000, 100, 1)?;
    let mut run = job.run()?;
    job.wait_until_caught_up()?;
    let before = table::dead_letters(job.postgres, &job.database)?.len();
    job.psql(
        "alter table users_enriched add column region text not null default 'x';
        alter table users_enriched alter column region drop default",
    )?;
    job.generate(1_000, 100, 2)?;
    job.wait_until_halted(2)?;
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
    job.produce(&vec![changed; 5_000])?;
    let _run = job.run()?;
    job.wait_for("partition 0 to halt", || {
        Ok(job.psql("select state from gristmill.checkpoint where partition = 0")? == "halted")
    })?;
    let unknown = "select count(*) from gristmill.dead_letter where code = 'unknown-op'";
    let letters = job.number(unknown)?;
    assert!(letters < 3_000, "{letters} dead letters\n{}", job.explain());
    Ok(())
}

#[test]
fn a_small_partition_halts_too_and_shows_some_of_what_it_refused() -> Result<()> {
    let job = Job::new("small_format")?;
    job.users(0, 0..100, "good.example")?;
    job.produce(&vec![Message::new(0, "\0\0\0\0\u{1}{}"); 100])?;
    let mut run = job.run()?;
    job.wait_until_halted(1)?;
    let reason = job.psql("select reason from gristmill.checkpoint where partition = 0")?;
    for part in ["`malformed`", "offset 100", "schema registry"] {
        assert!(reason.contains(part), "{part}: {reason}");
    }
    let samples =
        || job.number("select count(*) from gristmill.dead_letter where state = 'sample'");
    assert_eq!(samples()?, 20);
    let listed = job.gristmill(&["dead-letters", "list", "users.toml"])?;
    assert!(
        listed.contains("sample") && listed.contains("malformed"),
        "{listed}"
    );
    assert_eq!(
        job.number("select sum(dead_letters) from gristmill.checkpoint")?,
        0
    );
    // With the limit raised they become letters, each once.
    run.signal("TERM")?;
    run.wait(SOON)?;
    job.edit_pipeline(|text| text.replace("ratio_max = 0.05", "ratio_max = 1.0"))?;
    let _run = job.run()?;
    job.wait_until_caught_up()?;
    assert_eq!((samples()?, job.letters()?), (0, 100));
    job.check()
}

#[test]
fn a_restart_does_not_make_the_brake_forget() -> Result<()> {
    let job = Job::new("brake_restarted")?;
    let mut halted = 0;
    for round in 0..20 {
        let mut run = job.run()?;
        // 10 % are bad, and no batch alone has enough of them.
        job.users(0, round * 90..round * 90 + 90, "good.example")?;
        job.produce(&vec![Message::new(0, "no json"); 10])?;
        let done = job.produced()?;
        job.wait_for("the round", || {
            halted = job.halted()?;
            Ok(halted == 1 || job.written()? == done)
        })?;
        run.kill()?;
        if halted == 1 {
            break;
        }
    }
    assert_eq!(halted, 1, "{}", job.explain());
    Ok(())
}
