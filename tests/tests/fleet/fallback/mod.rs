//! Rows that fail bring the revision before back by themselves where that accepts them, on every partition ([`taken_back`]); data that fails with both never does, also
//! where a row fails because of those beside it ([`stays`]). A canary fails alone.

mod stays;
mod taken_back;

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use gristmill_tests::guests;
use gristmill_tests::job::Job;
use gristmill_tests::process::{Process, wait_until};
use gristmill_tests::topic::{self, Message};
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(60);

/// A host that has written ten users by revision 1, the shipped pipeline.
pub(crate) fn started(job: &Job) -> Result<Process> {
    let run = job.run()?;
    say(job, 0, 0..5, "good.example")?;
    say(job, 1, 5..10, "good.example")?;
    Ok(run)
}

/// Users with addresses in `domain`, written when this returns.
pub(crate) fn say(job: &Job, partition: i32, ids: std::ops::Range<i32>, domain: &str) -> Result<()> {
    job.users(partition, ids, domain)?;
    job.wait_until_caught_up()
}

/// A user's event, so many seconds after those that [`say`] writes. Its time is told in microseconds, too.
fn user(id: i32, email: &str, after_s: i64) -> Message {
    let at_ms = 1_726_531_200_000 + after_s * 1_000;
    let event = json!({
        "op": "c", "timestamp_ms": at_ms, "sent_us": at_ms * 1_000,
        "after": { "user_id": id, "name": "Ann", "email": email },
    });
    Message::new(0, event.to_string())
}

/// Writes events to the topic at once, so that they make one batch; they are done when this returns.
fn tell(job: &Job, events: &[Message]) -> Result<()> {
    topic::write(&job.kafka.bootstrap(), &job.topic, events)?;
    job.wait_until_caught_up()
}

/// The codes of all dead letters.
fn codes(job: &Job) -> Result<String> {
    job.psql("select code from gristmill.dead_letter order by code")
}

/// Puts the shipped normalizer, reading the event time from `path`, in the place of itself.
fn swap_normalizer(job: &Job, path: &str) -> Result<String> {
    let columns =
        json!({ "user_id": "int64", "name": "text", "email": "text", "country_code": "text" });
    let config = json!({ "key": ["user_id"], "columns": columns, "event_time": path });
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("config.json");
    std::fs::write(&file, config.to_string())?;
    let file = file.to_str().context("a path")?;
    let normalizer = ["normalize-cdc", "builtin:normalize-cdc"];
    job.transform(&[&["swap"], &normalizer[..], &["--config", file]].concat())
}

/// Puts the flawed rule in the place of `enrich-email`.
pub(crate) fn swap(job: &Job, config: &Value, flags: &[&str]) -> Result<String> {
    let flawed = guests::build("flawed", env!("CARGO_TARGET_TMPDIR"))?;
    let flawed = flawed.to_str().context("a path")?;
    job.swap(flawed, &config.to_string(), flags)
}

pub(crate) fn active(job: &Job) -> Result<String> {
    job.psql("select active_revision from gristmill.pipeline")
}

fn states(job: &Job) -> Result<String> {
    job.psql("select state from gristmill.revision order by revision")
}

/// Revision 1 is active again, which the newest says with its reason; the host runs it and no partition is halted.
fn back_to_first(job: &Job, why: &str) -> Result<()> {
    wait_until("revision 1 to be active again", SOON, || {
        Ok(active(job)? == "1")
    })
    .with_context(|| job.explain())?;
    let others = states(job)?;
    let others = others.strip_prefix("active").context("revision 1")?;
    ensure!(others.split_whitespace().all(|s| s == "failed"), "{others}");
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
