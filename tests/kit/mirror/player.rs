//! Records of a stream through the built program.

use std::fs::File;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rand::Rng;
use rand::rngs::SmallRng;

use super::kind::TYPES;
use super::pipeline::Pipeline;
use super::settings::Settings;
use super::stream::{Head, Stream};
use super::verdict;
use crate::kafka::Kafka;
use crate::postgres::Postgres;
use crate::process::{Folder, Process, output, tail, wait_until};
use crate::program::gristmill;
use crate::rules::config_file;
use crate::topic;

/// For all records of a stream to be written: a second on a quiet machine.
const CATCH_UP: Duration = Duration::from_secs(120);

/// A pipeline between a topic and a table that is made like its source.
#[derive(Debug)]
pub struct Player<'s> {
    kafka: &'s Kafka,
    postgres: &'s Postgres,
    pipeline: Pipeline,
    folder: Folder,
    process: Option<Process>,
    /// On another host, as it were: some of the time.
    second: Option<Process>,
    /// How often a rule was changed.
    swaps: u32,
}

impl<'s> Player<'s> {
    /// A database and a table for `head` and a pipeline from `topic`, both called after `name`, and
    /// a process that runs it.
    pub fn start(
        kafka: &'s Kafka,
        postgres: &'s Postgres,
        head: &Head,
        topic: &str,
        name: &str,
        settings: Settings,
    ) -> Result<Self> {
        postgres.create_database(name)?;
        postgres.psql(name, TYPES)?;
        let pipeline = Pipeline::new(name, topic, head, settings);
        let table = &pipeline.table;
        let ddl = table.target_ddl() + &pipeline.settings.own_ddl(table);
        postgres.psql(name, &ddl)?;
        let mut player = Self {
            kafka,
            postgres,
            pipeline,
            folder: Folder::new("gristmill-mirror-")?,
            process: None,
            second: None,
            swaps: 0,
        };
        player.write_file()?;
        player.gristmill(&["schema", "apply", "mirror.toml"])?;
        player.gristmill(&["check", "mirror.toml"])?;
        player.run()?;
        Ok(player)
    }

    /// Writes the stream's records to the topic, in parts, and between them whatever happens to a
    /// process: it is killed or ended and comes back, its rule is changed, its source sends again
    /// what it does not know to have sent.
    pub fn play(&mut self, stream: &Stream, random: &mut SmallRng) -> Result<()> {
        let messages = &stream.messages;
        let parts = random.random_range(2..5);
        let mut sent = 0;
        for part in 1..=parts {
            let until = messages.len() * part / parts;
            self.write(&messages[sent..until])?;
            sent = until;
            if random.random() {
                self.wait_until_caught_up()?;
            }
            if random.random_range(0..3) == 0 {
                let again = random.random_range(0..=sent.min(20));
                self.write(&messages[sent - again..sent])?;
            }
            if part < parts {
                self.disturb(random)?;
            }
        }
        Ok(())
    }

    /// Kills the process, ends it, changes its rule, or lets a second one come or go.
    pub fn disturb(&mut self, random: &mut SmallRng) -> Result<()> {
        match random.random_range(0..6) {
            0 | 1 => self.swap(),
            2 => {
                self.second = match self.second.take() {
                    Some(_) => None,
                    None => Some(self.spawn()?),
                };
                Ok(())
            }
            3 => {
                let mut process = self.process.take().context("no process")?;
                process.signal("TERM")?;
                let status = process.wait(CATCH_UP)?;
                // One that has only begun ends by the signal itself.
                let is_clean = status.code().is_none_or(|code| code == 0);
                ensure!(is_clean, "{status}\n{}", self.explain());
                self.run()
            }
            _ => {
                let mut process = self.process.take().context("no process")?;
                process.kill()?;
                self.run()
            }
        }
    }

    /// Waits until all is written, and ends the process. An error unless the table is its
    /// source's, and no record was put away.
    pub fn check(&mut self, stream: &Stream) -> Result<()> {
        self.wait_until_caught_up()?;
        let letters = self.psql(
            "select code, left(message, 300), count(*) from gristmill.dead_letter
            group by 1, 2 order by 3 desc limit 10",
        )?;
        ensure!(letters.is_empty(), "dead letters:\n{letters}");
        let there = match self.pipeline.settings.delete {
            "hard" => "true",
            _ => "not _gm_deleted",
        };
        verdict::compare(
            self.postgres,
            &self.pipeline.name,
            stream,
            &self.pipeline.table,
            there,
        )
        .with_context(|| self.explain())?;
        let is_right = self.pipeline.settings.own_is_right(&self.pipeline.table);
        let wrong = format!(
            "select to_json(t) from {} t where {there} and ({is_right}) is not true limit 3",
            self.pipeline.table.name
        );
        let wrong = self.psql(&wrong)?;
        ensure!(
            wrong.is_empty(),
            "the target's own columns are wrong:\n{wrong}\n{}",
            self.explain()
        );
        (self.process, self.second) = (None, None);
        Ok(())
    }

    fn write(&self, messages: &[topic::Message]) -> Result<()> {
        topic::write(&self.kafka.bootstrap(), &self.pipeline.topic, messages)
    }

    /// Changes how the rule tells versions apart, or, every other time, where it takes the event
    /// time from.
    fn swap(&mut self) -> Result<()> {
        self.swaps += 1;
        // There is no pipeline before its first start.
        wait_until("the pipeline to start", CATCH_UP, || {
            Ok(self.psql("select count(*) from gristmill.pipeline")? != "0")
        })
        .with_context(|| self.explain())?;
        if self.swaps % 2 == 1 && self.pipeline.change_version() {
            self.write_file()?;
            return self.gristmill(&["evolve", "mirror.toml"]).map(drop);
        }
        self.pipeline.change_event_time();
        let file = config_file(&self.pipeline.config())?;
        let file = file.path().to_str().context("a path")?;
        let swap = ["transform", "swap", "mirror.toml", "normalize"];
        let with = ["builtin:normalize-debezium", "--config", file];
        self.gristmill(&[&swap[..], &with].concat()).map(drop)
    }

    fn write_file(&self) -> Result<()> {
        let path = self.folder.path().join("mirror.toml");
        Ok(std::fs::write(path, self.pipeline.file())?)
    }

    /// Kills the process, and starts another one.
    pub fn restart(&mut self) -> Result<()> {
        let mut process = self.process.take().context("no process")?;
        process.kill()?;
        self.run()
    }

    fn run(&mut self) -> Result<()> {
        self.process = Some(self.spawn()?);
        Ok(())
    }

    fn spawn(&self) -> Result<Process> {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.folder.path().join("run.log"))?;
        let mut command = self.command(&["run", "mirror.toml"])?;
        command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        Process::spawn(&mut command, "KILL")
    }

    fn gristmill(&self, arguments: &[&str]) -> Result<String> {
        output(&mut self.command(arguments)?).with_context(|| self.explain())
    }

    fn command(&self, arguments: &[&str]) -> Result<Command> {
        let mut command = Command::new(gristmill()?);
        command.args(arguments).current_dir(self.folder.path());
        command.env("KAFKA_BOOTSTRAP", self.kafka.bootstrap()).env(
            "DATABASE_URL",
            self.postgres.database_url(&self.pipeline.name),
        );
        Ok(command)
    }

    fn psql(&self, sql: &str) -> Result<String> {
        self.postgres.psql(&self.pipeline.name, sql)
    }

    /// Waits until all that is in the topic is written.
    pub fn wait_until_caught_up(&self) -> Result<()> {
        let ends = topic::ends(&self.kafka.bootstrap(), &self.pipeline.topic)?;
        let end: i64 = ends.iter().sum();
        let done = "select coalesce(sum(next_offset), 0) from gristmill.checkpoint";
        let halted = "select count(*) from gristmill.checkpoint where state = 'halted'";
        let mut is_halted = false;
        wait_until("all records to be written", CATCH_UP, || {
            is_halted = self.psql(halted)? != "0";
            Ok(is_halted || self.psql(done)?.parse::<i64>()? >= end)
        })
        .with_context(|| self.explain())?;
        ensure!(!is_halted, "a partition is halted:\n{}", self.explain());
        Ok(())
    }

    /// What it was told and what it says, for messages.
    fn explain(&self) -> String {
        let file = std::fs::read_to_string(self.folder.path().join("mirror.toml"));
        let checkpoints = self.psql("select * from gristmill.checkpoint order by partition");
        format!(
            "shape {}\n{}\n{}\ncheckpoints:\n{}\nlog:\n{}",
            self.pipeline.head.shape,
            self.pipeline.head.table.ddl(),
            file.unwrap_or_default(),
            checkpoints.unwrap_or_default(),
            tail(&self.folder.path().join("run.log"))
        )
    }
}
