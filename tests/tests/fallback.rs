//! Rows that fail bring the revision before back by themselves where that accepts them, on every partition; data that fails with both never does. A canary fails alone.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use gristmill_tests::guests;
use gristmill_tests::job::Job;
use gristmill_tests::process::wait_until;
use gristmill_tests::topic::{self, Message};
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(60);

#[test]
fn a_rule_that_panics_is_taken_back_and_no_row_is_lost() -> Result<()> {
    let job = Job::new("fallback_panic")?;
    let _run = started(&job)?;
    swap(&job, &json!({ "panics_on": ["bad.example"] }), &[])?;
    say(&job, 0, 10..20, "good.example")?;
    ensure!(active(&job)? == "2", "{}", job.explain());
    say(&job, 0, 20..21, "bad.example")?;
    say(&job, 1, 21..30, "good.example")?;
    back_to_first(&job, "a domain to panic on")?;
    whole(&job, 30)?;
    // The other partition went back too, with its next records.
    say(&job, 1, 30..40, "bad.example")?;
    whole(&job, 40)
}

#[test]
fn a_rule_whose_rows_postgres_refuses_is_taken_back() -> Result<()> {
    let job = Job::new("fallback_refused")?;
    job.psql("alter table users_enriched add check (email_domain <> 'spoilt.example')")?;
    let _run = started(&job)?;
    swap(&job, &json!({ "spoils": ["bad.example"] }), &[])?;
    say(&job, 0, 10..30, "bad.example")?;
    back_to_first(&job, "postgres refuses the row")?;
    whole(&job, 30)
}

#[test]
fn a_rule_that_fails_on_more_rows_than_data_can_is_taken_back() -> Result<()> {
    let job = Job::new("fallback_all")?;
    let _run = started(&job)?;
    swap(&job, &json!({ "panics_on": ["bad.example"] }), &[])?;
    say(&job, 0, 10..1_000, "bad.example")?;
    back_to_first(&job, "failed on more than")?;
    whole(&job, 1_000)
}

#[test]
fn bad_data_takes_nothing_back() -> Result<()> {
    let job = Job::new("fallback_data")?;
    job.psql("alter table users_enriched add check (email_domain <> 'spoilt.example')")?;
    let _run = started(&job)?;
    swap(&job, &json!({ "rejects": ["bad.example"] }), &[])?;
    // No JSON, a row that no revision could write, and what the new rule declares it rejects.
    topic::write(&job.kafka.bootstrap(), &job.topic, &[Message::new(0, "{")])?;
    say(&job, 0, 10..11, "spoilt.example")?;
    say(&job, 0, 11..12, "bad.example")?;
    say(&job, 0, 12..20, "good.example")?;
    let letters = job.psql("select code from gristmill.dead_letter order by code")?;
    ensure!(
        letters == "disliked\nmalformed\nrefused",
        "{letters}\n{}",
        job.explain()
    );
    ensure!(active(&job)? == "2", "{}", job.explain());
    ensure!(
        states(&job)? == "retired\nactive",
        "{}\n{}",
        states(&job)?,
        job.explain()
    );
    whole(&job, 18)
}

#[test]
fn a_canary_runs_on_its_partition_is_promoted_and_fails_alone() -> Result<()> {
    let job = Job::new("canary")?;
    let _run = started(&job)?;
    let rules = json!({ "corporate_domains": ["good.example"] });
    swap(&job, &rules, &["--canary", "1"])?;
    let corporate = |id: i32| {
        job.psql(&format!(
            "select is_corporate from users_enriched where user_id = {id}"
        ))
    };
    // With the first record that a partition reads after it was told, and from the second batch on for sure.
    for partition in [0, 1] {
        say(&job, partition, 10..11, "none.example")?;
        say(
            &job,
            partition,
            20 + partition..21 + partition,
            "good.example",
        )?;
    }
    ensure!(
        corporate(20)? == "f",
        "partition 0 runs it\n{}",
        job.explain()
    );
    ensure!(
        corporate(21)? == "t",
        "partition 1 does not\n{}",
        job.explain()
    );
    let second = swap(&job, &rules, &[])
        .err()
        .context("a second change while a canary runs")?;
    ensure!(
        format!("{second:#}").contains("a canary runs"),
        "{second:#}"
    );

    job.transform(&["promote"])?;
    say(&job, 0, 30..31, "none.example")?;
    say(&job, 0, 31..32, "good.example")?;
    ensure!(corporate(31)? == "t", "{}", job.explain());

    let nowhere = swap(&job, &json!({}), &["--canary", "7"]).err();
    let nowhere = format!("{:#}", nowhere.context("a partition that is not there")?);
    ensure!(nowhere.contains("there is no partition 7"), "{nowhere}");

    // What fails on the canary's partition gives the canary up; by hand, `rollback` does.
    swap(
        &job,
        &json!({ "panics_on": ["bad.example"] }),
        &["--canary", "0"],
    )?;
    say(&job, 0, 40..41, "none.example")?;
    say(&job, 0, 41..42, "bad.example")?;
    ensure!(active(&job)? == "2", "{}", job.explain());
    ensure!(job.psql("select staging_revision is null from gristmill.pipeline")? == "t");
    ensure!(
        job.psql("select count(*) from gristmill.dead_letter")? == "0",
        "{}",
        job.explain()
    );
    swap(
        &job,
        &json!({ "corporate_domains": ["none.example"] }),
        &["--canary", "0"],
    )?;
    let given_up = job.transform(&["rollback", "enrich-email"])?;
    ensure!(given_up.contains("is given up"), "{given_up}");
    let history = job.transform(&["history"])?;
    ensure!(
        history.contains("rolled back by itself") && history.contains("given up by"),
        "{history}"
    );
    Ok(())
}

/// A host that has written ten users by revision 1, the shipped pipeline.
fn started(job: &Job) -> Result<gristmill_tests::process::Process> {
    let run = job.run()?;
    say(job, 0, 0..5, "good.example")?;
    say(job, 1, 5..10, "good.example")?;
    Ok(run)
}

/// Users with addresses in `domain`, written when this returns.
fn say(job: &Job, partition: i32, ids: std::ops::Range<i32>, domain: &str) -> Result<()> {
    job.users(partition, ids, domain)?;
    job.wait_until_caught_up()
}

/// Puts the flawed rule in the place of `enrich-email`.
fn swap(job: &Job, config: &Value, flags: &[&str]) -> Result<String> {
    let flawed = guests::build("flawed", env!("CARGO_TARGET_TMPDIR"))?;
    let flawed = flawed.to_str().context("a path")?;
    job.swap(flawed, &config.to_string(), flags)
}

fn active(job: &Job) -> Result<String> {
    job.psql("select active_revision from gristmill.pipeline")
}

fn states(job: &Job) -> Result<String> {
    job.psql("select state from gristmill.revision order by revision")
}

/// Revision 1 is active again, which revision 2 says with its reason; the host runs it and no partition is halted.
fn back_to_first(job: &Job, why: &str) -> Result<()> {
    wait_until("revision 1 to be active again", SOON, || {
        Ok(active(job)? == "1")
    })
    .with_context(|| job.explain())?;
    ensure!(states(job)? == "active\nfailed", "{}", states(job)?);
    let history = job.transform(&["history"])?;
    ensure!(
        history.contains("rolled back by itself") && history.contains(why),
        "{history}"
    );
    Ok(())
}

/// Users from 0 on are in the table, and none is a dead letter of a failing rule.
fn whole(job: &Job, users: i64) -> Result<()> {
    let rows = job.psql("select count(*) from users_enriched")?;
    ensure!(rows == users.to_string(), "{rows} rows\n{}", job.explain());
    let failed =
        job.psql("select count(*) from gristmill.dead_letter where code like 'transform-%'")?;
    ensure!(failed == "0", "{failed} dead letters\n{}", job.explain());
    let halted = job.psql("select count(*) from gristmill.checkpoint where state = 'halted'")?;
    ensure!(halted == "0", "{}", job.explain());
    Ok(())
}
