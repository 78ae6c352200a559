//! One case on real servers, by the built program.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread::{self, JoinHandle, sleep};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};

use super::Case;
use super::database;
use super::expected::Found;
use super::kafka_step::{self, Reader};
use super::step::{Settle, Step};
use crate::kafka::Kafka;
use crate::postgres::Postgres;
use crate::process::{Folder, Process};
use crate::program::gristmill;

/// For a command, and for the end of a process that was told to end.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(60);
/// Times what a case allows: it was written for a machine that does nothing else.
const PATIENCE: f64 = 3.0;

/// How a case ended.
#[derive(Debug)]
pub struct Played {
    /// A line for each difference between what was expected and what was found.
    pub differences: Vec<String>,
    found: Found,
    applied: String,
    status: String,
}

/// A case while it is played.
pub(super) struct Play<'c> {
    case: &'c Case,
    kafka: &'static Kafka,
    /// Of database and pipeline.
    name: String,
    topic: String,
    dead_letter_topic: String,
    url: String,
    host_port: String,
    folder: Folder,
    /// The process that runs, or ran last.
    process: Option<Process>,
    is_stopped: bool,
    exit: Option<i32>,
    later: Vec<JoinHandle<Result<()>>>,
    said: String,
}

impl<'c> Play<'c> {
    /// The database and the topics of `case`, and its pipeline file.
    pub(super) fn new(case: &'c Case) -> Result<Self> {
        let (kafka, postgres) = (Kafka::shared()?, Postgres::shared()?);
        let name = format!("case_{}", case.name);
        let play = Self {
            case,
            kafka,
            topic: format!("{name}_t"),
            dead_letter_topic: format!("{name}_dlq"),
            url: postgres.create_database(&name)?,
            host_port: format!("127.0.0.1:{}", postgres.port()),
            name,
            folder: Folder::new("gristmill-case-")?,
            process: None,
            is_stopped: true,
            exit: None,
            later: Vec::new(),
            said: String::new(),
        };
        let topic = &case.topic;
        for (name, partitions, config) in [
            (&play.topic, topic.partitions, &topic.config),
            (&play.dead_letter_topic, 1, &topic.dead_config),
        ] {
            let mut config = texts(config);
            // Records have times of their own, and the tests' broker is quick to delete old ones.
            config
                .entry("retention.ms")
                .or_insert_with(|| "-1".to_owned());
            let config: Vec<_> = config.iter().map(|(k, v)| (*k, v.as_str())).collect();
            kafka.create_topic(name, partitions, &config)?;
        }
        std::fs::write(play.file(), play.fill(&case.pipeline))?;
        File::create(play.log())?;
        Ok(play)
    }

    pub(super) fn play(mut self) -> Result<Played> {
        if let Some(ddl) = &self.case.ddl {
            database::execute(&self.url, &self.fill(ddl))?;
        }
        let file = self.file().display().to_string();
        let (_, applied) = self.gristmill(&["schema", "apply", &file])?;
        let check = self.gristmill(&["check", &file])?;
        for step in &self.case.steps {
            self.step(step)?;
        }
        if self.process.is_none() && check.0 == Some(0) {
            self.start()?;
        }
        for later in self.later.drain(..) {
            later.join().map_err(|_| anyhow!("SQL that runs later"))??;
        }
        if !self.is_stopped {
            // Also where a last step sleeps: it means that everything is read by then.
            self.settle(self.case.seconds)?;
        }
        let (_, status) = self.gristmill(&["status", &file])?;
        self.stop()?;
        let found = self.found(check)?;
        Ok(Played {
            differences: self.case.expect.differences(&found)?,
            found,
            applied,
            status,
        })
    }

    fn step(&mut self, step: &Step) -> Result<()> {
        if let Some(partitions) = step.partitions {
            self.kafka.add_partitions(&self.topic, partitions)?;
        }
        if !step.records.is_empty() {
            kafka_step::write(&self.kafka.bootstrap(), &self.topic, &self.name, step)?;
        }
        if let Some(sql) = &step.sql {
            database::execute(&self.url, &self.fill(sql))?;
        }
        if let Some(sql) = &step.sql_later {
            let (url, sql) = (self.url.clone(), self.fill(sql));
            let after = Duration::from_secs_f64(step.after);
            self.later.push(thread::spawn(move || {
                sleep(after);
                database::execute(&url, &sql)
            }));
        }
        if let Some(command) = &step.command {
            let file = self.file().display().to_string();
            let command = command.replace("@FILE@", &file);
            let words: Vec<_> = command.split_whitespace().collect();
            self.said = self.gristmill(&words)?.1;
        }
        if step.start {
            self.start()?;
        }
        if step.stop {
            self.stop()?;
        }
        match step.settle {
            Some(Settle::Whether(true)) => self.settle(20.0)?,
            Some(Settle::Seconds(seconds)) => self.settle(seconds)?,
            Some(Settle::Whether(false)) | None => {}
        }
        sleep(Duration::from_secs_f64(step.sleep));
        Ok(())
    }

    fn start(&mut self) -> Result<()> {
        let log = File::options().append(true).open(self.log())?;
        let mut command = self.command(&["run"])?;
        command.arg(self.file()).stdin(Stdio::null());
        let command = command.stdout(log.try_clone()?).stderr(log);
        self.process = Some(Process::spawn(command, "KILL")?);
        self.is_stopped = false;
        Ok(())
    }

    fn stop(&mut self) -> Result<()> {
        let Some(process) = self.process.as_mut().filter(|_| !self.is_stopped) else {
            return Ok(());
        };
        if process.exit_status()?.is_none() {
            process.signal("TERM")?;
        }
        self.exit = process.wait(COMMAND_TIMEOUT)?.code();
        self.is_stopped = true;
        Ok(())
    }

    /// Waits until everything is read that is not halted, the process has ended, or so many seconds
    /// (and some more) have passed.
    fn settle(&mut self, seconds: f64) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs_f64(seconds * PATIENCE);
        let reader = Reader::new(&self.kafka.bootstrap(), &self.topic)?;
        let partitions = reader.partitions()?;
        while Instant::now() < deadline && self.is_running()? {
            // Without the schema there are no checkpoints; a case may also keep us out for a while.
            let sql = "select partition, next_offset, state from gristmill.checkpoint";
            let checkpoints = database::rows(&self.url, sql).unwrap_or_default();
            if checkpoints.len() == partitions && !is_behind(&reader, &checkpoints)? {
                return Ok(());
            }
            sleep(Duration::from_millis(200));
        }
        Ok(())
    }

    /// Whether it runs, or nothing is known against it: a case may settle before it starts.
    fn is_running(&mut self) -> Result<bool> {
        match self.process.as_mut().filter(|_| !self.is_stopped) {
            None => Ok(true),
            Some(process) => Ok(process.exit_status()?.is_none()),
        }
    }

    fn found(&self, check: (Option<i32>, String)) -> Result<Found> {
        let is_ready = check.0 == Some(0);
        let rows = |sql: &str| match is_ready {
            true => database::rows(&self.url, sql),
            false => Ok(Vec::new()),
        };
        let query = self.case.expect.query.as_deref();
        Ok(Found {
            rows: query.map_or(Ok(Vec::new()), rows)?,
            letters: rows(
                "select code, message from gristmill.dead_letter
                order by partition, \"offset\", ordinal",
            )?,
            checkpoints: rows(
                "select partition, state, next_offset, reason from gristmill.checkpoint
                order by partition",
            )?,
            check,
            exit: self.exit,
            said: self.said.clone(),
            log: std::fs::read_to_string(self.log())?,
        })
    }

    /// Runs a command of gristmill to its end: how it ended and what it printed.
    fn gristmill(&self, arguments: &[&str]) -> Result<(Option<i32>, String)> {
        let printed = self.folder.path().join("printed");
        let file = File::create(&printed)?;
        let mut command = self.command(arguments)?;
        command.stdin(Stdio::null()).stdout(file.try_clone()?);
        let mut process = Process::spawn(command.stderr(file), "KILL")?;
        let status = process
            .wait(COMMAND_TIMEOUT)
            .with_context(|| format!("gristmill {}", arguments.join(" ")))?;
        Ok((status.code(), std::fs::read_to_string(printed)?))
    }

    fn command(&self, arguments: &[&str]) -> Result<Command> {
        let mut command = Command::new(gristmill()?);
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env("DATABASE_URL", &self.url)
            .env("KAFKA_BOOTSTRAP", self.kafka.bootstrap())
            .env("XDG_STATE_HOME", self.folder.path());
        for (name, value) in &self.case.env {
            command.env(name, self.fill(value));
        }
        Ok(command)
    }

    fn fill(&self, text: &str) -> String {
        text.replace("@TOPIC@", &self.topic)
            .replace("@DLQ@", &self.dead_letter_topic)
            .replace("@NAME@", &self.name)
            .replace("@DB@", &self.name)
            .replace("@DSN@", &self.url)
            .replace("@HOSTPORT@", &self.host_port)
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("pipeline.toml")
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }
}

/// Whether a partition that is not halted has records to read.
fn is_behind(reader: &Reader, checkpoints: &[Vec<String>]) -> Result<bool> {
    for checkpoint in checkpoints {
        let (partition, next_offset) = (checkpoint[0].parse()?, checkpoint[1].parse()?);
        if checkpoint[2] != "halted" && reader.is_behind(partition, next_offset)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn texts(config: &BTreeMap<String, toml::Value>) -> BTreeMap<&str, String> {
    let text = |value: &toml::Value| match value.as_str() {
        Some(text) => text.to_owned(),
        None => value.to_string(),
    };
    config.iter().map(|(k, v)| (k.as_str(), text(v))).collect()
}

impl fmt::Display for Played {
    /// Everything that was seen, for who looks at one case.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = &self.found;
        writeln!(f, "schema apply:\n{}", self.applied)?;
        writeln!(
            f,
            "check ended with {:?}:\n{}",
            found.check.0, found.check.1
        )?;
        writeln!(f, "rows: {:?}", found.rows)?;
        writeln!(f, "dead letters: {:?}", found.letters)?;
        writeln!(f, "checkpoints: {:?}", found.checkpoints)?;
        writeln!(f, "status:\n{}", self.status)?;
        writeln!(f, "the last command said:\n{}", found.said)?;
        write!(f, "exit {:?}, log:\n{}", found.exit, found.log)
    }
}
