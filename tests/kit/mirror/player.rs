//! Records of a stream through the built program.

use std::fs::File;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rand::Rng;
use rand::rngs::SmallRng;

use super::kind::TYPES;
use super::stream::{Head, Stream};
use super::verdict;
use crate::debezium::shape::Shape;
use crate::kafka::Kafka;
use crate::postgres::Postgres;
use crate::process::{Folder, Process, output, tail, wait_until};
use crate::program::gristmill;
use crate::rules::config_file;
use crate::topic;

/// For all records of a stream to be written: a second on a quiet machine.
const CATCH_UP: Duration = Duration::from_secs(120);

/// What differs between pipelines that mirror tables.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// What a deleted row leaves: `hard` or `soft`.
    pub delete: &'static str,
    /// The most records of one flush.
    pub max_rows: u32,
}

impl Settings {
    /// Few records in a flush, so that a stream is many of them, or all, so that it is one.
    pub fn draw(random: &mut SmallRng) -> Self {
        Self {
            delete: ["hard", "soft"][random.random_range(0..2)],
            max_rows: [3, 20, 1_000][random.random_range(0..3)],
        }
    }
}

/// A pipeline between a topic and a table that is made like its source.
#[derive(Debug)]
pub struct Player<'s> {
    kafka: &'s Kafka,
    postgres: &'s Postgres,
    head: Head,
    topic: String,
    database: String,
    settings: Settings,
    folder: Folder,
    process: Option<Process>,
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
        postgres.psql(name, &head.table.target_ddl())?;
        let mut player = Self {
            kafka,
            postgres,
            head: head.clone(),
            topic: topic.to_owned(),
            database: name.to_owned(),
            settings,
            folder: Folder::new("gristmill-mirror-")?,
            process: None,
            swaps: 0,
        };
        let text = player.pipeline();
        std::fs::write(player.folder.path().join("mirror.toml"), text)?;
        player.gristmill(&["schema", "apply", "mirror.toml"])?;
        player.gristmill(&["check", "mirror.toml"])?;
        player.run()?;
        Ok(player)
    }

    /// The pipeline file: nothing of the table's columns, as a person would write it.
    fn pipeline(&self) -> String {
        let shape = self.head.shape;
        let (table, topic) = (&self.head.table.name, &self.topic);
        let Settings { delete, max_rows } = self.settings;
        let is_decimal = |kind: &str| kind.contains("numeric") || kind == "money";
        let has_decimals = self.head.table.columns.iter().any(|c| is_decimal(&c.kind));
        let decimals = match has_decimals && !shape.has_schema() {
            true => "json_decimals = \"base64\"\n",
            false => "",
        };
        // A delete is a record without a value.
        let tombstone = match shape {
            Shape::Bare | Shape::BareSchema => "tombstone = \"delete\"\n",
            _ => "",
        };
        let config = match shape.is_envelope() {
            true => "",
            false => "[transform.config]\nshape = \"flat\"\n",
        };
        // A captured record may be of a time that this machine's clock has not reached.
        format!(
            "[pipeline]\nname = \"{name}\"\nfuture_max_ms = 1_000_000_000_000\n\n\
             [source]\nbootstrap = \"${{KAFKA_BOOTSTRAP}}\"\ntopic = \"{topic}\"\n\
             {decimals}{tombstone}\n\
             [[transform]]\nname = \"normalize\"\ncomponent = \"builtin:normalize-debezium\"\n\
             {config}\n\
             [target]\nurl = \"${{DATABASE_URL}}\"\ntable = \"{table}\"\ndelete = \"{delete}\"\n\
             max_rows = {max_rows}\n",
            name = self.database
        )
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

    /// Kills the process, ends it, or changes its rule.
    pub fn disturb(&mut self, random: &mut SmallRng) -> Result<()> {
        match random.random_range(0..4) {
            0 => self.swap(),
            1 => {
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
        let there = match self.settings.delete {
            "hard" => "true",
            _ => "not _gm_deleted",
        };
        verdict::compare(self.postgres, &self.database, stream, there)
            .with_context(|| self.explain())?;
        self.process = None;
        Ok(())
    }

    fn write(&self, messages: &[topic::Message]) -> Result<()> {
        topic::write(&self.kafka.bootstrap(), &self.topic, messages)
    }

    /// Changes what the rule is told without changing what it does.
    fn swap(&mut self) -> Result<()> {
        self.swaps += 1;
        // There is no pipeline before its first start.
        wait_until("the pipeline to start", CATCH_UP, || {
            Ok(self.psql("select count(*) from gristmill.pipeline")? != "0")
        })
        .with_context(|| self.explain())?;
        let flat = match self.head.shape.is_envelope() {
            true => "",
            false => "\"shape\": \"flat\", ",
        };
        let nothing = match self.swaps % 2 {
            0 => "\"rename\": {}",
            _ => "\"columns_except\": []",
        };
        let config = format!("{{{flat}{nothing}}}");
        let file = config_file(&config)?;
        let file = file.path().to_str().context("a path")?;
        let swap = ["transform", "swap", "mirror.toml", "normalize"];
        let with = ["builtin:normalize-debezium", "--config", file];
        self.gristmill(&[&swap[..], &with].concat()).map(drop)
    }

    fn run(&mut self) -> Result<()> {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.folder.path().join("run.log"))?;
        let mut command = self.command(&["run", "mirror.toml"])?;
        command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        self.process = Some(Process::spawn(&mut command, "KILL")?);
        Ok(())
    }

    fn gristmill(&self, arguments: &[&str]) -> Result<String> {
        output(&mut self.command(arguments)?).with_context(|| self.explain())
    }

    fn command(&self, arguments: &[&str]) -> Result<Command> {
        let mut command = Command::new(gristmill()?);
        command.args(arguments).current_dir(self.folder.path());
        command
            .env("KAFKA_BOOTSTRAP", self.kafka.bootstrap())
            .env("DATABASE_URL", self.postgres.database_url(&self.database));
        Ok(command)
    }

    fn psql(&self, sql: &str) -> Result<String> {
        self.postgres.psql(&self.database, sql)
    }

    fn wait_until_caught_up(&self) -> Result<()> {
        let ends = topic::ends(&self.kafka.bootstrap(), &self.topic)?;
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
            self.head.shape,
            self.head.table.ddl(),
            file.unwrap_or_default(),
            checkpoints.unwrap_or_default(),
            tail(&self.folder.path().join("run.log"))
        )
    }
}
