//! One run of one contender, from its start to the last row.

use std::fmt;
use std::io::Read;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use gristmill_postgres::wire::connection::{Connection, Database};
use gristmill_tests::kafka::Kafka;
use gristmill_tests::postgres::Postgres;
use gristmill_tests::process::{Folder, Process, tail};

use crate::ceiling;
use crate::contender::{Contender, Place};
use crate::traffic::{TOPIC, Traffic};
use crate::truth::wrong_rows;
use crate::usage::Tree;

/// The slowest that was ever seen to finish took 70 s.
const PATIENCE: Duration = Duration::from_secs(300);
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// The table is at rest when Postgres has written nothing to speak of for so long.
const QUIET: Duration = Duration::from_secs(2);
/// Less than a flush of a few rows; a server that rests writes its statistics and snapshots still.
const QUIET_BYTES: i64 = 16 * 1024;

/// What was seen of a run.
#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    Done(Figures),
    /// Why there are no figures.
    Unfinished(String),
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Figures {
    /// Seconds from its start to the first row in the table.
    pub(crate) first_row_s: f64,
    /// Seconds from its start to the last row.
    pub(crate) total_s: f64,
    /// Seconds from the first row to the last: start-up is a figure of its own.
    pub(crate) events_per_s: f64,
    /// Microseconds of CPU an event.
    pub(crate) cpu_us: f64,
    pub(crate) postgres_cpu_us: f64,
    pub(crate) kafka_cpu_us: f64,
    pub(crate) memory_mib: f64,
    pub(crate) wrong_rows: u64,
}

impl Outcome {
    pub(crate) fn is_unfinished(&self) -> bool {
        matches!(self, Self::Unfinished(_))
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done(figures) => write!(
                f,
                "{:.0} events/s, first row after {:.1} s, {:.1} us of CPU an event, {:.0} MiB, {} \
                 rows wrong",
                figures.events_per_s,
                figures.first_row_s,
                figures.cpu_us,
                figures.memory_mib,
                figures.wrong_rows
            ),
            Self::Unfinished(why) => f.write_str(why),
        }
    }
}

/// Runs `contender` on a database of its own.
pub(crate) fn run(
    contender: &Contender,
    kafka: &Kafka,
    postgres: &Postgres,
    traffic: &Traffic,
    round: usize,
) -> Result<Outcome> {
    let database = format!("{}_{round}", contender.name().replace('-', "_"));
    let folder = Folder::new("gristmill-bench-")?;
    let place = Place {
        bootstrap: kafka.bootstrap(),
        database_url: postgres.create_database(&database)?,
        folder: &folder,
        topic: TOPIC,
        run: format!("{}-{round}", contender.name()),
    };
    place.prepare()?;
    postgres.psql(&database, "checkpoint")?;
    let servers = [Tree(postgres.id()?), Tree(kafka.id()?)];
    let before = servers.map(Tree::cpu_s);
    let begun = Instant::now();
    let mut process = contender.start(&place)?;
    let watched = if contender.is_ceiling() {
        ceiling_times(&mut process)
    } else {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(table_times(
            &place.database_url,
            traffic,
            begun,
            &mut process,
        ))
    };
    let times = match watched {
        Ok(times) => times,
        Err(error) => {
            let log = tail(&folder.path().join("log"));
            return Ok(Outcome::Unfinished(format!("{error:#}\n{log}")));
        }
    };
    let own = Tree(process.id());
    let (cpu_s, memory_mib) = (
        times.cpu_s.unwrap_or_else(|| own.cpu_s()),
        own.memory_max_mib(),
    );
    let used = [0, 1].map(|i| servers[i].cpu_s() - before[i]);
    process.signal("TERM").ok();
    drop(process);
    let wrong_rows = match contender.writes() {
        true => wrong_rows(postgres, &database, &traffic.expected)?,
        false => 0,
    };
    let per_event = |seconds: f64| seconds * 1e6 / traffic.records as f64;
    let figures = Figures {
        first_row_s: times.first_row_s,
        total_s: times.last_row_s,
        events_per_s: traffic.records as f64 / (times.last_row_s - times.first_row_s),
        cpu_us: per_event(cpu_s),
        postgres_cpu_us: per_event(used[0]),
        kafka_cpu_us: per_event(used[1]),
        memory_mib,
        wrong_rows,
    };
    postgres.psql(
        "postgres",
        &format!("drop database {database} with (force)"),
    )?;
    Ok(Outcome::Done(figures))
}

struct Times {
    first_row_s: f64,
    last_row_s: f64,
    /// The contender's own figure, where it knows better.
    cpu_s: Option<f64>,
}

/// A ceiling prepares first, and says how long the part took that counts.
fn ceiling_times(process: &mut Process) -> Result<Times> {
    let mut printed = String::new();
    let mut stdout = process.stdout().context("its standard output")?;
    stdout.read_to_string(&mut printed)?;
    let took = ceiling::took(&printed)?;
    Ok(Times {
        first_row_s: 0.0,
        last_row_s: took.seconds,
        cpu_s: Some(took.cpu_s),
    })
}

/// Watches the table until the last user of each partition is there and nothing more is written.
async fn table_times(
    url: &str,
    traffic: &Traffic,
    begun: Instant,
    process: &mut Process,
) -> Result<Times> {
    let client = Database::new(url, "gristmill-bench")?.connect().await?;
    let mut first_row_s = None;
    let (mut written, mut last_write) = (0, Instant::now());
    loop {
        let seen = look(&client, traffic).await?;
        let now = Instant::now();
        if seen.any && first_row_s.is_none() {
            first_row_s = Some((now - begun).as_secs_f64());
        }
        if seen.written - written > QUIET_BYTES || !seen.done {
            (written, last_write) = (seen.written, now);
        }
        if now - last_write > QUIET {
            return Ok(Times {
                first_row_s: first_row_s.unwrap_or_default(),
                last_row_s: (last_write - begun).as_secs_f64(),
                cpu_s: None,
            });
        }
        if let Some(status) = process.exit_status()? {
            anyhow::bail!("it ended by itself: {status}");
        }
        if now - begun > PATIENCE {
            anyhow::bail!("it did not finish within {} s", PATIENCE.as_secs());
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

struct Seen {
    any: bool,
    /// The last user of each partition is there.
    done: bool,
    /// Bytes of the write-ahead log.
    written: i64,
}

async fn look(client: &Connection, traffic: &Traffic) -> Result<Seen> {
    let sql = "select exists (select from users_enriched), (select count(*) from users_enriched \
               where user_id = any ($1)), (pg_current_wal_insert_lsn() - '0/0')::bigint";
    let row = client.query_one(sql, &[&traffic.last_users]).await?;
    Ok(Seen {
        any: row.get(0),
        done: row.get::<_, i64>(1) == traffic.last_users.len() as i64,
        written: row.get(2),
    })
}
