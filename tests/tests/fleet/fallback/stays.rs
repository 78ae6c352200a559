//! Data that fails whatever the rules are.

use anyhow::{Context, Result, ensure};
use gristmill_tests::job::Job;
use gristmill_tests::process::wait_until;
use gristmill_tests::topic::{self, Message};
use serde_json::json;

use super::{SOON, active, codes, say, started, states, swap, swap_normalizer, tell, user, whole};

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
    ensure!(
        codes(&job)? == "disliked\nmalformed\nrefused",
        "{}\n{}",
        codes(&job)?,
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
fn rows_that_clash_with_each_other_take_nothing_back() -> Result<()> {
    let job = Job::new("fallback_clash")?;
    job.psql("alter table users_enriched add unique (email)")?;
    let _run = started(&job)?;
    swap(&job, &json!({}), &[])?;
    say(&job, 0, 10..20, "good.example")?;
    // Either alone would pass.
    let twins = [20, 21].map(|id| user(id, "twin@good.example", 0));
    tell(&job, &twins)?;
    ensure!(codes(&job)? == "refused", "{}", job.explain());
    ensure!(active(&job)? == "2", "{}", job.explain());
    whole(&job, 21)
}

#[test]
fn a_normalizer_that_writes_wrong_times_is_taken_back_and_late_rows_take_nothing_back() -> Result<()>
{
    let job = Job::new("fallback_times")?;
    job.edit_pipeline(|text| text.replace("late = \"apply\"", "late = \"dead-letter\""))?;
    let _run = started(&job)?;
    swap_normalizer(&job, "value.timestamp_ms")?;
    say(&job, 0, 10..20, "good.example")?;
    // Late because of the record before it in its batch, and because of the batch before.
    tell(
        &job,
        &[
            user(20, "a@good.example", 60),
            user(21, "b@good.example", 0),
        ],
    )?;
    tell(&job, &[user(22, "c@good.example", 0)])?;
    ensure!(codes(&job)? == "late\nlate", "{}", job.explain());
    ensure!(active(&job)? == "2", "{}", job.explain());

    swap_normalizer(&job, "value.sent_us")?;
    // With the second of them for sure.
    for after_s in [61, 62] {
        tell(&job, &[user(21, "b@good.example", after_s)])?;
    }
    wait_until("revision 2 to be active again", SOON, || {
        Ok(active(&job)? == "2")
    })
    .with_context(|| job.explain())?;
    let history = job.transform(&["history"])?;
    ensure!(history.contains("s ahead of the clock"), "{history}");
    ensure!(codes(&job)? == "late\nlate", "{}", job.explain());
    whole(&job, 22)
}

#[test]
fn a_format_that_changed_halts_its_partition_once_and_takes_nothing_back() -> Result<()> {
    let job = Job::new("fallback_format")?;
    let _run = started(&job)?;
    swap(&job, &json!({}), &[])?;
    say(&job, 0, 10..20, "good.example")?;
    let broken = vec![Message::new(0, "{"); 2_000];
    topic::write(&job.kafka.bootstrap(), &job.topic, &broken)?;
    let halted = "select reason from gristmill.checkpoint where state = 'halted'";
    wait_until("partition 0 to halt", SOON, || {
        Ok(job.psql(halted)?.contains("dead_letters.ratio_max"))
    })
    .with_context(|| job.explain())?;
    for ids in [20..30, 30..40] {
        job.users(1, ids.clone(), "good.example")?;
        let rows = format!(
            "select count(*) from users_enriched where user_id >= {}",
            ids.start
        );
        wait_until("the other partition to go on", SOON, || {
            Ok(job.psql(&rows)? == "10")
        })
        .with_context(|| job.explain())?;
    }
    ensure!(active(&job)? == "2", "{}", job.explain());
    ensure!(states(&job)? == "retired\nactive", "{}", states(&job)?);
    // It changed its revision before it halted: nothing newer is to run.
    let again = job.log()?.contains("another revision is to run");
    ensure!(!again, "{}", job.explain());
    Ok(())
}
