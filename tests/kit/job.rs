//! The shipped pipeline `pipelines/users.toml` as a test runs it: through the built program, with
//! topics, a group and a database of its own.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Result;

use crate::kafka::Kafka;
use crate::postgres::Postgres;
use crate::process::{Folder, Process, output, tail};
use crate::program::{gristmill, repository};
use crate::topic::{self, Message};

/// Partitions of the topic, as in the job that is replaced.
const PARTITIONS: i32 = 2;
/// `record_max_bytes` of the shipped pipeline.
pub const RECORD_MAX_BYTES: usize = 1 << 20;

/// One pipeline with everything it needs.
#[derive(Debug)]
pub struct Job<'s> {
    pub kafka: &'s Kafka,
    pub postgres: &'s Postgres,
    /// Where its events are read from.
    pub topic: String,
    /// Where its dead letters are relayed to.
    pub dead_letter_topic: String,
    /// The database of its table.
    pub database: String,
    folder: Folder,
}

impl Job<'static> {
    /// Topics, database and pipeline file called after `name` on the servers that all tests share,
    /// the schema applied.
    pub fn new(name: &str) -> Result<Self> {
        Self::on(Kafka::shared()?, Postgres::shared()?, name)
    }
}

impl<'s> Job<'s> {
    /// A job called `name` on servers that the test may stop, the schema applied.
    pub fn on(kafka: &'s Kafka, postgres: &'s Postgres, name: &str) -> Result<Self> {
        let job = Self {
            kafka,
            postgres,
            topic: format!("users_cdc_{name}"),
            dead_letter_topic: format!("users_cdc_{name}_dlq"),
            database: name.to_owned(),
            folder: Folder::new("gristmill-job-")?,
        };
        postgres.create_database(name)?;
        kafka.create_topic(&job.topic, PARTITIONS, &[])?;
        kafka.create_topic(&job.dead_letter_topic, 1, &[])?;
        job.edit_pipeline(|text| {
            text.replace("users_cdc", &format!("users_cdc_{name}"))
                .replace("name = \"users\"", &format!("name = \"{name}\""))
        })?;
        output(&mut job.command(&["schema", "apply", "users.toml"])?)?;
        Ok(job)
    }

    /// Replaces the job's copy of the pipeline file; `edit` gets the shipped one the first time.
    pub fn edit_pipeline(&self, edit: impl FnOnce(&str) -> String) -> Result<()> {
        let copy = self.folder.path().join("users.toml");
        let shipped = repository().join("pipelines/users.toml");
        let text = std::fs::read_to_string(if copy.exists() { &copy } else { &shipped })?;
        Ok(std::fs::write(copy, edit(&text))?)
    }

    /// `gristmill ARGUMENTS` in the job's folder, where the pipeline is `users.toml`.
    pub fn command(&self, arguments: &[&str]) -> Result<Command> {
        let mut command = Command::new(gristmill()?);
        command.args(arguments).current_dir(self.folder.path());
        command
            .env("KAFKA_BOOTSTRAP", self.kafka.bootstrap())
            .env("DATABASE_URL", self.postgres.database_url(&self.database));
        Ok(command)
    }

    /// `gristmill ARGUMENTS` to its end, with what it printed.
    pub fn gristmill(&self, arguments: &[&str]) -> Result<String> {
        output(&mut self.command(arguments)?)
    }

    /// The job's pipeline file.
    pub fn file(&self) -> PathBuf {
        self.folder.path().join("users.toml")
    }

    /// Flushes after this many rows, so that there are many flushes and something is always under
    /// way.
    pub fn flush_after(&self, max_rows: u32) -> Result<()> {
        let target = format!("[target]\nmax_rows = {max_rows}");
        self.edit_pipeline(|text| text.replacen("[target]", &target, 1))
    }

    /// Starts `gristmill run`. Its log is [`Job::log`].
    pub fn run(&self) -> Result<Process> {
        self.run_files(&[Path::new("users.toml")])
    }

    /// Starts `gristmill run` with these files, relative to the job's folder.
    pub fn run_files(&self, files: &[&Path]) -> Result<Process> {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.folder.path().join("run.log"))?;
        let mut command = self.command(&["run"])?;
        Process::spawn(
            command
                .args(files)
                .stdin(Stdio::null())
                .stdout(log.try_clone()?)
                .stderr(log),
            "KILL",
        )
    }

    /// What all processes that this job ran have logged.
    pub fn log(&self) -> Result<String> {
        Ok(std::fs::read_to_string(self.folder.path().join("run.log"))?)
    }

    /// The end of the log, for messages.
    pub fn log_tail(&self) -> String {
        tail(&self.folder.path().join("run.log"))
    }

    /// Produces `events` generated ones from `seed`, late and bad ones included.
    pub fn generate(&self, events: u32, keys: u32, seed: u64) -> Result<()> {
        let (events, keys, seed) = (events.to_string(), keys.to_string(), seed.to_string());
        let bootstrap = self.kafka.bootstrap();
        let to = ["--topic", &self.topic, "--bootstrap", &bootstrap];
        let load = ["--generate", &events, "--keys", &keys, "--seed", &seed];
        let disorder = ["--late", "10", "--bad", "2"];
        self.gristmill(&[&["produce"][..], &to, &load, &disorder].concat())?;
        Ok(())
    }

    /// Writes events as they are to the topic.
    pub fn produce(&self, events: &[Message]) -> Result<()> {
        topic::write(&self.kafka.bootstrap(), &self.topic, events)
    }

    /// Writes events to the topic at once, so that they make one batch, and waits until they are
    /// done.
    pub fn produce_done(&self, events: &[Message]) -> Result<()> {
        self.produce(events)?;
        self.wait_until_caught_up()
    }
}
