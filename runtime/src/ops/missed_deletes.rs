//! Rows that the source deleted while nobody listened: its newest snapshot lacks them.

use anyhow::{Context, Result, ensure};
use gristmill_kafka::TopicPartition;
use gristmill_kafka::admin::Admin;
use gristmill_kafka::admin::lag::LagRequest;
use gristmill_postgres::commit::checkpoint::{self, Checkpoint};
use gristmill_postgres::commit::gap;
use gristmill_postgres::commit::older_rows::LogPlace;
use gristmill_postgres::commit::sink::Sink;
use gristmill_postgres::letters::stored_letter::{self, Filter, LetterState};
use gristmill_postgres::wire::connection::Connection;
use gristmill_sandbox::Sandbox;
use jiff::Timestamp;
use serde::Serialize;

use super::opened::Opened;
use super::snapshot_version::SnapshotVersion;
use super::source_snapshot::SourceSnapshot;
use crate::definition::bundle::Bundle;
use crate::definition::pipeline::Pipeline;

/// Which rows are looked for, and what becomes of them.
#[derive(Clone, Copy, Debug)]
pub struct MissedDeletesRequest {
    /// When the snapshot began, by the times that Kafka gave its records; `None`: as the records
    /// of the newest snapshot say.
    pub since: Option<Timestamp>,
    /// So many keys are told at most.
    pub limit: i64,
    /// Delete them, too.
    pub delete: bool,
    /// Also where they are more than half of the table's rows, and more than are told.
    pub yes: bool,
}

/// The rows that were not written since the snapshot began.
#[derive(Clone, Debug, Serialize)]
pub struct MissedDeletes {
    pub table: String,
    /// When the snapshot began, milliseconds since the Unix epoch.
    pub since_ms: i64,
    /// The columns of the key.
    pub key: Vec<String>,
    /// How many such rows there are, or were before they were deleted.
    pub all: i64,
    /// The keys of the first of them.
    pub rows: Vec<Vec<String>>,
    /// Rows that gristmill never wrote: nothing is said of them.
    pub unversioned: i64,
    /// How many were deleted; `None`: that was not asked for.
    pub deleted: Option<u64>,
}

/// Finds them, and deletes them where that is asked for. An error where the pipeline has not
/// written all of the snapshot yet, or cannot: rows of which that is true would be taken for
/// deleted ones.
pub async fn missed_deletes(
    opened: Opened,
    sandbox: &Sandbox,
    request: MissedDeletesRequest,
) -> Result<MissedDeletes> {
    ensure!(
        request.limit > 0,
        "--limit is {}: say at least 1",
        request.limit
    );
    let connection = opened.database.connect().await?;
    let (run, revision) = opened.active(&connection).await?;
    let bundle = Bundle::stored(&connection, &opened.config, revision).await?;
    let pipeline = Pipeline::assemble(bundle, sandbox, &opened.database).await?;
    ensure!(
        pipeline.config.target.shared.is_none(),
        "the table is shared with other pipelines (target.shared), and rows of theirs cannot be \
         told from rows that were not written since"
    );
    let snapshot = snapshot(&pipeline, request.since)?;
    let of_run = OfRun {
        connection: &connection,
        pipeline: &pipeline,
        run,
    };
    let checkpoints = of_run.checkpoints().await?;
    if request.since.is_some() {
        of_run.has_no_lag(&snapshot, &checkpoints)?;
    }
    of_run.is_written(&snapshot, &checkpoints).await?;
    let places = places(&snapshot, &checkpoints);
    let sink = pipeline.sink(&connection, None).await?;
    report(&of_run, &sink, &places, &snapshot, request).await
}

async fn report(
    of_run: &OfRun<'_>,
    sink: &Sink,
    places: &[LogPlace],
    snapshot: &SourceSnapshot,
    request: MissedDeletesRequest,
) -> Result<MissedDeletes> {
    let (connection, pipeline) = (of_run.connection, of_run.pipeline);
    let target = pipeline.target(connection).await?;
    let older = sink.older(connection, places, request.limit).await?;
    let older = older.with_context(|| {
        format!(
            "the table {} has no column _gm_version, which says by which record a row was last \
             written: see `gristmill schema print`",
            target.name
        )
    })?;
    let mut deleted = None;
    if request.delete {
        let rows = sink.living(connection).await?;
        ensure!(
            request.yes || older.all <= request.limit || older.all * 2 <= rows,
            "{} of {rows} rows of {} would be deleted, more than half: where the snapshot was of \
             some rows alone (additional-conditions, snapshot.select.statement.overrides), all \
             others would go; look at them without --delete, and say --yes where they shall go",
            older.all,
            target.name
        );
        let versions = SnapshotVersion {
            pipeline,
            sink,
            snapshot,
        };
        let versions = versions.at(places)?;
        let mut all = 0;
        loop {
            match sink.delete_older(connection, places, &versions).await? {
                0 => break,
                some => all += some,
            }
        }
        deleted = Some(all);
    }
    Ok(MissedDeletes {
        unversioned: sink.unversioned(connection).await?,
        table: target.name,
        since_ms: snapshot.began_ms,
        key: pipeline.roles().key.clone(),
        all: older.all,
        rows: older.keys,
        deleted,
    })
}

fn snapshot(pipeline: &Pipeline, since: Option<Timestamp>) -> Result<SourceSnapshot> {
    let source = &pipeline.config.source;
    tokio::task::block_in_place(|| {
        let admin = Admin::new(&source.bootstrap, &source.properties)?;
        match since {
            Some(at) => SourceSnapshot::said(&admin, &source.topic, at.as_millisecond()),
            None => SourceSnapshot::newest(&admin, &source.topic, pipeline.schemas()),
        }
    })
}

/// Where the snapshot begins, in the numbering of the checkpoints.
fn places(snapshot: &SourceSnapshot, checkpoints: &[Checkpoint]) -> Vec<LogPlace> {
    let place = |(&partition, &offset): (&i32, &i64)| {
        let mut known = checkpoints.iter();
        let known = known.find(|checkpoint| checkpoint.key.partition == partition);
        LogPlace {
            partition,
            log: known.map_or(1, |checkpoint| checkpoint.log),
            offset,
        }
    };
    snapshot.from.iter().map(place).collect()
}

/// A run of the pipeline.
struct OfRun<'a> {
    connection: &'a Connection,
    pipeline: &'a Pipeline,
    run: i64,
}

impl OfRun<'_> {
    fn name(&self) -> &str {
        &self.pipeline.config.pipeline.name
    }

    async fn checkpoints(&self) -> Result<Vec<Checkpoint>> {
        let topic = &self.pipeline.config.source.topic;
        let all = checkpoint::list(self.connection, self.name(), self.run).await?;
        let of_topic = all.into_iter().filter(|c| c.key.topic == *topic);
        Ok(of_topic.collect())
    }

    /// An error where the topic has records that are not written yet: where nobody knows the end
    /// of a snapshot, they may be of it.
    fn has_no_lag(&self, snapshot: &SourceSnapshot, checkpoints: &[Checkpoint]) -> Result<()> {
        let source = &self.pipeline.config.source;
        let request = |partition: &i32| {
            let mut of_partition = checkpoints.iter();
            let known = of_partition.find(|c| c.key.partition == *partition);
            LagRequest {
                partition: TopicPartition::new(source.topic.as_str(), *partition),
                next_offset: known.map_or(0, |c| c.next_offset),
                may_read: true,
                after_ms: None,
            }
        };
        let requests: Vec<LagRequest> = snapshot.from.keys().map(request).collect();
        let lags = tokio::task::block_in_place(|| {
            Admin::new(&source.bootstrap, &source.properties)?.lags(&requests)
        })?;
        for (request, lag) in requests.iter().zip(lags) {
            let readable = lag?.readable;
            ensure!(
                readable == 0,
                "the pipeline has not written {readable} records of {} yet, which may be of the \
                 snapshot: ask again when `gristmill status` shows no lag",
                request.partition
            );
        }
        Ok(())
    }

    /// An error where a row of the snapshot may not be in the table.
    async fn is_written(
        &self,
        snapshot: &SourceSnapshot,
        checkpoints: &[Checkpoint],
    ) -> Result<()> {
        let topic = &self.pipeline.config.source.topic;
        for (partition, until) in &snapshot.until {
            let mut of_partition = checkpoints.iter();
            let known = of_partition.find(|c| c.key.partition == *partition);
            let next_offset = known.map_or(0, |c| c.next_offset);
            ensure!(
                next_offset >= *until,
                "the pipeline has not written all of the snapshot: it is at \
                 {topic}/{partition}/{next_offset}, and the snapshot ends before offset {until}. \
                 Ask again when `gristmill status` shows no lag"
            );
        }
        for gap in gap::list(self.connection, self.name(), self.run).await? {
            let from = snapshot.from.get(&gap.partition);
            let is_of_it = gap.topic == *topic && from.is_some_and(|from| gap.to_offset > *from);
            ensure!(
                !is_of_it,
                "offsets {} to {} of {topic}/{} were never read, and may hold rows of the \
                 snapshot: take another one",
                gap.from_offset,
                gap.to_offset,
                gap.partition
            );
        }
        self.has_no_open_letters(snapshot).await
    }

    async fn has_no_open_letters(&self, snapshot: &SourceSnapshot) -> Result<()> {
        let topic = &self.pipeline.config.source.topic;
        let filter = Filter {
            states: vec![LetterState::New, LetterState::Relayed],
            code: None,
            topic: Some(topic.clone()),
            partition: None,
            limit: None,
        };
        let letters = stored_letter::list(self.connection, self.name(), self.run, &filter).await?;
        let of_it = letters.iter().filter(|letter| {
            let from = snapshot.from.get(&letter.id.partition);
            from.is_some_and(|from| letter.id.offset >= *from)
        });
        let count = of_it.count();
        ensure!(
            count == 0,
            "{count} records since the snapshot began are dead letters, and their rows would be \
             taken for deleted ones: replay or discard them first (`gristmill dead-letters list`)"
        );
        Ok(())
    }
}
