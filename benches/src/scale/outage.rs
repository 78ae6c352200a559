//! Postgres is stopped while events keep coming: how long after its return the table has caught up.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use gristmill_tests::process::Folder;
use rdkafka::ClientConfig;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};

use super::job::Job;
use super::shape::Shape;
use super::{Ground, Table};
use crate::usage::Tree;

/// Events a second.
const RATE: u32 = 20_000;
/// Before the outage, and after the lag is gone.
const AROUND: Duration = Duration::from_secs(2);
/// The lag below which the table counts as caught up.
const LAG_MAX: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(120);

pub(super) fn run(ground: Ground<'_>) -> Result<Table> {
    let outage = Duration::from_secs(ground.events(3, 10));
    let folder = Folder::new("gristmill-bench-")?;
    let mut job = Job::new(ground, &folder, "outage", Shape::default())?;
    let process = job.start()?;
    job.wait(|progress| progress.owners == 1)?;
    let (bootstrap, topic, shape) = (job.place.bootstrap.clone(), job.place.topic, job.shape);
    let stop = AtomicBool::new(false);
    let begun = Instant::now();
    let (produced, caught_up) = thread::scope(|scope| {
        let producer = scope.spawn(|| produce(&bootstrap, topic, shape, begun, &stop));
        let caught_up = catch_up(&mut job, begun, outage);
        stop.store(true, Ordering::Relaxed);
        anyhow::Ok((
            producer
                .join()
                .expect("a thread of the benchmark panicked")?,
            caught_up?,
        ))
    })?;
    job.produced = produced;
    job.wait_for_all()?;
    let memory = Tree(process.id()).memory_max_mib();
    drop(process);
    let row = vec![
        RATE.to_string(),
        outage.as_secs().to_string(),
        caught_up.backlog.to_string(),
        format!("{:.2}", caught_up.first_row_s),
        format!("{:.2}", caught_up.lag_gone_s),
        format!("{memory:.0}"),
        job.wrong_rows()?,
    ];
    job.end()?;
    Ok(Table {
        title: "After an outage of Postgres",
        about: "Events keep coming while Postgres is stopped. Seconds count from its answering \
                again; it has caught up when events are in the table a second after they were due."
            .to_owned(),
        heads: vec![
            "events/s",
            "outage, s",
            "backlog",
            "first row, s",
            "caught up, s",
            "memory MiB",
            "rows wrong",
        ],
        rows: vec![row],
    })
}

struct CaughtUp {
    /// Events that wait when Postgres is back.
    backlog: u64,
    first_row_s: f64,
    lag_gone_s: f64,
}

fn catch_up(job: &mut Job<'_>, begun: Instant, outage: Duration) -> Result<CaughtUp> {
    thread::sleep(AROUND);
    let postgres = job.ground.postgres;
    job.disconnect();
    postgres.stop()?;
    thread::sleep(outage);
    postgres.start_again()?;
    let back = Instant::now();
    let due = |at: Instant| ((at - begun).as_secs_f64() * f64::from(RATE)) as u64;
    let before = job.progress()?.events;
    job.wait(|progress| progress.events > before)?;
    let first_row_s = back.elapsed().as_secs_f64();
    job.wait(|progress| progress.events >= due(Instant::now() - LAG_MAX))?;
    let lag_gone_s = back.elapsed().as_secs_f64();
    thread::sleep(AROUND);
    Ok(CaughtUp {
        backlog: due(back) - before,
        first_row_s,
        lag_gone_s,
    })
}

/// Until told to stop; returns how many.
fn produce(
    bootstrap: &str,
    topic: &str,
    shape: Shape,
    begun: Instant,
    stop: &AtomicBool,
) -> Result<u64> {
    let producer: ThreadedProducer<DefaultProducerContext> = ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .set("linger.ms", "2")
        .create()?;
    let mut n = 0;
    while !stop.load(Ordering::Relaxed) {
        let due = (begun.elapsed().as_secs_f64() * f64::from(RATE)) as u64;
        while n < due {
            let (partition, user, value) = shape.event(n);
            let key = user.to_string();
            let record = BaseRecord::to(topic)
                .partition(partition)
                .key(&key)
                .payload(&value);
            producer
                .send(record)
                .map_err(|(error, _)| error)
                .context("cannot produce")?;
            n += 1;
        }
        thread::sleep(Duration::from_millis(2));
    }
    producer.flush(PATIENCE)?;
    Ok(n)
}
