//! What gristmill uses, and makes the servers use, when nothing happens.

use std::thread;
use std::time::Duration;

use anyhow::Result;
use gristmill_tests::process::{Folder, Process};

use super::job::Job;
use super::shape::Shape;
use super::{Ground, Table};

/// The hint to Kafka is written every 5 s, and a server that was busy has things to tidy.
const SETTLE: Duration = Duration::from_secs(6);

pub(super) fn run(ground: Ground<'_>) -> Result<Table> {
    let folder = Folder::new("gristmill-bench-")?;
    let mut job = Job::new(ground, &folder, "idle", Shape::default())?;
    job.produce(ground.events(20_000, 100_000))?;
    thread::sleep(SETTLE);
    let nobody = watch(&job, &[])?;
    let processes = [job.start()?];
    job.wait_for_all()?;
    // Ours is no session that it has to answer for.
    job.disconnect();
    thread::sleep(SETTLE);
    let idle = watch(&job, &processes)?;
    let memory = processes[0].resident_bytes()? >> 20;
    drop(processes);
    let wrong_rows = job.wrong_rows()?;
    job.end()?;
    let row = |what: &str, [own, postgres, kafka]: [f64; 3], memory: String, wrong: String| {
        let cells = [own, postgres, kafka].map(|c| format!("{c:.1}"));
        [vec![what.to_owned()], cells.to_vec(), vec![memory, wrong]].concat()
    };
    let none = || "–".to_owned();
    Ok(Table {
        title: "When nothing happens",
        about: "Of a processor core, per mille, two partitions assigned and all of their events \
                in the table."
            .to_owned(),
        heads: vec![
            "",
            "gristmill",
            "Postgres",
            "Kafka",
            "memory MiB",
            "rows wrong",
        ],
        rows: vec![
            row("servers alone", nobody, none(), none()),
            row("gristmill idle", idle, memory.to_string(), wrong_rows),
        ],
    })
}

/// Per mille of a core: ours, Postgres', Kafka's.
fn watch(job: &Job<'_>, processes: &[Process]) -> Result<[f64; 3]> {
    let before = job.used(processes)?;
    thread::sleep(Duration::from_secs(job.ground.events(2, 10)));
    let after = job.used(processes)?;
    let seconds = (after.at - before.at).as_secs_f64();
    let used = [
        after.own_s - before.own_s,
        after.postgres_s - before.postgres_s,
        after.kafka_s - before.kafka_s,
    ];
    Ok(used.map(|s| s * 1000.0 / seconds))
}
