//! Events a second, and the CPU of one, by what an event, a chain and a deployment consist of.

use anyhow::{Context, Result};
use gristmill_tests::process::{Folder, Process};

use super::job::Job;
use super::shape::Shape;
use super::{EVENT_BYTES, Ground, Table};
use crate::usage::Tree;

/// Events before the measured part, so that connections, instances and plans exist.
const WARM_UP_EVENTS: u64 = 2_000;
/// Bytes of a measured part at most: what the page cache and everybody's patience bear.
const MAX_BYTES: usize = 200 << 20;

const HEADS: [&str; 6] = [
    "events/s",
    "CPU us/event",
    "Postgres us/event",
    "Kafka us/event",
    "memory MiB",
    "rows wrong",
];

/// The cells under [`HEADS`] of some thousand events through `processes` of them.
///
/// The processes are stopped while the topic fills, and so begin with all of it before them,
/// connected and with their partitions assigned: what counts is the events alone.
fn measure(ground: Ground<'_>, name: &str, shape: Shape, processes: usize) -> Result<Vec<String>> {
    let folder = Folder::new("gristmill-bench-")?;
    let mut job = Job::new(ground, &folder, name, shape)?;
    let all = (0..processes).map(|_| job.start());
    let all: Vec<Process> = all.collect::<Result<_>>()?;
    job.wait(|progress| progress.owners == processes as i64)?;
    job.produce(WARM_UP_EVENTS)?;
    job.wait_for_all()?;
    for process in &all {
        process.signal("STOP")?;
    }
    let most = MAX_BYTES / (EVENT_BYTES + shape.padding_bytes);
    let events = ground.events(20_000, 300_000).min(most as u64);
    job.produce(events)?;
    let before = job.used(&all)?;
    for process in &all {
        process.signal("CONT")?;
    }
    job.wait_for_all()?;
    let after = job.used(&all)?;
    let memory: f64 = all.iter().map(|p| Tree(p.id()).memory_max_mib()).sum();
    let seconds = (after.at - before.at).as_secs_f64();
    let us = |seconds: f64| format!("{:.1}", seconds * 1e6 / events as f64);
    let cells = vec![
        format!("{:.0}", events as f64 / seconds),
        us(after.own_s - before.own_s),
        us(after.postgres_s - before.postgres_s),
        us(after.kafka_s - before.kafka_s),
        format!("{memory:.0}"),
        job.wrong_rows()?,
    ];
    drop(all);
    job.end()?;
    Ok(cells)
}

const ABOUT: &str = "The topic fills while gristmill is stopped (SIGSTOP), connected and with its \
                     partitions assigned; the figures are from its going on to the last row. \
                     Memory is the highest resident size, of all processes together.";

/// A row for each of `shapes` with what tells it from the others, and how many processes there are.
fn table(
    ground: Ground<'_>,
    title: &'static str,
    label: &[&'static str],
    shapes: impl IntoIterator<Item = (Vec<String>, Shape, usize)>,
) -> Result<Table> {
    let mut rows = Vec::new();
    for (label, shape, processes) in shapes {
        let name = format!("{title} {}", label.join(" "));
        let name = name
            .to_lowercase()
            .replace(|c: char| !c.is_ascii_alphanumeric(), "_");
        let cells = measure(ground, &name, shape, processes).with_context(|| name.clone())?;
        rows.push([label, cells].concat());
    }
    Ok(Table {
        title,
        about: ABOUT.to_owned(),
        heads: [label, &HEADS].concat(),
        rows,
    })
}

pub(super) fn by_size(ground: Ground<'_>) -> Result<Table> {
    let usual = Shape::default();
    let sizes = [EVENT_BYTES, 2_000, 20_000];
    let shapes = [false, true].into_iter().flat_map(|is_name_padded| {
        sizes.map(|size| {
            let padding_bytes = usual.padding_bytes + size - EVENT_BYTES;
            let place = if is_name_padded {
                "the name"
            } else {
                "a field that nothing reads"
            };
            let shape = Shape {
                padding_bytes,
                is_name_padded,
                ..usual
            };
            (vec![size.to_string(), place.to_owned()], shape, 1)
        })
    });
    table(
        ground,
        "Size of a message",
        &["bytes", "most of them in"],
        shapes,
    )
}

pub(super) fn by_columns(ground: Ground<'_>) -> Result<Table> {
    let shapes = [0, 8, 32].map(|more_columns| {
        let shape = Shape {
            more_columns,
            ..Shape::default()
        };
        (vec![(4 + more_columns).to_string()], shape, 1)
    });
    table(ground, "Projected columns", &["columns"], shapes)
}

pub(super) fn by_transforms(ground: Ground<'_>) -> Result<Table> {
    let shapes = [1, 3, 6].map(|transforms| {
        let shape = Shape {
            transforms,
            ..Shape::default()
        };
        (vec![transforms.to_string()], shape, 1)
    });
    table(ground, "Transforms in the chain", &["transforms"], shapes)
}

pub(super) fn by_spread(ground: Ground<'_>) -> Result<Table> {
    let spreads = [(1, 1), (2, 1), (8, 1), (2, 2), (8, 2)];
    let shapes = spreads.map(|(partitions, processes)| {
        let shape = Shape {
            partitions,
            ..Shape::default()
        };
        (
            vec![partitions.to_string(), processes.to_string()],
            shape,
            processes,
        )
    });
    table(
        ground,
        "Partitions and processes",
        &["partitions", "processes"],
        shapes,
    )
}
