//! The users pipeline on sample events, with a broker inside this process and a private Postgres in
//! a temporary folder. What runs between them is what always runs.

pub mod generate;
pub mod postgres;
pub mod process;
pub mod user_event;

use std::io::Write;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::definition::builtin;
use crate::definition::file::{self, Config};
use crate::definition::host_sandbox;
use crate::definition::pipeline::Pipeline;
use crate::http::listener::Listen;
use crate::process::PipelineFile;
use gristmill_kafka::embedded::EmbeddedBroker;
use gristmill_kafka::producer::event_producer::EventProducer;
use gristmill_postgres::commit::checkpoint;
use gristmill_postgres::table::schema;
use gristmill_postgres::wire::connection::Database;
use gristmill_sandbox::Sandbox;

use self::postgres::Postgres;

const PIPELINE: &str = include_str!("../../../pipelines/users.toml");
const DATABASE: &str = "appdb";
/// The embedded broker holds a new group back for 3 s; a slow machine may need some more for the
/// rest.
const PATIENCE: Duration = Duration::from_secs(60);

/// One line of the sample data, as far as it is shown.
#[derive(Deserialize)]
struct SampleEvent {
    op: String,
    before: Option<SampleRow>,
    after: Option<SampleRow>,
    timestamp_ms: i64,
}

#[derive(Deserialize)]
struct SampleRow {
    user_id: i64,
    name: String,
}

/// Runs the demo and tells its story on `out`; with `keep` it stays up until `stop`.
pub async fn run(keep: bool, stop: CancellationToken, out: &mut (dyn Write + Send)) -> Result<()> {
    writeln!(
        out,
        "starting a private PostgreSQL and a Kafka broker inside this process ..."
    )?;
    let server = tokio::task::spawn_blocking(Postgres::start).await??;
    let url = server.create_database(DATABASE)?;
    let broker = EmbeddedBroker::start(&[("users_cdc", 2), ("users_cdc_dlq", 1)])?;
    let config = config(&broker.bootstrap(), &url)?;
    let database = Database::new(&url, "gristmill/demo")?;
    let sandbox = host_sandbox::open()?;
    apply_schema(&config, &sandbox, &database).await?;
    let sent = send(&broker.bootstrap(), &config.source.topic, out)?;
    let end = CancellationToken::new();
    let name = config.pipeline.name.clone();
    let file = PipelineFile {
        config,
        replay: None,
    };
    let mut running = tokio::spawn(crate::process::run(
        vec![file],
        sandbox,
        Listen::Off,
        end.clone(),
    ));
    writeln!(
        out,
        "\nthe pipeline {name} reads them, and writes the table users_enriched ...\n"
    )?;
    tokio::select! {
        done = caught_up(&database, &name, sent, &mut running) => done?,
        () = stop.cancelled() => {}
    }
    if !stop.is_cancelled() {
        tell(&server, out)?;
    }
    if keep && !stop.is_cancelled() {
        writeln!(
            out,
            "\nstill running; look around with\n    psql {url}\nand end it with Ctrl-C (kafka is \
             at {})",
            broker.bootstrap()
        )?;
        stop.cancelled().await;
    }
    end.cancel();
    running.await??;
    drop(server);
    writeln!(out, "\nall is stopped and removed.")?;
    Ok(())
}

fn config(bootstrap: &str, url: &str) -> Result<Config> {
    let variable = |name: &str| match name {
        "KAFKA_BOOTSTRAP" => Some(bootstrap.to_owned()),
        "DATABASE_URL" => Some(url.to_owned()),
        _ => None,
    };
    file::parse(PIPELINE, variable)
        .map_err(|problems| anyhow::anyhow!("the shipped pipeline: {problems:?}"))
}

async fn apply_schema(config: &Config, sandbox: &Sandbox, database: &Database) -> Result<()> {
    let pipeline = Pipeline::load(config.clone(), sandbox, database).await?;
    let mut connection = database.connect().await?;
    schema::apply(&mut connection, Some(&pipeline.wanted())).await?;
    Ok(())
}

/// Sends the sample events in their order, telling each. Returns how many.
fn send(bootstrap: &str, topic: &str, out: &mut (dyn Write + Send)) -> Result<i64> {
    let data =
        builtin::data("sample_events").context("the sample events are not in this binary")?;
    let events: Vec<serde_json::Value> = serde_json::from_slice(data)?;
    let producer = EventProducer::new(bootstrap, &Default::default(), topic)?;
    writeln!(out, "\nevents into the topic {topic}:")?;
    for event in &events {
        let told = SampleEvent::deserialize(event)?;
        let row = told
            .after
            .or(told.before)
            .context("a sample event without a row")?;
        let at = jiff::Timestamp::from_millisecond(told.timestamp_ms)?;
        writeln!(out, "    {}  {}  {at}  {}", told.op, row.user_id, row.name)?;
        producer.send(
            Some(row.user_id.to_string().as_bytes()),
            Some(event.to_string().as_bytes()),
        )?;
    }
    producer.finish()?;
    Ok(events.len() as i64)
}

/// Waits until the checkpoints say that `records` are done.
async fn caught_up(
    database: &Database,
    pipeline: &str,
    records: i64,
    running: &mut JoinHandle<Result<()>>,
) -> Result<()> {
    let connection = database.connect().await?;
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let checkpoints = checkpoint::list(&connection, pipeline, 1).await?;
        if checkpoints.iter().map(|c| c.records).sum::<i64>() >= records {
            return Ok(());
        }
        if running.is_finished() {
            running.await??;
            bail!("the pipeline ended before it had read all events");
        }
        ensure!(
            tokio::time::Instant::now() < deadline,
            "the pipeline did not read all events within {PATIENCE:?}: the log above says why"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn tell(server: &Postgres, out: &mut (dyn Write + Send)) -> Result<()> {
    // As wide as a terminal and README allow.
    let table = "select user_id, name, email_domain, country_name, is_deleted, updated_at from \
                 users_enriched order by user_id";
    writeln!(out, "{}", server.psql_table(DATABASE, table)?)?;
    let superseded = server.psql(DATABASE, "select sum(superseded) from gristmill.checkpoint")?;
    let deleted = server.psql(
        DATABASE,
        "select name || ', ' || updated_at from users_enriched where user_id = 101 and not \
         is_deleted",
    )?;
    ensure!(
        !deleted.is_empty(),
        "user 101 is deleted, though the update was newer than the delete"
    );
    writeln!(
        out,
        "\nThe delete of user 101 came in late: its event time is older than that of the update \
         before it.\nSo the update won ({deleted}), and {superseded} events in all\ngave way to \
         newer ones of their key. Each event counted exactly once."
    )?;
    Ok(())
}
