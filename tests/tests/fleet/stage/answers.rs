//! What becomes of a change that some host is slow to answer, refuses, or never hears of, and of
//! two changes at once. The hosts are rows of `gristmill.host` that the test writes, beside one
//! that really runs.

use std::thread;

use anyhow::{Result, ensure};
use gristmill_tests::job::Job;
use gristmill_tests::process::Process;
use gristmill_tests::program::refusal;
use gristmill_tests::rules::corporate;

#[test]
fn a_swap_waits_for_every_host_and_changes_nothing_when_one_refuses_or_is_silent() -> Result<()> {
    let (job, _run) = with_another_host("answers")?;
    thread::scope(|scope| {
        let swap = scope.spawn(|| swap(&job, "one.example", &[]));
        staged(&job, 2)?;
        job.wait_for("the host that runs to be ready", || {
            let ready = "select count(*) from gristmill.host
                where host <> 'elsewhere/1' and staged_revision = 2";
            Ok(job.number(ready)? == 1)
        })?;
        ensure!(!swap.is_finished() && job.active()? == 1);
        answer(&job, 2, "null")?;
        swap.join().expect("no panic")
    })?;
    ensure!(job.active()? == 2);

    let refused = thread::scope(|scope| {
        let swap = scope.spawn(|| swap(&job, "two.example", &[]));
        staged(&job, 3)?;
        answer(&job, 3, "'its disk is full'")?;
        refusal(swap.join().expect("no panic"))
    })?;
    given_up(
        &job,
        3,
        &refused,
        "host elsewhere/1 refuses it: its disk is full",
    )?;

    let silent = refusal(swap(&job, "two.example", &["--wait", "1"]))?;
    given_up(&job, 4, &silent, "no answer within 1 s from")?;
    ensure!(
        silent.contains("elsewhere/1; look at the log there, or end the process"),
        "{silent}"
    );
    // What the others run is what it was.
    job.users_in_two_batches(8..16, "two.example")?;
    let ran = "select distinct _gm_revision from users_enriched where user_id >= 12";
    ensure!(job.psql(ran)? == "2", "{}", job.explain());
    Ok(())
}

#[test]
fn of_two_changes_at_once_the_later_one_wins_and_the_other_is_told() -> Result<()> {
    let (job, _run) = with_another_host("two_changes")?;
    thread::scope(|scope| {
        let first = scope.spawn(|| swap(&job, "one.example", &[]));
        staged(&job, 2)?;
        let second = scope.spawn(|| swap(&job, "two.example", &[]));
        staged(&job, 3)?;
        let first = refusal(first.join().expect("no panic"))?;
        ensure!(
            first.contains("revision 2 is no longer being staged: another one took its place"),
            "{first}"
        );
        // An answer about the first is none about the second.
        answer(&job, 2, "'it is broken'")?;
        ensure!(job.active()? == 1);
        answer(&job, 3, "null")?;
        second.join().expect("no panic")
    })?;
    ensure!(job.active()? == 3);
    let states = job.states()?;
    ensure!(states == "retired\nretired\nactive", "{states}");
    Ok(())
}

/// A job that runs on one host, and lives on another for an hour.
fn with_another_host(name: &str) -> Result<(Job<'static>, Process)> {
    let job = Job::new(name)?;
    let run = job.run()?;
    job.users_in_two_batches(0..8, "good.example")?;
    job.psql(&format!(
        "insert into gristmill.host (host, pipeline, heartbeat)
        values ('elsewhere/1', '{name}', now() + interval '1 hour')"
    ))?;
    Ok((job, run))
}

/// What the other host says about a revision; `error` is SQL.
fn answer(job: &Job, revision: i64, error: &str) -> Result<()> {
    let sql = "update gristmill.host set staged_revision";
    job.psql(&format!(
        "{sql} = {revision}, error = {error} where host = 'elsewhere/1'"
    ))?;
    Ok(())
}

fn swap(job: &Job, domain: &str, flags: &[&str]) -> Result<String> {
    job.swap("builtin:enrich-email", &corporate(domain), flags)
}

/// Waits until `revision` is staged.
fn staged(job: &Job, revision: i64) -> Result<()> {
    job.wait_for("the revision to be staged", || {
        let staging = job.psql("select staging_revision from gristmill.pipeline")?;
        Ok(staging == revision.to_string())
    })
}

/// The swap output why, the revision says so too, and revision 2 is active as before.
fn given_up(job: &Job, revision: i64, refused: &str, why: &str) -> Result<()> {
    ensure!(
        refused.contains(why) && refused.contains("is not activated, nothing has changed"),
        "{refused}"
    );
    let kept = job.psql(&format!(
        "select state, reason from gristmill.revision where revision = {revision}"
    ))?;
    ensure!(
        kept.starts_with("failed|swap enrich-email") && kept.contains(why),
        "{kept}"
    );
    let staging = job.number("select count(staging_revision) from gristmill.pipeline")?;
    ensure!(job.active()? == 2 && staging == 0);
    Ok(())
}
