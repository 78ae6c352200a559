//! A real registry that dies while a real Debezium writes Avro and a pipeline reads it.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use gristmill_tests::debezium::connect::{Connect, Connector};
use gristmill_tests::debezium::modes::Modes;
use gristmill_tests::debezium::shape::Shape;
use gristmill_tests::debezium::source;
use gristmill_tests::kafka::Kafka;
use gristmill_tests::mirror::capture::rows;
use gristmill_tests::mirror::design::{Column, Table};
use gristmill_tests::mirror::player::Player;
use gristmill_tests::mirror::settings::Settings;
use gristmill_tests::mirror::stream::{Head, Stream};
use gristmill_tests::postgres::Postgres;
use gristmill_tests::process::wait_until;
use gristmill_tests::registry::apicurio::Apicurio;
use gristmill_tests::topic;

const SOURCE: &str = "avro_source";
const TARGET: &str = "avro_target";

/// How long the registry is dead.
const DEAD: Duration = Duration::from_secs(60);
/// For what a running pipeline does within seconds on a quiet machine.
const SOON: Duration = Duration::from_secs(120);

#[test]
fn a_registry_that_is_dead_for_a_minute_costs_no_record() -> Result<()> {
    let (kafka, target, source) = (Kafka::shared()?, Postgres::shared()?, source::start()?);
    let mut registry = Apicurio::start()?;
    source.create_database(SOURCE)?;
    let table = orders();
    let connector = Connector {
        name: "avro".to_owned(),
        shape: Shape::Avro,
        modes: Modes::default(),
        tables: vec![table.name.clone()],
        partitions: 2,
        further: Shape::avro_properties(&registry.own_url()),
    };
    source.psql(SOURCE, &(table.ddl() + &connector.signal_ddl()))?;
    source.psql(SOURCE, "create publication mirror for all tables")?;
    source.psql(SOURCE, &work(0))?;
    let mut connect = Connect::start(kafka, &source, SOURCE, std::slice::from_ref(&connector))?;
    connect.wait_until_sent(kafka, &source, SOURCE)?;
    let topic = connector.topic(&table.name);
    let head = Head {
        seed: 0,
        shape: Shape::Avro,
        modes: Modes::default(),
        table,
        partitions: 2,
        truncates: false,
    };
    let settings = Settings {
        delete: "hard",
        max_rows: 50,
        version: None,
        takes_whole_before: false,
        has_own_names: false,
        registry: Some(registry.confluent_url()),
    };
    let mut player = Player::start(kafka, target, &head, &topic, TARGET, settings)?;
    player.wait_until_caught_up()?;

    registry.kill();
    let dead = Instant::now();
    // What is known goes on, after a restart, too: schemas are in Postgres.
    source.psql(SOURCE, &work(1))?;
    player.restart()?;
    connect.wait_until_sent(kafka, &source, SOURCE)?;
    player.wait_until_caught_up()?;
    // What is not known waits, and says so.
    target.psql(TARGET, "delete from gristmill.schema")?;
    player.restart()?;
    source.psql(SOURCE, &work(2))?;
    let waits = "select count(*) from gristmill.checkpoint
        where state = 'waiting' and reason like '%schema registry%'";
    wait_until("the pipeline to wait", SOON, || {
        Ok(target.psql(TARGET, waits)? != "0")
    })?;
    while dead.elapsed() < DEAD {
        sleep(Duration::from_secs(1));
        ensure!(target.psql(TARGET, waits)? != "0", "it no longer waits");
    }
    registry.run()?;
    source.psql(SOURCE, &work(3))?;
    connect.wait_until_sent(kafka, &source, SOURCE)?;
    let stream = Stream {
        rows: rows(&source, SOURCE, &head.table.texts(), &head.table.name)?,
        messages: Stream::in_order(registry.in_json(topic::read(&kafka.bootstrap(), &topic)?)?),
        head,
    };
    // No dead letter, and the table is the source's.
    player.check(&stream)
}

fn orders() -> Table {
    let column = |name: &str, kind: &str, is_external: bool| Column {
        name: name.to_owned(),
        kind: kind.to_owned(),
        is_required: false,
        is_external,
    };
    Table {
        name: "orders".to_owned(),
        columns: vec![
            column("id", "bigint", false),
            column("customer", "text", false),
            column("amount", "numeric(12,2)", false),
            column("placed_at", "timestamptz", false),
            column("day", "date", false),
            column("is_paid", "boolean", false),
            column("note", "jsonb", true),
        ],
        key: 1,
        is_whole_before: false,
    }
}

/// Inserts, updates and deletes, other ones each time.
fn work(round: u32) -> String {
    let (from, to) = (round * 500 + 1, round * 500 + 500);
    format!(
        "insert into orders select i, 'c' || i, i / 7.0, now() - i * interval '1 s',
             current_date - i, i % 2 = 0, jsonb_build_object('i', i)
         from generate_series({from}, {to}) i;
         update orders set amount = amount * 2, note = null where id % 3 = 0;
         delete from orders where id % 11 = {round};"
    )
}
