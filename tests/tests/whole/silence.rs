//! A log that nobody can read, and servers that keep their connections and say nothing.

use std::fs::File;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use gristmill_tests::job::Job;
use gristmill_tests::kafka::Kafka;
use gristmill_tests::postgres::Postgres;
use gristmill_tests::process::{Process, wait_until};
use gristmill_tests::program::printed;

/// What whoever stops a container waits before it is killed.
const STOP: Duration = Duration::from_secs(10);
/// Until the log and `status` must say that a server is silent; a slow machine's share on top.
const SAID: Duration = Duration::from_secs(15 + 15);

#[test]
fn a_log_that_cannot_be_written_stops_neither_partitions_nor_the_end() -> Result<()> {
    let job = Job::new("unlogged")?;
    let (closed, nobody_reads) = std::io::pipe()?;
    drop(closed);
    // Held for as long as the test runs, and never read.
    let (_reader, gets_full) = std::io::pipe()?;
    let no_space = File::options().write(true).open("/dev/full")?;
    let unread: [Stdio; 3] = [nobody_reads.into(), no_space.into(), gets_full.into()];
    for (round, stderr) in (0..).zip(unread) {
        let mut command = job.command(&["run", "users.toml"])?;
        // Lines enough to fill any pipe, from every part of it.
        command.env("RUST_LOG", "trace,wasmtime=off,cranelift=off");
        let command = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(stderr);
        let mut run = Process::spawn(command, "KILL")?;
        job.users_on_both_done(round * 10..round * 10 + 10, "good.example")?;
        sleep(Duration::from_secs(1));
        run.signal("TERM")?;
        let ended = run.wait(STOP)?;
        ensure!(ended.success(), "round {round}: {ended}");
    }
    job.check()
}

/// The server's processes: its own group has only the first.
fn signal(postgres: &Postgres, name: &str) -> Result<()> {
    let server = postgres.id()?.to_string();
    let signal = format!("-{name}");
    Command::new("pkill")
        .args([&signal, "-P", &server])
        .status()?;
    Command::new("kill").args([&signal, &server]).status()?;
    Ok(())
}

#[test]
fn a_frozen_postgres_is_said_waited_for_and_left() -> Result<()> {
    let postgres = Postgres::start()?;
    let job = Job::on(Kafka::shared()?, &postgres, "frozen_postgres")?;
    let mut run = job.run()?;
    job.users_on_both_done(0..10, "good.example")?;
    signal(&postgres, "STOP")?;
    job.users_on_both(10..20, "good.example")?;
    wait_until("the log to say it", SAID, || {
        let log = job.log()?;
        Ok(log.contains("does not answer") && log.contains("waiting:"))
    })?;
    let begun = Instant::now();
    let (code, text) = printed(job.command(&["status", "users.toml"])?.output()?);
    ensure!(
        code == Some(1) && text.contains("answer"),
        "{code:?} {text}"
    );
    ensure!(begun.elapsed() < SAID, "status took {:?}", begun.elapsed());
    signal(&postgres, "CONT")?;
    job.wait_until_caught_up()?;
    let states = "select string_agg(distinct state, ' ') from gristmill.checkpoint";
    job.wait_for("both to run", || Ok(job.psql(states)? == "running"))?;
    // And once more, to its end.
    signal(&postgres, "STOP")?;
    job.users_on_both(20..30, "good.example")?;
    sleep(Duration::from_secs(2));
    run.signal("TERM")?;
    let ended = run.wait(STOP);
    signal(&postgres, "CONT")?;
    ensure!(ended?.success(), "{}", job.explain());
    let _run = job.run()?;
    job.wait_until_caught_up()?;
    job.check()
}

#[test]
fn a_frozen_kafka_is_said_and_left() -> Result<()> {
    let kafka = Kafka::start()?;
    let job = Job::on(&kafka, Postgres::shared()?, "frozen_kafka")?;
    let mut run = job.run()?;
    job.users_on_both_done(0..10, "good.example")?;
    let broker = kafka.id()?.to_string();
    Command::new("kill").args(["-STOP", &broker]).status()?;
    sleep(Duration::from_secs(3));
    let begun = Instant::now();
    let (_, text) = printed(job.command(&["status", "users.toml"])?.output()?);
    ensure!(
        text.contains("lag unknown: kafka does not answer"),
        "{text}"
    );
    ensure!(
        begun.elapsed() < Duration::from_secs(8),
        "status took {:?}",
        begun.elapsed()
    );
    run.signal("TERM")?;
    let ended = run.wait(STOP);
    Command::new("kill").args(["-CONT", &broker]).status()?;
    ensure!(ended?.success(), "{}", job.explain());
    Ok(())
}

#[test]
fn a_start_that_reaches_no_postgres_promises_no_wait() -> Result<()> {
    let job = Job::new("wrong_host")?;
    let mut command = job.command(&["run", "users.toml", "--http", "off"])?;
    command.env("DATABASE_URL", "postgres://app:app@127.0.0.1:1/appdb");
    let (code, text) = printed(command.output()?);
    ensure!(
        code == Some(1) && text.contains("check that it runs") && !text.contains("waiting for it"),
        "{code:?} {text}"
    );
    Ok(())
}
