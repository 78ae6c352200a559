//! Servers that go away and come back.

use std::io::Write;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::Result;
use gristmill_tests::job::Job;
use gristmill_tests::kafka::Kafka;
use gristmill_tests::postgres::Postgres;
use gristmill_tests::seed::random;
use gristmill_tests::topic::Message;
use rand::Rng;

/// How long a server stays away: longer than the first retries of every client.
const OUTAGE: Duration = Duration::from_secs(4);

#[test]
fn postgres_away_for_a_while_is_waited_for_in_bounded_memory() -> Result<()> {
    let mut random = random("postgres away");
    let postgres = Postgres::start()?;
    let job = Job::on(Kafka::shared()?, &postgres, "postgres_away")?;
    job.generate(10_000, 1_000, random.random())?;
    let mut run = job.run()?;
    job.wait_until_caught_up()?;
    let before = run.resident_bytes()?;

    postgres.kill()?;
    let backlog = large_events(160);
    job.produce(&backlog)?;
    let mut most = 0;
    let outage = Instant::now();
    while outage.elapsed() < OUTAGE {
        assert!(run.exit_status()?.is_none(), "{}", job.log_tail());
        most = most.max(run.resident_bytes()?);
        sleep(Duration::from_millis(100));
    }
    postgres.start_again()?;
    job.wait_until_caught_up()?;
    writeln!(
        std::io::stderr(),
        "resident memory: {} MiB before, at most {} MiB while Postgres was away",
        before >> 20,
        most >> 20
    )?;
    assert!(
        most < before + (96 << 20),
        "{most} bytes of {} were held\n{}",
        bytes(&backlog),
        job.explain()
    );
    assert!(run.exit_status()?.is_none());
    job.check()
}

#[test]
fn postgres_killed_at_random_moments_never_makes_a_flush_count_twice() -> Result<()> {
    let mut random = random("postgres killed");
    let postgres = Postgres::start()?;
    let job = Job::on(Kafka::shared()?, &postgres, "postgres_killed")?;
    job.flush_after(200)?;
    let mut run = job.run()?;
    job.under_load(5_000, random.random(), || {
        for _ in 0..4 {
            job.wait_until_written(job.written()? + 1)?;
            sleep(Duration::from_millis(random.random_range(0..300)));
            postgres.kill()?;
            postgres.start_again()?;
        }
        Ok(())
    })?;
    job.wait_until_caught_up()?;
    assert!(run.exit_status()?.is_none(), "{}", job.explain());
    job.check()
}

#[test]
fn kafka_away_for_a_while_is_waited_for() -> Result<()> {
    let mut random = random("kafka away");
    let kafka = Kafka::start()?;
    let job = Job::on(&kafka, Postgres::shared()?, "kafka_away")?;
    job.flush_after(200)?;
    job.generate(30_000, 1_000, random.random())?;
    let mut run = job.run()?;
    job.wait_until_written(1)?;
    kafka.stop()?;
    sleep(OUTAGE);
    assert!(run.exit_status()?.is_none(), "{}", job.log_tail());
    kafka.start_again()?;
    job.generate(10_000, 1_000, random.random())?;
    job.wait_until_caught_up()?;
    assert!(run.exit_status()?.is_none());
    job.check()
}

/// `mebibytes` of events with long names, over both partitions.
fn large_events(mebibytes: usize) -> Vec<Message> {
    let name = "n".repeat(64 << 10);
    let event = |i: usize| {
        // Beyond the generated keys: of a key that is in two partitions no order is known.
        let id = 1_000_000 + i % 100;
        let value = format!(
            r#"{{"op":"u","after":{{"user_id":{id},"name":"{name}"}},"timestamp_ms":{}}}"#,
            1_726_531_200_000 + i as i64
        );
        Message::new((i % 2) as i32, value)
    };
    (0..mebibytes * 16).map(event).collect()
}

fn bytes(messages: &[Message]) -> usize {
    messages
        .iter()
        .filter_map(|m| m.value.as_ref())
        .map(Vec::len)
        .sum()
}
