//! The time from a start to the first row, in the middle of a topic that is filled.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use gristmill_tests::process::{Folder, Process};

use super::job::Job;
use super::shape::Shape;
use super::{Ground, Table};

/// A clean stop waits some seconds at most for what is in flight.
const STOP_TIMEOUT: Duration = Duration::from_secs(30);
/// The time in which PostgreSQL ends what a killed process had sent it.
const SETTLE: Duration = Duration::from_secs(1);

pub(super) fn run(ground: Ground<'_>) -> Result<Table> {
    let folder = Folder::new("gristmill-bench-")?;
    let mut job = Job::new(ground, &folder, "restart", Shape::default())?;
    let events = ground.events(100_000, 600_000);
    job.produce(events)?;
    let (mut process, first_s) = start(&mut job)?;
    job.wait(|progress| progress.events > events / 4)?;
    process.kill()?;
    let (mut process, killed_s) = start(&mut job)?;
    job.wait(|progress| progress.events > events / 2)?;
    let stopping = Instant::now();
    process.signal("TERM")?;
    process.wait(STOP_TIMEOUT)?;
    let stop_s = stopping.elapsed().as_secs_f64();
    let (process, stopped_s) = start(&mut job)?;
    job.wait_for_all()?;
    drop(process);
    let wrong_rows = job.wrong_rows()?;
    job.end()?;
    let row = |what: &str, to_stop: Option<f64>, first_row_s: f64| {
        let to_stop = to_stop.map_or("–".to_owned(), |s| format!("{s:.2}"));
        vec![
            what.to_owned(),
            to_stop,
            format!("{first_row_s:.2}"),
            wrong_rows.clone(),
        ]
    };
    Ok(Table {
        title: "Restart to first row",
        about: "From the start of the process to the first row in the table, with events waiting \
                in both partitions; it starts a second after the one before has ended."
            .to_owned(),
        heads: vec!["", "to stop, s", "first row, s", "rows wrong at the end"],
        rows: vec![
            row("first start", None, first_s),
            row("again after kill -9", None, killed_s),
            row("again after SIGTERM", Some(stop_s), stopped_s),
        ],
    })
}

/// Until more of the topic is in the table than before; seconds.
fn start(job: &mut Job<'_>) -> Result<(Process, f64)> {
    thread::sleep(SETTLE);
    let before = job.progress()?.events;
    let begun = Instant::now();
    let process = job.start()?;
    job.wait(|progress| progress.events > before)?;
    Ok((process, begun.elapsed().as_secs_f64()))
}
