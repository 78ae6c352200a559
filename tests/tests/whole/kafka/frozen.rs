//! A broker that is there and does not answer: its process is stopped, its sockets stay.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use gristmill_tests::job::Job;
use gristmill_tests::kafka::Kafka;
use gristmill_tests::postgres::Postgres;
use gristmill_tests::process::output;

/// A broker that is frozen as long as this lives.
struct Frozen<'k>(&'k Kafka);

impl<'k> Frozen<'k> {
    fn freeze(kafka: &'k Kafka) -> Result<Self> {
        signal(kafka, "-STOP")?;
        Ok(Self(kafka))
    }
}

impl Drop for Frozen<'_> {
    fn drop(&mut self) {
        let _ = signal(self.0, "-CONT");
    }
}

fn signal(kafka: &Kafka, signal: &str) -> Result<()> {
    let id = kafka.id()?.to_string();
    output(Command::new("kill").args([signal, &id]))?;
    Ok(())
}

#[test]
fn a_frozen_broker_is_named_within_15_s_waited_for_and_left_within_10_s() -> Result<()> {
    let kafka = Kafka::start()?;
    let job = Job::on(&kafka, Postgres::shared()?, "frozen")?;
    job.generate(500, 100, 1)?;
    let mut run = job.run()?;
    job.wait_until_caught_up()?;

    let frozen = Frozen::freeze(&kafka)?;
    let begun = Instant::now();
    job.wait_until_logged("cannot be reached")?;
    let took = begun.elapsed();
    ensure!(
        took < Duration::from_secs(15),
        "{took:?}\n{}",
        job.explain()
    );
    drop(frozen);
    job.wait_until_logged("kafka answers again")?;
    job.generate(500, 100, 2)?;
    job.wait_until_caught_up()?;

    let frozen = Frozen::freeze(&kafka)?;
    std::thread::sleep(Duration::from_secs(3));
    let begun = Instant::now();
    run.signal("TERM")?;
    run.wait(Duration::from_secs(30))?;
    let took = begun.elapsed();
    ensure!(
        took < Duration::from_secs(10),
        "{took:?}\n{}",
        job.explain()
    );
    drop(frozen);
    Ok(())
}
