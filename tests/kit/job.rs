//! The shipped pipeline `pipelines/users.toml` as a test runs it: through the built program, with topics, a group and a database of its own.

use std::fs::File;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};

use crate::kafka::Kafka;
use crate::oracle::{self, Expected};
use crate::postgres::Postgres;
use crate::process::{Folder, Process, output, tail, wait_until};
use crate::program::{gristmill, repository};
use crate::table;
use crate::topic;

/// For all records of a test to be written: 100,000 take seconds on a quiet machine.
const CATCH_UP: Duration = Duration::from_secs(180);
/// Partitions of the topic, as in the job that is replaced.
const PARTITIONS: i32 = 2;

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
    /// Topics, database and pipeline file called after `name` on the servers that all tests share, the schema applied.
    pub fn new(name: &str) -> Result<Self> {
        Self::on(Kafka::shared()?, Postgres::shared()?, name)
    }
}

impl<'s> Job<'s> {
    /// The same on servers that the test may stop.
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

    /// Starts `gristmill run`. Its log is [`Job::log`].
    pub fn run(&self) -> Result<Process> {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.folder.path().join("run.log"))?;
        let mut command = self.command(&["run", "users.toml"])?;
        Process::spawn(
            command
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
        let load = [
            "--generate",
            &events,
            "--keys",
            &keys,
            "--seed",
            &seed,
            "--late",
            "10",
            "--bad",
            "2",
        ];
        self.gristmill(&[&["produce"][..], &to, &load].concat())?;
        Ok(())
    }

    /// Does `work` while generated events come, about ten times `events` a second, so that something is always under way.
    pub fn under_load<R: Send>(
        &self,
        events: u32,
        seed: u32,
        work: impl FnOnce() -> Result<R> + Send,
    ) -> Result<R> {
        thread::scope(|scope| {
            let work = scope.spawn(work);
            let mut seeds = u64::from(seed)..;
            while let (false, Some(seed)) = (work.is_finished(), seeds.next()) {
                self.generate(events, 5_000, seed)?;
                thread::sleep(Duration::from_millis(100));
            }
            work.join().expect("no panic")
        })
    }

    /// Records that the checkpoints say are done, all partitions together.
    pub fn written(&self) -> Result<i64> {
        Ok(self
            .psql("select coalesce(sum(next_offset), 0) from gristmill.checkpoint")?
            .parse()?)
    }

    /// What [`Job::written`] is when everything that is in the topic now is done.
    pub fn produced(&self) -> Result<i64> {
        Ok(topic::ends(&self.kafka.bootstrap(), &self.topic)?
            .iter()
            .sum())
    }

    /// Waits until everything that is in the topic now is done.
    pub fn wait_until_caught_up(&self) -> Result<()> {
        self.wait_until_written(self.produced()?)
    }

    /// Waits until `records` are done.
    pub fn wait_until_written(&self, records: i64) -> Result<()> {
        wait_until(
            &format!("{records} records to be written"),
            CATCH_UP,
            || Ok(self.written()? >= records),
        )
        .with_context(|| self.explain())
    }

    /// What the topic's records must lead to.
    pub fn expected(&self) -> Result<Expected> {
        let messages = topic::read(&self.kafka.bootstrap(), &self.topic)?;
        let now_ms = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis() as i64;
        Ok(oracle::expected(&messages, now_ms, RECORD_MAX_BYTES))
    }

    /// An error unless table and dead letters are what the oracle says, and each record was counted once.
    pub fn check(&self) -> Result<()> {
        let expected = self.expected()?;
        table::compare(self.postgres, &self.database, &expected).with_context(|| self.explain())?;
        let counted =
            self.psql("select sum(records), sum(dead_letters) from gristmill.checkpoint")?;
        let right = format!("{}|{}", expected.records, expected.dead_letters.len());
        ensure!(
            counted == right,
            "records and dead letters were counted as {counted}, not {right}\n{}",
            self.explain()
        );
        Ok(())
    }

    /// Runs `sql` in the job's database.
    pub fn psql(&self, sql: &str) -> Result<String> {
        self.postgres.psql(&self.database, sql)
    }

    /// Checkpoints, gaps and the log's end, for messages.
    pub fn explain(&self) -> String {
        let or_error = |result: Result<String>| result.unwrap_or_else(|e| format!("{e:#}"));
        let checkpoints =
            or_error(self.psql("select * from gristmill.checkpoint order by partition"));
        let gaps =
            or_error(self.psql("select * from gristmill.gap order by partition, from_offset"));
        format!(
            "checkpoints:\n{checkpoints}\ngaps:\n{gaps}\nlog:\n{}",
            self.log_tail()
        )
    }
}

/// `record_max_bytes` of the shipped pipeline.
pub const RECORD_MAX_BYTES: usize = 1 << 20;
