//! Pausing and resuming while it runs, from outside.

use std::thread::sleep;
use std::time::Duration;

use anyhow::{Result, ensure};
use gristmill_tests::job::Job;
use gristmill_tests::program::printed;
use gristmill_tests::seed::random;
use gristmill_tests::wait::SOON;
use rand::Rng;

/// The exit code and the text of a command.
fn said(job: &Job, arguments: &[&str]) -> Result<(Option<i32>, String)> {
    Ok(printed(job.command(arguments)?.output()?))
}

fn states(job: &Job) -> Result<String> {
    job.psql("select string_agg(state, ' ' order by partition) from gristmill.checkpoint")
}

#[test]
fn what_is_paused_stays_so_over_kills_and_is_done_once() -> Result<()> {
    let mut random = random("paused");
    let job = Job::new("paused")?;
    job.flush_after(200)?;
    let mut run = job.run()?;
    job.under_load(5_000, random.random(), || {
        for _ in 0..3 {
            job.wait_until_written(job.written()? + 1)?;
            sleep(Duration::from_millis(random.random_range(0..300)));
            let (code, text) = said(&job, &["pause", "users.toml", "--reason", "an index"])?;
            ensure!(code == Some(0), "{text}\n{}", job.explain());
            let written = job.written()?;
            run.kill()?;
            run = job.run()?;
            job.wait_until_logged("an index")?;
            job.wait_for("both to be paused", || Ok(states(&job)? == "paused paused"))?;
            sleep(Duration::from_secs(1));
            ensure!(
                job.written()? == written,
                "written while paused\n{}",
                job.explain()
            );
            let (code, text) = said(&job, &["resume", "users.toml"])?;
            ensure!(code == Some(0), "{text}\n{}", job.explain());
        }
        Ok(())
    })?;
    job.wait_until_caught_up()?;
    job.check()
}

#[test]
fn one_partition_is_paused_and_the_other_goes_on() -> Result<()> {
    let job = Job::new("paused_one")?;
    let mut run = job.run()?;
    job.users_on_both_done(0..10, "good.example")?;
    let (_, other) = said(&job, &["pause", "users.toml", "--partition", "2"])?;
    assert!(other.contains("there is no partition 2"), "{other}");
    let reason = ["--reason", "\u{1b}[31mred"];
    let pause = ["pause", "users.toml", "--partition", "0"];
    let (code, text) = said(&job, &[&pause[..], &reason].concat())?;
    assert_eq!(code, Some(0), "{text}");
    let (code, text) = said(&job, &["pause", "users.toml", "--partition", "0"])?;
    assert!(code == Some(0) && text.contains("paused already"), "{text}");
    job.users_on_both(10..20, "good.example")?;
    job.wait_for("partition 1", || {
        let next = "select string_agg(next_offset::text, ' ' order by partition) \
                    from gristmill.checkpoint";
        Ok(job.psql(next)? == "5 10")
    })?;
    let (code, text) = said(&job, &["status", "users.toml"])?;
    assert_eq!(code, Some(0), "a person paused it: {text}");
    assert!(
        text.contains("paused by") && !text.contains('\u{1b}'),
        "{text}"
    );
    // What is paused by itself outlives the pause of all.
    for all in ["pause", "resume"] {
        let (code, text) = said(&job, &[all, "users.toml"])?;
        assert_eq!(code, Some(0), "{all}: {text}\n{}", job.explain());
    }
    let (code, text) = said(&job, &["resume", "users.toml"])?;
    assert!(
        code == Some(1) && text.contains("partition 0 stays paused") && text.contains("red"),
        "{text}"
    );
    assert_eq!(states(&job)?, "paused running");
    let (code, text) = said(&job, &["resume", "users.toml", "--partition", "0"])?;
    assert_eq!(code, Some(0), "{text}");
    job.wait_until_caught_up()?;
    let (code, text) = said(&job, &["resume", "users.toml"])?;
    assert!(
        code == Some(0) && text.contains("nothing to resume"),
        "{text}"
    );
    run.signal("TERM")?;
    run.wait(SOON)?;
    let (code, text) = said(&job, &["status", "users.toml"])?;
    assert!(
        code == Some(1) && text.contains("no process runs"),
        "{text}"
    );
    Ok(())
}

/// Runs the job anew while partition 0 cannot be taken, and checks that `status` says so and that
/// `resume` ends it. `forget`: what is done before to the checkpoints.
fn halts_untaken(job: &Job, forget: &str) -> Result<()> {
    let mut run = job.run()?;
    job.wait_for("both to run", || Ok(states(job)? == "running running"))?;
    run.signal("TERM")?;
    run.wait(SOON)?;
    job.psql(&format!(
        "{forget};
        create function refuse() returns trigger language plpgsql as
        $$ begin raise 'no right' using errcode = '42501'; end $$;
        create trigger refuse before insert or update of owner_epoch on gristmill.checkpoint
        for each row when (new.partition = 0) execute function refuse()"
    ))?;
    let _run = job.run()?;
    job.users_on_both(0..10, "good.example")?;
    job.wait_for("the halt to be shown", || {
        let (code, text) = said(job, &["status", "users.toml"])?;
        Ok(code == Some(1) && text.contains("[0] halted") && text.contains("no right"))
    })?;
    let (code, text) = said(job, &["resume", "users.toml", "--partition", "0"])?;
    assert!(code == Some(1) && text.contains("halted again"), "{text}");
    job.psql("drop function refuse cascade")?;
    let (code, text) = said(job, &["resume", "users.toml", "--partition", "0"])?;
    assert_eq!(code, Some(0), "{text}\n{}", job.explain());
    job.wait_until_caught_up()?;
    job.check()
}

#[test]
fn what_halts_before_it_is_taken_is_shown_and_resumed() -> Result<()> {
    halts_untaken(&Job::new("untaken")?, "select 1")
}

#[test]
fn what_was_never_taken_is_shown_and_resumed() -> Result<()> {
    halts_untaken(
        &Job::new("never_taken")?,
        "delete from gristmill.checkpoint where partition = 0",
    )
}

#[test]
fn a_partition_that_nobody_speaks_of_is_shown() -> Result<()> {
    let job = Job::new("unheard")?;
    let _run = job.run()?;
    job.users_on_both_done(0..10, "good.example")?;
    job.psql("delete from gristmill.checkpoint where partition = 1")?;
    let (code, text) = said(&job, &["status", "users.toml"])?;
    assert!(
        code == Some(1) && text.contains("[1] no process has taken it yet"),
        "{text}"
    );
    Ok(())
}

#[test]
fn the_status_is_json_where_that_is_asked_for() -> Result<()> {
    let job = Job::new("status_json")?;
    let _run = job.run()?;
    job.users_on_both_done(0..10, "good.example")?;
    let output = job.command(&["status", "users.toml", "--json"])?.output()?;
    assert!(output.status.success(), "{output:?}");
    let status: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    assert_eq!(status["pipeline"], "status_json");
    let partition = &status["partitions"][1];
    assert_eq!(
        (&partition["state"], &partition["next_offset"]),
        (&"running".into(), &5.into())
    );
    Ok(())
}

#[test]
fn a_status_without_tables_names_the_next_step() -> Result<()> {
    let job = Job::new("no_tables")?;
    job.psql("drop schema gristmill cascade")?;
    for command in ["status", "pause", "resume"] {
        let (code, text) = said(&job, &[command, "users.toml"])?;
        assert!(
            code == Some(1) && text.contains("gristmill schema apply users.toml"),
            "{text}"
        );
    }
    Ok(())
}

#[test]
fn a_halted_partition_is_resumed_without_a_restart() -> Result<()> {
    let job = Job::new("resumed")?;
    let _run = job.run()?;
    job.users_on_both_done(0..10, "good.example")?;
    job.psql("alter table users_enriched rename name to full_name")?;
    job.users(0, 10..20, "good.example")?;
    job.wait_until_halted(1)?;
    let (code, text) = said(&job, &["status", "users.toml"])?;
    assert!(code == Some(1) && text.contains("[0] halted"), "{text}");
    let (code, text) = said(&job, &["resume", "users.toml", "--partition", "0"])?;
    assert!(code == Some(1) && text.contains("halted again"), "{text}");
    job.psql("alter table users_enriched rename full_name to name")?;
    let (code, text) = said(&job, &["resume", "users.toml", "--partition", "0"])?;
    assert_eq!(code, Some(0), "{text}\n{}", job.explain());
    job.wait_until_caught_up()?;
    assert_eq!(states(&job)?, "running running");
    job.check()
}
