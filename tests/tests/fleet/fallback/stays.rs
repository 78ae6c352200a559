//! Data that fails whatever the rules are.

use anyhow::{Result, ensure};
use gristmill_tests::job::Job;
use gristmill_tests::rules::USERS_AT_MS;
use gristmill_tests::topic::Message;
use serde_json::json;

use super::whole;
use crate::started;

#[test]
fn bad_data_takes_nothing_back() -> Result<()> {
    let job = Job::new("fallback_data")?;
    job.psql("alter table users_enriched add check (email_domain <> 'spoilt.example')")?;
    let _run = started(&job)?;
    job.swap_flawed(&json!({ "rejects": ["bad.example"] }), &[])?;
    // No JSON, a row that no revision could write, and what the new rule declares it rejects.
    job.produce(&[Message::new(0, "{")])?;
    job.users_done(0, 10..11, "spoilt.example")?;
    job.users_done(0, 11..12, "bad.example")?;
    job.users_done(0, 12..20, "good.example")?;
    ensure!(
        job.codes()? == "disliked\nmalformed\nrefused",
        "{}\n{}",
        job.codes()?,
        job.explain()
    );
    ensure!(job.active()? == 2, "{}", job.explain());
    ensure!(
        job.states()? == "retired\nactive",
        "{}\n{}",
        job.states()?,
        job.explain()
    );
    whole(&job, 18)
}

#[test]
fn rows_that_clash_with_each_other_take_nothing_back() -> Result<()> {
    let job = Job::new("fallback_clash")?;
    job.psql("alter table users_enriched add unique (email)")?;
    let _run = started(&job)?;
    job.swap_flawed(&json!({}), &[])?;
    job.users_done(0, 10..20, "good.example")?;
    // Either alone would pass.
    let twins = [20, 21].map(|id| user(id, "twin@good.example", 0));
    job.produce_done(&twins)?;
    ensure!(job.codes()? == "refused", "{}", job.explain());
    ensure!(job.active()? == 2, "{}", job.explain());
    whole(&job, 21)
}

#[test]
fn a_normalizer_of_wrong_times_is_taken_back_and_late_rows_take_nothing_back() -> Result<()> {
    let job = Job::new("fallback_times")?;
    job.edit_pipeline(|text| text.replace("late = \"apply\"", "late = \"dead-letter\""))?;
    let _run = started(&job)?;
    swap_normalizer(&job, "value.timestamp_ms")?;
    job.users_done(0, 10..20, "good.example")?;
    // Late because of the record before it in its batch, and because of the batch before.
    job.produce_done(&[
        user(20, "a@good.example", 60),
        user(21, "b@good.example", 0),
    ])?;
    job.produce_done(&[user(22, "c@good.example", 0)])?;
    ensure!(job.codes()? == "late\nlate", "{}", job.explain());
    ensure!(job.active()? == 2, "{}", job.explain());

    swap_normalizer(&job, "value.sent_us")?;
    // With the second of them for sure.
    for after_s in [61, 62] {
        job.produce_done(&[user(21, "b@good.example", after_s)])?;
    }
    job.wait_until_active(2)?;
    let history = job.transform("history", &[])?;
    ensure!(history.contains("s ahead of the clock"), "{history}");
    ensure!(job.codes()? == "late\nlate", "{}", job.explain());
    whole(&job, 22)
}

#[test]
fn a_format_that_changed_halts_its_partition_once_and_takes_nothing_back() -> Result<()> {
    let job = Job::new("fallback_format")?;
    let _run = started(&job)?;
    job.swap_flawed(&json!({}), &[])?;
    job.users_done(0, 10..20, "good.example")?;
    let broken = vec![Message::new(0, "{"); 2_000];
    job.produce(&broken)?;
    let halted = "select reason from gristmill.checkpoint where state = 'halted'";
    job.wait_for("partition 0 to halt", || {
        Ok(job.psql(halted)?.contains("dead_letters.ratio_max"))
    })?;
    for ids in [20..30, 30..40] {
        job.users(1, ids.clone(), "good.example")?;
        let rows = format!(
            "select count(*) from users_enriched where user_id >= {}",
            ids.start
        );
        job.wait_for("the other partition to go on", || {
            Ok(job.number(&rows)? == 10)
        })?;
    }
    ensure!(job.active()? == 2, "{}", job.explain());
    ensure!(job.states()? == "retired\nactive", "{}", job.states()?);
    // It changed its revision before it halted: nothing newer is to run.
    let again = job.log()?.contains("another revision is to run");
    ensure!(!again, "{}", job.explain());
    Ok(())
}

/// A user's event, so many seconds after those that [`Job::users`] writes. Its time is told in
/// microseconds, too.
fn user(id: i32, email: &str, after_s: i64) -> Message {
    let at_ms = USERS_AT_MS + after_s * 1_000;
    let event = json!({
        "op": "c", "timestamp_ms": at_ms, "sent_us": at_ms * 1_000,
        "after": { "user_id": id, "name": "Ann", "email": email },
    });
    Message::new(0, event.to_string())
}

/// Puts the shipped normalizer, reading the event time from `path`, in the place of itself.
fn swap_normalizer(job: &Job, path: &str) -> Result<String> {
    let columns =
        json!({ "user_id": "int64", "name": "text", "email": "text", "country_code": "text" });
    let config = json!({ "key": ["user_id"], "columns": columns, "event_time": path });
    let config = config.to_string();
    job.swap_rule("normalize-cdc", "builtin:normalize-cdc", &config, &[])
}
