//! Kafka Connect with Debezium's connectors, one process for any number of them.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::modes::Modes;
use super::shape::Shape;
use crate::kafka::Kafka;
use crate::postgres::Postgres;
use crate::process::{Folder, Process, free_port, tail, wait_until};
use crate::topic;

/// Five seconds on a quiet machine; the rest is for one whose cores are all compiling.
const START_TIMEOUT: Duration = Duration::from_secs(120);
/// For the connectors to send what they have read.
const SEND_TIMEOUT: Duration = Duration::from_secs(120);
/// Topics that nothing came to for so long have everything.
const QUIET: Duration = Duration::from_secs(2);
/// What a connector logs when it is told to, behind all changes.
const END: &str = "end of the changes";

/// What a connector logs when it has read the tables and begins to read the log.
const STREAMS: &str = "Starting streaming";
/// What a connector logs when it cannot read a table again: it compares its key with text, which
/// PostgreSQL cannot for some types. All else goes on.
const SKIPS: &str = "failed. Skipping it";

/// A connector: which tables it reads, and how it writes them.
#[derive(Clone, Debug)]
pub struct Connector {
    /// Of the connector, its slot and its signal table; topics are called `NAME.public.TABLE`.
    pub name: String,
    pub shape: Shape,
    pub modes: Modes,
    /// Names in the schema `public`.
    pub tables: Vec<String>,
    /// Partitions of each topic.
    pub partitions: i32,
    /// Further properties, a line each; the last line of a name wins.
    pub further: String,
}

/// A worker of its own in a temporary folder. Killed and removed when dropped.
#[derive(Debug)]
pub struct Connect {
    process: Process,
    connectors: Vec<Connector>,
    /// How often connectors were told to log [`END`], all together.
    ends_asked: usize,
    folder: Folder,
}

impl Connect {
    /// Starts a worker with connectors that read `database`, and waits until all have read the
    /// tables and read the log. The publication `mirror` and the connectors' signal tables must be
    /// there.
    ///
    /// # Errors
    ///
    /// When a connector fails; the end of the worker's log is in the error.
    pub fn start(
        kafka: &Kafka,
        postgres: &Postgres,
        database: &str,
        connectors: &[Connector],
    ) -> Result<Self> {
        let folder = Folder::new("gristmill-connect-")?;
        let write = |name: &str, text: String| -> Result<PathBuf> {
            let path = folder.path().join(name);
            std::fs::write(&path, text)?;
            Ok(path)
        };
        let mut command = java()?;
        let worker = include_str!("../../debezium/worker.properties")
            .replace("{bootstrap}", &kafka.bootstrap())
            .replace("{port}", &free_port()?.to_string())
            .replace("{folder}", &folder.path().display().to_string());
        command.arg(write("worker.properties", worker)?);
        for connector in connectors {
            let text = connector.properties(postgres, database);
            command.arg(write(&format!("{}.properties", connector.name), text)?);
        }
        let log = File::create(folder.path().join("connect.log"))?;
        command
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        let process = Process::spawn(&mut command, "KILL")?;
        let mut connect = Self {
            process,
            connectors: connectors.to_vec(),
            ends_asked: 0,
            folder,
        };
        let mut failed = None;
        wait_until("Debezium to read the log", START_TIMEOUT, || {
            failed = connect.check().err();
            Ok(failed.is_some() || connect.log()?.matches(STREAMS).count() >= connectors.len())
        })
        .with_context(|| connect.log_tail())?;
        failed.map_or(Ok(connect), Err)
    }

    /// Waits until all that was done in the tables so far is in the topics.
    pub fn wait_until_sent(
        &mut self,
        kafka: &Kafka,
        postgres: &Postgres,
        database: &str,
    ) -> Result<()> {
        for connector in &self.connectors {
            let data = format!(r#"{{"message": "{END}"}}"#);
            postgres.psql(database, &connector.signal("log", &data))?;
        }
        self.ends_asked += self.connectors.len();
        let mut failed = None;
        wait_until("the connectors to read all", SEND_TIMEOUT, || {
            failed = self.check().err();
            let ends = self.log()?.matches(END).count();
            Ok(failed.is_some() || ends >= self.ends_asked)
        })?;
        failed.map_or(Ok(()), Err)?;
        let begun = Instant::now();
        let mut before = self.ends(kafka)?;
        while begun.elapsed() < SEND_TIMEOUT {
            sleep(QUIET);
            let now = self.ends(kafka)?;
            if now == before {
                return self.check();
            }
            before = now;
        }
        bail!("records still come after {SEND_TIMEOUT:?}")
    }

    /// The ends of all topics' partitions.
    fn ends(&self, kafka: &Kafka) -> Result<Vec<Vec<i64>>> {
        let topics = self
            .connectors
            .iter()
            .flat_map(|c| c.tables.iter().map(|table| c.topic(table)));
        topics
            .map(|topic| topic::ends(&kafka.bootstrap(), &topic))
            .collect()
    }

    /// An error when the worker has ended or a connector has failed, with the end of the log.
    pub fn check(&mut self) -> Result<()> {
        if let Some(status) = self.process.exit_status()? {
            bail!("Kafka Connect ended with {status}:\n{}", self.log_tail());
        }
        let log = self.log()?;
        let failure = log
            .lines()
            .position(|line| line.contains("] ERROR ") && !line.contains(SKIPS));
        if let Some(at) = failure {
            let lines: Vec<_> = log.lines().skip(at).take(30).collect();
            bail!("a connector failed:\n{}", lines.join("\n"));
        }
        Ok(())
    }

    /// The worker's log so far.
    pub fn log(&self) -> Result<String> {
        Ok(std::fs::read_to_string(self.log_file())?)
    }

    fn log_tail(&self) -> String {
        tail(&self.log_file())
    }

    fn log_file(&self) -> PathBuf {
        self.folder.path().join("connect.log")
    }
}

impl Connector {
    /// The topic of a table.
    pub fn topic(&self, table: &str) -> String {
        format!("{}.public.{table}", self.name)
    }

    /// SQL that creates the table in which it looks for signals.
    pub fn signal_ddl(&self) -> String {
        format!(
            "create table signal_{} (id text primary key, type text, data text)",
            self.name
        )
    }

    /// SQL that tells it to read its tables again, amid their changes.
    pub fn snapshot(&self) -> String {
        let tables: Vec<_> = self
            .tables
            .iter()
            .map(|table| format!("\"public.{table}\""))
            .collect();
        let data = format!(
            r#"{{"type": "incremental", "data-collections": [{}]}}"#,
            tables.join(",")
        );
        self.signal("execute-snapshot", &data)
    }

    fn signal(&self, kind: &str, data: &str) -> String {
        format!(
            "insert into signal_{} values (gen_random_uuid(), '{kind}', '{data}')",
            self.name
        )
    }

    fn properties(&self, postgres: &Postgres, database: &str) -> String {
        let tables: Vec<_> = self.tables.iter().map(|t| format!("public.{t}")).collect();
        let text = include_str!("../../debezium/connector.properties")
            .replace("{name}", &self.name)
            .replace("{port}", &postgres.port().to_string())
            .replace("{database}", database)
            .replace("{tables}", &tables.join(","))
            .replace("{partitions}", &self.partitions.to_string());
        text + &self.shape.properties() + &self.modes.properties() + &self.further
    }
}

/// Java with the jars of Debezium and Kafka Connect on its class path. The heap is enough for ten
/// connectors of small tables; the fast compiler alone halves the start.
fn java() -> Result<Command> {
    let jars = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/debezium-libs");
    ensure!(
        jars.join("debezium-connector-postgres-3.6.1.Final.jar")
            .exists(),
        "Debezium's jars are not in target/debezium-libs: `make setup-debezium`"
    );
    let mut command = Command::new("java");
    command.args([
        "-Xmx512m",
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "-Dorg.slf4j.simpleLogger.defaultLogLevel=info",
        "-cp",
    ]);
    // Converters for Avro, which ask nothing of Connect that it does not have.
    let converters = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/registry-converters");
    let mut path = jars.join("*").into_os_string();
    path.push(":");
    path.push(converters.join("*"));
    command.arg(path);
    command.arg("org.apache.kafka.connect.cli.ConnectStandalone");
    Ok(command)
}
