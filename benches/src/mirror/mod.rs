//! A table that Debezium captured, mirrored: gristmill beside the ceiling and beside those who read
//! these events by themselves, Kafka Connect with Debezium's own sink and Flink.

mod workload;

use std::io::Read;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use gristmill_postgres::wire::connection::Database;
use gristmill_tests::process::{Folder, Process, tail};
use gristmill_tests::topic;

use crate::ceiling;
use crate::contender::{Absent, Contender, Place};
use crate::scale::{Ground, Table};
use crate::usage::Tree;
use workload::{LAST_ID, PARTITIONS, Source, TABLE, Workload};

/// Kafka Connect took 60 s for as many events on a busy machine.
const PATIENCE: Duration = Duration::from_secs(300);
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Produced at a time: what a producer may hold at once is 1 GiB.
const CHUNK_BYTES: usize = 64 << 20;

/// Whether somebody can read such events.
type Reads = fn(Workload) -> bool;

/// Who reads such events by itself: Kafka Connect's sink, which knows the columns by the schemas
/// alone, and Flink, whose `debezium-json` refuses an update without the row before it.
const RIVALS: [(&str, Reads); 2] = [
    ("kafka-connect", Workload::has_schema),
    ("flink-best", Workload::has_before),
];

/// As short as a file for such a topic is; deletes are for good, as the rival's are.
const PIPELINE: &str = r#"
[pipeline]
name = "users"

[source]
bootstrap = "${KAFKA_BOOTSTRAP}"
topic = "users_cdc"

[[transform]]
name = "normalize"
component = "builtin:normalize-debezium"

[target]
url = "${DATABASE_URL}"
table = "accounts"
delete = "hard"
"#;

/// What a contender took.
struct Figures {
    events_per_s: f64,
    cpu_us: f64,
    postgres_cpu_us: f64,
    memory_mib: f64,
    is_right: bool,
}

/// Each workload with each contender that can read it, once.
pub(crate) fn run(ground: Ground<'_>) -> Result<Table> {
    let events = ground.events(5_000, 300_000);
    let keys = ground.events(1_000, 60_000) as i64;
    let (contenders, absent) = contenders(ground)?;
    let mut rows = Vec::new();
    for workload in Workload::ALL {
        let topic = format!("mirror_{}", workload.name());
        let source = fill(ground, &topic, workload, events, keys)?;
        let mut ceiling = None;
        for contender in &contenders {
            let rival = RIVALS.iter().find(|(name, _)| *name == contender.name());
            if rival.is_some_and(|(_, reads)| !reads(workload)) {
                continue;
            }
            let of_one = OfOne {
                ground,
                contender,
                workload,
                topic: &topic,
                events,
            };
            let figures = of_one.run(&source)?;
            if contender.is_ceiling() {
                ceiling = Some(figures.events_per_s);
            }
            rows.push(cells(workload, contender, &figures, ceiling));
        }
        ground.kafka.delete_topic(&topic)?;
    }
    let mut about = format!(
        "{events} events of Debezium about {keys} rows of nine columns (the initial load: as many \
         rows as events) in two partitions, deletes for good, one run each. `json` has no \
         schemas, and Kafka Connect's sink cannot read it; Flink's `debezium-json` refuses an \
         update without the row before it, which is what PostgreSQL sends by default: it has the \
         load, and `whole before`, of a table with `replica identity full`. Hot keys: Zipf's law \
         with exponent 0.99."
    );
    for (name, why) in absent {
        about.push_str(&format!(" {name} cannot be had: {why}."));
    }
    Ok(Table {
        title: "A captured table mirrored",
        about,
        heads: vec![
            "events",
            "",
            "events/s",
            "of the ceiling",
            "CPU us/event",
            "Postgres us/event",
            "memory MiB",
            "table right",
        ],
        rows,
    })
}

fn contenders(ground: Ground<'_>) -> Result<(Vec<Contender>, Absent)> {
    let mut all = vec![Contender::WriteCeiling, Contender::Gristmill];
    let names = RIVALS.map(|(name, _)| name);
    let wanted = names.into_iter().filter(|name| ground.wants(name));
    let wanted: Vec<_> = wanted.map(str::to_owned).collect();
    // No name stands for everybody.
    if wanted.is_empty() {
        return Ok((all, Vec::new()));
    }
    match Contender::all(&wanted) {
        Ok((rivals, absent)) => {
            all.extend(rivals);
            Ok((all, absent))
        }
        Err(error) => Ok((all, vec![(wanted.join(" or "), format!("{error:#}"))])),
    }
}

fn cells(
    workload: Workload,
    contender: &Contender,
    figures: &Figures,
    ceiling: Option<f64>,
) -> Vec<String> {
    let share = ceiling.map_or("–".to_owned(), |ceiling| {
        format!("{:.2}", figures.events_per_s / ceiling)
    });
    vec![
        workload.name().replace('_', " "),
        contender.name().to_owned(),
        format!("{:.0}", figures.events_per_s),
        share,
        format!("{:.1}", figures.cpu_us),
        format!("{:.1}", figures.postgres_cpu_us),
        match contender.is_ceiling() {
            true => "–".to_owned(),
            false => format!("{:.0}", figures.memory_mib),
        },
        if figures.is_right { "yes" } else { "no" }.to_owned(),
    ]
}

/// Fills the topic, and returns what then knows how the table must end.
fn fill(
    ground: Ground<'_>,
    topic: &str,
    workload: Workload,
    events: u64,
    keys: i64,
) -> Result<Source> {
    ground.kafka.create_topic(topic, PARTITIONS as i32, &[])?;
    let mut source = Source::new(workload, keys);
    let mut left = events - PARTITIONS as u64;
    while left > 0 {
        let (mut messages, mut bytes) = (Vec::new(), 0);
        while left > 0 && bytes < CHUNK_BYTES {
            let message = source.next()?;
            bytes += message.value.as_ref().map_or(0, Vec::len);
            messages.push(message);
            left -= 1;
        }
        topic::write(&ground.kafka.bootstrap(), topic, &messages)?;
    }
    let last = (0..PARTITIONS).map(|partition| source.last(partition));
    let last = last.collect::<Result<Vec<_>>>()?;
    topic::write(&ground.kafka.bootstrap(), topic, &last)?;
    Ok(source)
}

/// One contender on one topic.
struct OfOne<'a> {
    ground: Ground<'a>,
    contender: &'a Contender,
    workload: Workload,
    topic: &'a str,
    events: u64,
}

impl OfOne<'_> {
    fn run(&self, source: &Source) -> Result<Figures> {
        let Ground {
            kafka, postgres, ..
        } = self.ground;
        let folder = Folder::new("gristmill-mirror-")?;
        let database = format!("{}_{}", self.topic, self.contender.name().replace('-', "_"));
        let place = Place {
            bootstrap: kafka.bootstrap(),
            database_url: postgres.create_database(&database)?,
            folder: &folder,
            topic: self.topic,
            run: format!("{}-{}", self.topic, self.contender.name()),
        };
        postgres.psql(&database, TABLE)?;
        place.prepare_changed(|_| Ok(PIPELINE.to_owned()))?;
        postgres.psql(&database, "checkpoint")?;
        let server = Tree(postgres.id()?);
        let before_s = server.cpu_s();
        let mut process = self
            .contender
            .start_mirror(&place, self.workload.has_schema())?;
        let watched = match self.contender.is_ceiling() {
            true => ceiling_took(&mut process),
            false => self.watch(&place.database_url, &mut process),
        };
        let (seconds, cpu_s) = watched.with_context(|| tail(&folder.path().join("log")))?;
        let own = Tree(process.id());
        let (cpu_s, memory_mib) = (cpu_s.unwrap_or_else(|| own.cpu_s()), own.memory_max_mib());
        let postgres_s = server.cpu_s() - before_s;
        process.signal("TERM").ok();
        drop(process);
        let found = postgres.psql(&database, "select count(*), sum(visits) from accounts")?;
        let (rows, visits) = source.expected();
        let drop = format!("drop database {database} with (force)");
        postgres.psql("postgres", &drop)?;
        let per_event = |seconds: f64| seconds * 1e6 / self.events as f64;
        Ok(Figures {
            events_per_s: self.events as f64 / seconds,
            cpu_us: per_event(cpu_s),
            postgres_cpu_us: per_event(postgres_s),
            memory_mib,
            is_right: found == format!("{rows}|{visits}"),
        })
    }

    /// Seconds from the first row to the last one of each partition. It is looked for by one
    /// session and by key: what looking costs Postgres is not to be counted.
    fn watch(&self, url: &str, process: &mut Process) -> Result<(f64, Option<f64>)> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(async {
            let client = Database::new(url, "gristmill-bench")?.connect().await?;
            let last: Vec<i64> = (0..PARTITIONS).map(|p| LAST_ID + p).collect();
            let look = "select exists (select from accounts), (select count(*) from accounts \
                        where id = any ($1))";
            let look = client.prepare(look).await?;
            let (begun, mut first) = (Instant::now(), None);
            loop {
                let seen = client.query_one(&look, &[&last]).await?;
                if first.is_none() && seen.get(0) {
                    first = Some(Instant::now());
                }
                if seen.get::<_, i64>(1) == PARTITIONS {
                    let first = first.context("the last row came before the first")?;
                    return Ok((first.elapsed().as_secs_f64(), None));
                }
                if let Some(status) = process.exit_status()? {
                    bail!("{} ended by itself: {status}", self.contender.name());
                }
                if begun.elapsed() > PATIENCE {
                    bail!("{} did not finish in {PATIENCE:?}", self.contender.name());
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
        })
    }
}

/// A ceiling prepares first, and says how long the part took that counts.
fn ceiling_took(process: &mut Process) -> Result<(f64, Option<f64>)> {
    let mut printed = String::new();
    let mut stdout = process.stdout().context("its standard output")?;
    stdout.read_to_string(&mut printed)?;
    let took = ceiling::took(&printed)?;
    Ok((took.seconds, Some(took.cpu_s)))
}
