//! A topic, a database and a pipeline file of one scenario.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use gristmill_postgres::wire::connection::{Connection, Database};
use gristmill_tests::process::{Folder, Process, tail};
use gristmill_tests::topic::{self, Message};
use tokio::runtime::Runtime;

use super::Ground;
use super::shape::Shape;
use crate::contender::{Contender, Place};
use crate::usage::Tree;

/// 10 million keys take two minutes on a quiet machine.
const PATIENCE: Duration = Duration::from_secs(600);
const LOOK_EVERY: Duration = Duration::from_millis(2);
/// Produced at a time: what a producer may hold at once is 1 GiB.
const CHUNK_BYTES: usize = 64 << 20;

/// See the module. What it made goes with [`Job::end`].
pub(super) struct Job<'a> {
    pub(super) ground: Ground<'a>,
    pub(super) place: Place<'a>,
    pub(super) shape: Shape,
    /// Events in the topic.
    pub(super) produced: u64,
    runtime: Runtime,
    connection: Option<Connection>,
}

/// What the checkpoints say.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Progress {
    /// Whose rows are in the table.
    pub(super) events: u64,
    /// Processes that hold partitions, if all partitions are held.
    pub(super) owners: i64,
}

/// Seconds of CPU so far.
#[derive(Clone, Copy, Debug)]
pub(super) struct Used {
    pub(super) at: Instant,
    pub(super) own_s: f64,
    pub(super) postgres_s: f64,
    pub(super) kafka_s: f64,
}

impl<'a> Job<'a> {
    /// `name` is the topic's and the database's.
    pub(super) fn new(
        ground: Ground<'a>,
        folder: &'a Folder,
        name: &'a str,
        shape: Shape,
    ) -> Result<Self> {
        ground.kafka.create_topic(name, shape.partitions, &[])?;
        let place = Place {
            bootstrap: ground.kafka.bootstrap(),
            database_url: ground.postgres.create_database(name)?,
            folder,
            topic: name,
            run: name.replace('_', "-"),
        };
        place.prepare_changed(|shipped| shape.pipeline(shipped))?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        Ok(Self {
            ground,
            place,
            shape,
            produced: 0,
            runtime,
            connection: None,
        })
    }

    pub(super) fn start(&self) -> Result<Process> {
        Contender::Gristmill.start(&self.place)
    }

    /// The next `events`, as fast as Kafka takes them.
    pub(super) fn produce(&mut self, events: u64) -> Result<()> {
        let end = self.produced + events;
        while self.produced < end {
            let (mut messages, mut bytes) = (Vec::new(), 0);
            while self.produced < end && bytes < CHUNK_BYTES {
                let (partition, user, value) = self.shape.event(self.produced);
                bytes += value.len();
                let mut message = Message::new(partition, value);
                message.key = Some(user.to_string().into_bytes());
                messages.push(message);
                self.produced += 1;
            }
            topic::write(&self.place.bootstrap, self.place.topic, &messages)?;
        }
        Ok(())
    }

    /// Ends our own session, until it is needed again.
    pub(super) fn disconnect(&mut self) {
        self.connection = None;
    }

    /// An error while Postgres is away.
    pub(super) fn progress(&mut self) -> Result<Progress> {
        let url = &self.place.database_url;
        let connection = &mut self.connection;
        let partitions = i64::from(self.shape.partitions);
        let sql = "select coalesce(sum(next_offset), 0)::bigint, count(*), count(distinct owner) \
                   from gristmill.checkpoint";
        let row = self.runtime.block_on(async {
            let open = match connection.take() {
                Some(open) if open.is_usable() => open,
                _ => Database::new(url, "gristmill-bench")?.connect().await?,
            };
            let row = connection.insert(open).query_one(sql, &[]).await?;
            anyhow::Ok(row)
        })?;
        let all_are_held = row.get::<_, i64>(1) == partitions;
        Ok(Progress {
            events: row.get::<_, i64>(0) as u64,
            owners: if all_are_held { row.get(2) } else { 0 },
        })
    }

    pub(super) fn wait(&mut self, is_done: impl Fn(Progress) -> bool) -> Result<Progress> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let progress = self.progress()?;
            if is_done(progress) {
                return Ok(progress);
            }
            if Instant::now() > deadline {
                let log = tail(&self.place.folder.path().join("log"));
                bail!(
                    "{progress:?} of {} events after {PATIENCE:?}\n{log}",
                    self.produced
                );
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }

    pub(super) fn wait_for_all(&mut self) -> Result<()> {
        let produced = self.produced;
        self.wait(|progress| progress.events == produced)?;
        Ok(())
    }

    pub(super) fn used(&self, processes: &[Process]) -> Result<Used> {
        Ok(Used {
            at: Instant::now(),
            own_s: processes.iter().map(|p| Tree(p.id()).cpu_s()).sum(),
            postgres_s: Tree(self.ground.postgres.id()?).cpu_s(),
            kafka_s: Tree(self.ground.kafka.id()?).cpu_s(),
        })
    }

    /// Rows that are missing, should not be, or differ.
    pub(super) fn wrong_rows(&self) -> Result<String> {
        let sql = self.shape.wrong_rows(self.produced);
        self.ground.postgres.psql(self.place.topic, &sql)
    }

    pub(super) fn end(self) -> Result<()> {
        let (ground, name) = (self.ground, self.place.topic);
        ground.kafka.delete_topic(name)?;
        let drop = format!("drop database \"{name}\" with (force)");
        ground.postgres.psql("postgres", &drop)?;
        Ok(())
    }
}
