//! What halts before it drains a topic into dead letters.

use anyhow::Result;
use gristmill_tests::job::Job;
use gristmill_tests::table;
use gristmill_tests::topic::Message;

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
