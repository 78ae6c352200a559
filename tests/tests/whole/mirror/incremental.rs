//! Rows that the connector reads again amid their changes: what it read is older than what comes
//! later, whatever it says of times and places.

use std::thread::scope;

use anyhow::{Result, anyhow, ensure};
use gristmill_tests::debezium::connect::{Connect, Connector};
use gristmill_tests::debezium::modes::Modes;
use gristmill_tests::debezium::shape::Shape;
use gristmill_tests::debezium::source;
use gristmill_tests::kafka::Kafka;
use gristmill_tests::mirror::capture::rows;
use gristmill_tests::mirror::design::{Column, Table};
use gristmill_tests::mirror::player::Player;
use gristmill_tests::mirror::session::execute;
use gristmill_tests::mirror::settings::Settings;
use gristmill_tests::mirror::stream::{Head, Stream};
use gristmill_tests::postgres::Postgres;
use gristmill_tests::topic;

const DATABASE: &str = "source";

#[test]
fn what_is_read_again_amid_changes_is_not_stale() -> Result<()> {
    let (kafka, postgres) = (Kafka::shared()?, source::start()?);
    postgres.create_database(DATABASE)?;
    // Changes outrun the connector: a row that it reads carries the time at which it is sent.
    let lag = Users::new("lag", 3_000);
    // A transaction that was open while a row was read has a lower place in the log than the row.
    let long = Users::new("long", 20);
    for users in [&lag, &long] {
        postgres.psql(DATABASE, &users.ddl())?;
    }
    postgres.psql(DATABASE, "create publication mirror for all tables")?;
    let connectors = [lag.connector.clone(), long.connector.clone()];
    let mut connect = Connect::start(kafka, &postgres, DATABASE, &connectors)?;
    // A topic that is not there cannot be read: one row of each.
    for users in [&lag, &long] {
        let name = &users.head.table.name;
        postgres.psql(
            DATABASE,
            &format!("update {name} set name = 'a' where id = 1"),
        )?;
    }
    connect.wait_until_sent(kafka, &postgres, DATABASE)?;
    let mut players = [lag.player(kafka)?, long.player(kafka)?];
    let url = postgres.database_url(DATABASE);
    scope(|scope| {
        let scripts = [
            vec![lag.connector.snapshot(), lag.twelve_thousand_updates()],
            vec![
                "begin".to_owned(),
                "update long set name = 'long' where id = 7".to_owned(),
                "select pg_sleep(6)".to_owned(),
                "commit".to_owned(),
            ],
            vec![
                "select pg_sleep(0.5)".to_owned(),
                "update long set name = 'other' where id = 8".to_owned(),
                long.connector.snapshot(),
                "select pg_sleep(4)".to_owned(),
                "update long set name = 'after' where id = 9".to_owned(),
            ],
        ];
        let url = &url;
        let sessions = scripts.map(|script| scope.spawn(move || execute(url, &script)));
        sessions
            .into_iter()
            .try_for_each(|session| session.join().map_err(|_| anyhow!("a session panicked"))?)
    })?;
    connect.wait_until_sent(kafka, &postgres, DATABASE)?;
    for (users, player) in [lag, long].iter().zip(&mut players) {
        player.check(&users.stream(kafka, &postgres)?)?;
    }
    Ok(())
}

/// A table of users that is read by incremental snapshots alone.
struct Users {
    head: Head,
    connector: Connector,
    rows: u32,
}

impl Users {
    fn new(name: &str, rows: u32) -> Self {
        let column = |name: &str, kind: &str| Column {
            name: name.to_owned(),
            kind: kind.to_owned(),
            is_required: false,
            is_external: false,
        };
        let table = Table {
            name: name.to_owned(),
            columns: vec![column("id", "bigint"), column("name", "text")],
            key: 1,
            is_whole_before: false,
        };
        Self {
            head: Head {
                seed: 0,
                shape: Shape::Plain,
                modes: Modes::default(),
                table,
                partitions: 2,
                truncates: false,
            },
            connector: Connector {
                name: name.to_owned(),
                shape: Shape::Plain,
                modes: Modes::default(),
                tables: vec![name.to_owned()],
                partitions: 2,
                further: "snapshot.mode=no_data\nincremental.snapshot.chunk.size=256\n".to_owned(),
            },
            rows,
        }
    }

    fn ddl(&self) -> String {
        let (name, rows) = (&self.head.table.name, self.rows);
        let table = self.head.table.ddl();
        let insert =
            format!("insert into {name} select i, 'first' from generate_series(1, {rows}) i;");
        table + &insert + &self.connector.signal_ddl()
    }

    /// One statement, a transaction for each update, as fast as the server can.
    fn twelve_thousand_updates(&self) -> String {
        let (name, rows) = (&self.head.table.name, self.rows);
        format!(
            "do $$ begin
                perform set_config('synchronous_commit', 'off', false);
                for i in 1..12000 loop
                    update {name} set name = 'v' || i where id = 1 + (i * 1009) % {rows};
                    commit;
                end loop;
            end $$"
        )
    }

    fn topic(&self) -> String {
        self.connector.topic(&self.head.table.name)
    }

    fn player(&self, kafka: &'static Kafka) -> Result<Player<'static>> {
        let name = format!("incremental_{}", self.head.table.name);
        let settings = Settings {
            delete: "hard",
            max_rows: 2_000,
            version: None,
            takes_whole_before: false,
            has_own_names: false,
            registry: None,
        };
        Player::start(
            kafka,
            Postgres::shared()?,
            &self.head,
            &self.topic(),
            &name,
            settings,
        )
    }

    /// An error where the run shows nothing: no row was read.
    fn stream(&self, kafka: &Kafka, postgres: &Postgres) -> Result<Stream> {
        let messages = topic::read(&kafka.bootstrap(), &self.topic())?;
        let is_read = |m: &&topic::Message| {
            let value = m.value.as_deref().unwrap_or_default();
            String::from_utf8_lossy(value).contains(r#""op":"r""#)
        };
        let read = messages.iter().filter(is_read).count();
        ensure!(read > 10, "{read} rows were read");
        let table = &self.head.table;
        Ok(Stream {
            head: self.head.clone(),
            messages,
            rows: rows(postgres, DATABASE, &table.texts(), &table.name)?,
        })
    }
}
