//! Which event of a key is the newer, where the source's own order says it.

use anyhow::Result;
use gristmill_tests::job::Job;
use gristmill_tests::program::refusal;
use gristmill_tests::rules::USERS_AT_MS;
use gristmill_tests::topic::Message;
use gristmill_tests::wait::SOON;
use serde_json::json;

const SHIPPED: &str = "country_code = \"text\" }";
const BY_PLACE: &str = "country_code = \"text\", lsn = \"int64\" }\n\
    paths = { lsn = \"value.lsn\" }\nversion = \"order-first\"\norder = [\"lsn\"]\nepoch = 0";

fn order_first(job: &Job<'_>) -> Result<()> {
    job.edit_pipeline(|text| text.replacen(SHIPPED, BY_PLACE, 1))
}

/// A change of a user's name at this place in the source's log, so many seconds later than others.
fn change(id: i64, name: &str, lsn: i64, seconds: i64) -> Message {
    let event = json!({
        "op": "u", "timestamp_ms": USERS_AT_MS + seconds * 1_000, "lsn": lsn,
        "after": { "user_id": id, "name": name, "email": null, "country_code": null },
    });
    Message::new(0, event.to_string())
}

fn names(job: &Job<'_>) -> Result<String> {
    let sql = "select string_agg(distinct name, ' ' order by name) from users_enriched";
    job.psql(sql)
}

#[test]
fn a_log_that_begins_anew_is_noticed_by_what_the_chain_knows() -> Result<()> {
    a_log_that_begins_anew("new_log_warm", false, 22)
}

#[test]
fn a_log_that_begins_anew_is_noticed_by_what_the_table_has() -> Result<()> {
    a_log_that_begins_anew("new_log_cold", true, 22)
}

/// So much at once that what is suspected reaches back over rows of the old log.
#[test]
fn a_log_that_begins_anew_in_a_burst_is_read_again_from_there_alone() -> Result<()> {
    a_log_that_begins_anew("new_log_burst", false, 62)
}

/// The source is restored: what it sends has lower places in its log. Some keys are new to it.
fn a_log_that_begins_anew(name: &str, is_cold: bool, events: i64) -> Result<()> {
    let job = Job::new(name)?;
    order_first(&job)?;
    let mut run = job.run()?;
    let before = (0..30).map(|id| change(id, "before", 1_000 + id, id));
    job.produce_done(&before.collect::<Vec<_>>())?;
    if is_cold {
        run.signal("TERM")?;
        run.wait(SOON)?;
        run = job.run()?;
    }
    let key = |id| if id < 2 { 100 + id } else { id % 30 };
    let after = (0..events).map(|id| change(key(id), "after", id, 60 + id));
    job.produce(&after.collect::<Vec<_>>())?;
    job.wait_until_halted(1)?;
    let state = job.psql(
        "select next_offset, reason like '%begun anew at offset 32:%gristmill evolve FILE%' \
         from gristmill.checkpoint where partition = 0",
    )?;
    // The rows of new keys before it are there already.
    assert_eq!(state, "32|t", "{}", job.explain());
    assert_eq!(names(&job)?, "after before");

    job.edit_pipeline(|text| text.replacen("epoch = 0", "epoch = 1", 1))?;
    let said = job.gristmill(&["evolve", "users.toml"])?;
    assert!(said.contains("by lsn of epoch 1"), "{said}");
    job.wait_until_caught_up()?;
    let restored = "select count(*) from users_enriched where name = 'after'";
    assert_eq!(job.number(restored)?, events.min(32), "{}", job.explain());
    assert!(run.exit_status()?.is_none(), "{}", job.explain());
    Ok(())
}

#[test]
fn rows_of_an_old_log_may_be_left_out() -> Result<()> {
    let job = Job::new("new_log_left_out")?;
    order_first(&job)?;
    let mut run = job.run()?;
    let before = (0..30).map(|id| change(id, "before", 1_000 + id, id));
    job.produce_done(&before.collect::<Vec<_>>())?;
    let after = (0..40).map(|id| change(id % 30, "after", id, 60 + id));
    job.produce(&after.collect::<Vec<_>>())?;
    job.wait_until_halted(1)?;
    // Another process has no more leave than this one.
    run.signal("TERM")?;
    run.wait(SOON)?;
    let epoch = "select owner_epoch from gristmill.checkpoint where partition = 0";
    let before = job.number(epoch)?;
    let _run = job.run()?;
    job.wait_for("another owner", || Ok(job.number(epoch)? > before))?;
    job.wait_until_halted(1)?;
    assert_eq!(names(&job)?, "before");
    job.gristmill(&["resume", "users.toml", "--partition", "0"])?;
    job.wait_until_caught_up()?;
    assert_eq!((job.halted()?, names(&job)?), (0, "before".to_owned()));
    let counted = job.number("select records from gristmill.checkpoint where partition = 0")?;
    assert_eq!(counted, 70, "what is read again does not count");
    // What came later nobody has seen.
    let after = (0..40).map(|id| change(id % 30, "later", 100 + id, 120 + id));
    job.produce(&after.collect::<Vec<_>>())?;
    job.wait_until_halted(1)
}

#[test]
fn evolve_changes_what_a_changed_file_may_not() -> Result<()> {
    let job = Job::new("evolved")?;
    let mut run = job.run()?;
    job.produce_done(&[change(1, "first", 10, 60), change(2, "first", 11, 60)])?;
    run.signal("TERM")?;
    run.wait(SOON)?;
    order_first(&job)?;
    let refused = refusal(job.gristmill(&["check", "users.toml"]))?;
    assert!(refused.contains("gristmill evolve"), "{refused}");
    let run = job.run();
    job.wait_until_logged("what the pipeline file says is not active")?;
    job.wait_until_logged("`gristmill evolve FILE`")?;
    // By the event time it is the older.
    job.produce_done(&[change(1, "too early", 12, 30)])?;
    assert_eq!((job.active()?, names(&job)?), (1, "first".to_owned()));

    let told = "by lsn, and no longer by the event time (updated_at)";
    let said = job.gristmill(&["evolve", "users.toml", "--dry-run"])?;
    assert!(said.contains(told), "{said}");
    assert_eq!(job.active()?, 1);
    let said = job.gristmill(&["evolve", "users.toml"])?;
    assert!(said.contains(told), "{said}");
    assert_eq!(job.active()?, 2);
    // What the state knew by the event time is not handed over, and the table's rows go by the
    // offset.
    job.produce_done(&[change(1, "higher", 13, 30), change(1, "lower", 9, 90)])?;
    let first = "select name from users_enriched where user_id = 1";
    assert_eq!(job.psql(first)?, "higher", "{}", job.explain());
    let bad = r#"{"op":"u","timestamp_ms":1726531200000,"lsn":20,"after":{"user_id":"x"}}"#;
    job.produce_done(&[Message::new(0, bad)])?;
    let (letters, active) = (job.letters()?, job.active()?);
    assert_eq!((letters, active), (1, 2), "{}", job.explain());
    let previous = job.psql("select previous_revision is null from gristmill.pipeline")?;
    assert_eq!(previous, "t");
    run.map(drop)
}
