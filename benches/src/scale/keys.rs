//! Resident memory by the keys of the dedup state.

use std::thread;
use std::time::Duration;

use anyhow::Result;
use gristmill_tests::process::Folder;

use super::job::Job;
use super::shape::Shape;
use super::{Ground, Table};
use crate::usage::Tree;

/// The least events of a run, so that one with few keys lasts long enough to hold what any holds.
const MIN_EVENTS: u64 = 300_000;
/// The time in which queues empty and memory goes back to the system.
const REST: Duration = Duration::from_secs(2);

pub(super) fn few(ground: Ground<'_>) -> Result<Table> {
    let keys: &[u64] = match ground.quick {
        true => &[20_000, 200_000],
        false => &[20_000, 200_000, 1_000_000],
    };
    table(ground, "Memory by keys", keys)
}

pub(super) fn many(ground: Ground<'_>) -> Result<Table> {
    table(ground, "Memory with many keys", &[10_000_000])
}

fn table(ground: Ground<'_>, title: &'static str, keys: &[u64]) -> Result<Table> {
    let rows = keys.iter().map(|keys| row(ground, *keys));
    Ok(Table {
        title,
        about: "Resident size of the process: the highest, and two seconds after the last row. \
                Each key is in the dedup state."
            .to_owned(),
        heads: vec!["keys", "events", "highest MiB", "at rest MiB", "rows wrong"],
        rows: rows.collect::<Result<_>>()?,
    })
}

fn row(ground: Ground<'_>, keys: u64) -> Result<Vec<String>> {
    let folder = Folder::new("gristmill-bench-")?;
    let shape = Shape {
        keys,
        ..Shape::default()
    };
    let name = format!("keys_{keys}");
    let mut job = Job::new(ground, &folder, &name, shape)?;
    job.produce(keys.max(MIN_EVENTS))?;
    let process = job.start()?;
    job.wait_for_all()?;
    thread::sleep(REST);
    let highest = Tree(process.id()).memory_max_mib();
    let at_rest = process.resident_bytes()? >> 20;
    drop(process);
    let cells = vec![
        keys.to_string(),
        job.produced.to_string(),
        format!("{highest:.0}"),
        at_rest.to_string(),
        job.wrong_rows()?,
    ];
    job.end()?;
    Ok(cells)
}
