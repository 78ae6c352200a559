//! Processes that are killed, ended, stopped and joined at bad moments.

use std::io::Write;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use gristmill_tests::guests;
use gristmill_tests::job::Job;
use gristmill_tests::process::Process;
use gristmill_tests::seed::random;
use rand::Rng;

/// A clean end takes milliseconds, and a person waits seconds for it.
const EXIT: Duration = Duration::from_secs(10);

#[test]
fn kills_at_random_moments_leave_what_an_undisturbed_run_would() -> Result<()> {
    let mut random = random("kills");
    let job = Job::new("kills")?;
    job.flush_after(200)?;
    // So many that a quiet machine is still on the way at the third kill.
    job.generate(400_000, 5_000, random.random())?;
    let mut killed_on_the_way = 0;
    for _ in 0..6 {
        let before = job.written()?;
        if before >= job.produced()? {
            break;
        }
        let mut run = job.run()?;
        job.wait_until_written(before + 1)?;
        sleep(Duration::from_millis(random.random_range(0..500)));
        run.kill()?;
        killed_on_the_way += u32::from(job.written()? < job.produced()?);
    }
    assert!(
        killed_on_the_way >= 3,
        "the kills came too late to test anything: {killed_on_the_way} of 6 on the way"
    );
    let _run = job.run()?;
    job.wait_until_caught_up()?;
    job.check()
}

#[test]
fn processes_of_one_group_join_and_leave_while_it_runs() -> Result<()> {
    let mut random = random("joining");
    let job = Job::new("joining")?;
    job.flush_after(200)?;
    let mut runs: Vec<Process> = vec![job.run()?];
    for step in 0..6 {
        job.generate(20_000, 5_000, random.random())?;
        sleep(Duration::from_millis(random.random_range(0..1_500)));
        match step % 3 {
            0 => runs.push(job.run()?),
            1 => {
                let mut first = runs.remove(0);
                first.signal("TERM")?;
                assert!(first.wait(EXIT)?.success(), "{}", job.explain());
            }
            _ => {
                runs.push(job.run()?);
                runs.remove(0).kill()?;
            }
        }
    }
    job.wait_until_caught_up()?;
    job.check()
}

#[test]
fn a_termination_signal_ends_it_cleanly_and_loses_nothing() -> Result<()> {
    let mut random = random("termination");
    let job = Job::new("termination")?;
    job.flush_after(200)?;
    job.generate(50_000, 5_000, random.random())?;
    for signal in ["TERM", "INT"] {
        let before = job.written()?;
        let mut run = job.run()?;
        job.wait_until_written(before + 1)?;
        run.signal(signal)?;
        let status = run.wait(EXIT)?;
        assert_eq!(
            status.code(),
            Some(0),
            "{signal}: {status}\n{}",
            job.explain()
        );
    }
    let _run = job.run()?;
    job.wait_until_caught_up()?;
    job.check()
}

#[test]
fn a_restart_after_a_kill_does_not_wait_for_its_own_dead_member() -> Result<()> {
    let mut random = random("restart");
    let job = Job::new("restart")?;
    job.generate(1_000, 100, random.random())?;
    let mut run = job.run()?;
    job.wait_until_caught_up()?;
    run.kill()?;
    job.generate(1_000, 100, random.random())?;
    let started = Instant::now();
    let _run = job.run()?;
    job.wait_until_caught_up()?;
    let took = started.elapsed();
    writeln!(
        std::io::stderr(),
        "restart after kill -9: all written after {took:?}"
    )?;
    // What it must not do is wait for the dead member's session, 10 seconds of the shipped
    // pipeline.
    assert!(
        took < Duration::from_secs(10),
        "{took:?}\n{}",
        job.explain()
    );
    job.check()
}

#[test]
fn a_process_that_is_stopped_again_and_again_convicts_no_row() -> Result<()> {
    let mut random = random("stopped");
    let job = Job::new("stopped")?;
    // A row takes longer than the clock allows for one, and far less than the fuel.
    let slow = format!(
        "{:?}
limits = {{ {}, fuel_per_row = 2_000_000_000 }}",
        guests::build("flawed")?,
        "deadline_base_ms = 0, deadline_per_row_us = 0"
    );
    job.edit_pipeline(|text| {
        text.replace("\"builtin:enrich-email\"", &slow).replace(
            "corporate_domains",
            "idles_on = [\"good.example\"]\ncorporate_domains",
        )
    })?;
    job.flush_after(10)?;
    let run = job.run()?;
    let missed = || -> Result<usize> {
        let log = job.log()?;
        Ok(log.matches("running it again under a fuel limit").count())
    };
    // However fast the machine is: until it was stopped often and has judged often.
    let (mut rounds, mut users) = (0, 0);
    while rounds < 10 || missed()? < 20 {
        ensure!(rounds < 100, "{} calls missed their deadline", missed()?);
        rounds += 1;
        for partition in 0..2 {
            job.users(partition, users..users + 10, "good.example")?;
            users += 10;
        }
        run.signal("STOP")?;
        sleep(Duration::from_millis(random.random_range(20..300)));
        run.signal("CONT")?;
        sleep(Duration::from_millis(random.random_range(20..300)));
    }
    job.wait_until_caught_up()?;
    let written = "select count(*) from users_enriched where email_domain = 'good.example'";
    assert_eq!(job.number(written)?, i64::from(users), "{}", job.explain());
    assert_eq!(job.letters()?, 0, "{}", job.explain());
    Ok(())
}

#[test]
fn partitions_added_while_the_only_process_is_away_are_taken() -> Result<()> {
    let job = Job::new("added_away")?;
    job.generate(200, 50, 1)?;
    let mut run = job.run()?;
    job.wait_until_caught_up()?;
    run.kill()?;
    job.kafka.add_partitions(&job.topic, 6)?;
    job.generate(600, 50, 2)?;
    let _run = job.run()?;
    job.wait_until_caught_up()
}
