//! What the tables of a job say.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};

use crate::job::{Job, RECORD_MAX_BYTES};
use crate::oracle::{self, Expected};
use crate::process::wait_until;
use crate::table;
use crate::topic;
use crate::wait::SOON;

/// For all records of a test to be written: 100,000 take seconds on a quiet machine.
const CATCH_UP: Duration = Duration::from_secs(180);

impl Job<'_> {
    /// Runs `sql` in the job's database.
    pub fn psql(&self, sql: &str) -> Result<String> {
        self.postgres.psql(&self.database, sql)
    }

    /// The one number that `sql` selects.
    pub fn number(&self, sql: &str) -> Result<i64> {
        let answer = self.psql(sql)?;
        answer
            .parse()
            .with_context(|| format!("{answer:?} of {sql}"))
    }

    /// Records that the checkpoints say are done, all partitions together.
    pub fn written(&self) -> Result<i64> {
        self.number("select coalesce(sum(next_offset), 0) from gristmill.checkpoint")
    }

    /// What [`Job::written`] is when everything that is in the topic now is done.
    pub fn produced(&self) -> Result<i64> {
        Ok(topic::ends(&self.kafka.bootstrap(), &self.topic)?
            .iter()
            .sum())
    }

    /// Rows of the table.
    pub fn rows(&self) -> Result<i64> {
        self.number("select count(*) from users_enriched")
    }

    /// Partitions that are halted.
    pub fn halted(&self) -> Result<i64> {
        self.number("select count(*) from gristmill.checkpoint where state = 'halted'")
    }

    /// The revision that is active.
    pub fn active(&self) -> Result<i64> {
        self.number("select active_revision from gristmill.pipeline")
    }

    /// The states of all revisions, a line each.
    pub fn states(&self) -> Result<String> {
        self.psql("select state from gristmill.revision order by revision")
    }

    /// Dead letters, whatever has become of them.
    pub fn letters(&self) -> Result<i64> {
        self.number("select count(*) from gristmill.dead_letter")
    }

    /// The codes of all dead letters, a line each.
    pub fn codes(&self) -> Result<String> {
        self.psql("select code from gristmill.dead_letter order by code")
    }

    /// Waits up to [`SOON`]; an error shows what the job is doing.
    pub fn wait_for(&self, what: &str, done: impl FnMut() -> Result<bool>) -> Result<()> {
        wait_until(what, SOON, done).with_context(|| self.explain())
    }

    /// Waits until some host has logged `text`.
    pub fn wait_until_logged(&self, text: &str) -> Result<()> {
        self.wait_for(text, || Ok(self.log()?.contains(text)))
    }

    /// Waits until so many partitions are halted.
    pub fn wait_until_halted(&self, partitions: i64) -> Result<()> {
        let what = format!("{partitions} partitions to halt");
        self.wait_for(&what, || Ok(self.halted()? == partitions))
    }

    /// Waits until `revision` is active.
    pub fn wait_until_active(&self, revision: i64) -> Result<()> {
        let what = format!("revision {revision} to be active");
        self.wait_for(&what, || Ok(self.active()? == revision))
    }

    /// Waits until everything that is in the topic now is done.
    pub fn wait_until_caught_up(&self) -> Result<()> {
        self.wait_until_written(self.produced()?)
    }

    /// Waits until `records` are done.
    pub fn wait_until_written(&self, records: i64) -> Result<()> {
        let what = format!("{records} records to be written");
        wait_until(&what, CATCH_UP, || Ok(self.written()? >= records))
            .with_context(|| self.explain())
    }

    /// What the topic's records must lead to.
    pub fn expected(&self) -> Result<Expected> {
        let messages = topic::read(&self.kafka.bootstrap(), &self.topic)?;
        let now_ms = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis() as i64;
        Ok(oracle::expected(&messages, now_ms, RECORD_MAX_BYTES))
    }

    /// An error unless table and dead letters are what the oracle says, and each record was counted
    /// once.
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
