//! The real table, and the sinks that write to it.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::{Context, Result};
use gristmill_core::chain::{Computed, Delete};
use gristmill_core::dead_letter::DeadLetter;
use gristmill_postgres::commit::flush_error::FlushError;
use gristmill_postgres::commit::gap::{Cause, Gap, accept_gap};
use gristmill_postgres::commit::lease::{self, Lease};
use gristmill_postgres::commit::refusal::{Settled, Unsettled, settle};
use gristmill_postgres::commit::row_origin::RowOrigin;
use gristmill_postgres::commit::sink::Sink;
use gristmill_postgres::letters::replay_commit::{LetterReplay, ReplayEnd, replay};
use gristmill_postgres::letters::stored_letter::LetterId;
use gristmill_postgres::table::target_table::TargetTable;
use gristmill_postgres::wire::connection::Connection;

use super::fold::{COLUMNS, Shown, Table};
use super::rules::Revision;
use crate::fixture::{Fixture, PIPELINE, PLAIN, TOPIC, request, sink_that_deletes};

/// One table with columns for all that decides about a row, one with none of them.
pub(super) const TABLES: [&str; 2] = ["lives", "mirrors"];
const CREATE: &str = "
    create table lives (
        key bigint primary key, at timestamptz, seq bigint, gone boolean,
        a text, b text default 'none',
        c text not null default 'made' check (c <> 'forbidden'), loud text,
        _gm_version bytea, _gm_revision int, _gm_absent bytea
    );
    create table mirrors (
        loud text, c text not null default 'made' check (c <> 'forbidden'),
        b text default 'none', a text, key bigint primary key,
        _gm_version bytea, _gm_absent bytea, _gm_deleted boolean
    )";
/// Nothing here outlives the test, and no plan hangs on what is sent.
const QUICK: &str = "
    set synchronous_commit = off;
    set plan_cache_mode = force_generic_plan";
/// Of the history before.
const FORGET: &str = "
    delete from lives;
    delete from mirrors;
    delete from gristmill.tombstone;
    delete from gristmill.dead_letter;
    delete from gristmill.activation;
    delete from gristmill.gap;
    delete from gristmill.checkpoint;
    update gristmill.target_table set horizon = null, forgotten_below = null";

/// Which sink writes: table, revision, and what it leaves of deleted rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Writer {
    pub(super) table: usize,
    pub(super) revision: Revision,
    pub(super) is_hard: bool,
}

impl Writer {
    pub(super) fn delete(self) -> Delete {
        match self.is_hard {
            true => Delete::Hard,
            false => Delete::Soft,
        }
    }
}

/// What became of a flush.
pub(super) enum Flushed {
    Committed,
    Fenced,
    Refused(Vec<DeadLetter>),
}

pub(super) struct Stage {
    pub(super) fixture: Fixture,
    pub(super) connection: Connection,
    /// What is done to a batch before it is written.
    pub(super) spoil: Option<fn(&mut Computed)>,
    sinks: HashMap<Writer, Arc<Sink>>,
}

impl Stage {
    pub(super) async fn new(name: &str) -> Result<Self> {
        let fixture = Fixture::new(name, PLAIN).await?;
        fixture.psql(CREATE)?;
        let connection = fixture.connect().await?;
        connection.batch_execute(QUICK).await?;
        Ok(Self {
            fixture,
            connection,
            spoil: None,
            sinks: HashMap::new(),
        })
    }

    pub(super) async fn forget(&self) -> Result<()> {
        Ok(self.connection.batch_execute(FORGET).await?)
    }

    pub(super) async fn sink(&mut self, writer: Writer) -> Result<Arc<Sink>> {
        if let Some(sink) = self.sinks.get(&writer) {
            return Ok(Arc::clone(sink));
        }
        let (connection, revision) = (&self.connection, writer.revision);
        let target = TargetTable::load(connection, TABLES[writer.table]).await?;
        let target = target.context("the table")?;
        let (fields, roles) = (revision.fields(), revision.roles());
        let sink = sink_that_deletes(connection, &target, &fields, &roles, writer.delete()).await?;
        let sink = Arc::new(sink);
        self.sinks.insert(writer, Arc::clone(&sink));
        Ok(sink)
    }

    pub(super) async fn take(&mut self, partition: i32) -> Result<(Lease, i64)> {
        let request = request(partition, 1, 0, Some("first"));
        let taken = lease::take(&mut self.connection, &[request], "host-a").await?;
        let taken = taken.into_iter().next().context("nothing was taken")?;
        Ok((taken.lease, taken.next_offset))
    }

    /// The partition's topic was made again, as the topic `id`.
    pub(super) async fn begin_anew(&mut self, lease: &Lease, from: i64, id: &str) -> Result<i32> {
        let gap = Gap {
            from_offset: from,
            to_offset: 0,
            cause: Cause::Recreated,
        };
        let accepted = accept_gap(&mut self.connection, lease, &gap, Some(id), "test").await?;
        anyhow::ensure!(accepted, "the gap was not accepted");
        let sql = "select log from gristmill.checkpoint where partition = $1";
        let partition = &lease.key.partition;
        let row = self.connection.query_one(sql, &[partition]).await?;
        Ok(row.get(0))
    }

    /// Whoever takes the partition next begins at `offset`.
    pub(super) async fn rewind(&self, partition: i32, offset: i64) -> Result<()> {
        let sql = "update gristmill.checkpoint set next_offset = $2 where partition = $1";
        self.connection.execute(sql, &[&partition, &offset]).await?;
        Ok(())
    }

    pub(super) async fn flush(
        &mut self,
        writer: Writer,
        lease: &Lease,
        from: i64,
        batch: &mut Computed,
    ) -> Result<Flushed> {
        if let Some(spoil) = self.spoil {
            spoil(batch);
        }
        let sink = self.sink(writer).await?;
        let connection = &mut self.connection;
        let flushed = sink.flush(connection, lease, from, batch, 1, &|_| None);
        match flushed.await {
            Ok(_) => return Ok(Flushed::Committed),
            Err(FlushError::Fenced) => return Ok(Flushed::Fenced),
            Err(FlushError::Refused { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        let unsettled = Unsettled {
            sink: &sink,
            lease,
            from_offset: from,
            batch,
            revision: 1,
            digests: &|_| None,
            was_retried: false,
        };
        Ok(match settle(connection, unsettled).await? {
            Settled::Committed(_) => Flushed::Committed,
            Settled::Refused(rows) => {
                Flushed::Refused(rows.iter().map(|row| row.dead_letter(batch)).collect())
            }
        })
    }

    /// Writes what rules made of dead letters of a partition and log. `false`: Postgres refuses it.
    pub(super) async fn replay(
        &mut self,
        writer: Writer,
        origin: RowOrigin,
        batch: &Computed,
    ) -> Result<bool> {
        let sink = self.sink(writer).await?;
        let id = |i: usize| LetterId {
            topic: TOPIC.to_owned(),
            partition: origin.partition,
            log: origin.log,
            offset: batch.records.offset(i),
            ordinal: 0,
        };
        let ids: Vec<LetterId> = (0..batch.records.len()).map(id).collect();
        let letters = LetterReplay {
            pipeline: PIPELINE,
            run: 1,
            origin,
            revision: 1,
            ids: &ids,
            may_fold: false,
        };
        let end = replay(&mut self.connection, &sink, letters, batch, &|_| None).await?;
        Ok(matches!(end, ReplayEnd::Committed(_)))
    }

    pub(super) async fn shown(&self, table: usize) -> Result<Table> {
        let (name, flag) = (TABLES[table], ["gone", "_gm_deleted"][table]);
        let sql = format!(
            "select key, coalesce({flag}, false), {}, coalesce(
                gristmill.absent_columns('{name}', _gm_absent), '{{}}')
            from {name}",
            COLUMNS.join(", ")
        );
        let rows = self.connection.query(&sql, &[]).await?;
        let shown = rows.iter().map(|row| {
            let shown = Shown {
                is_deleted: row.get(1),
                cells: [2, 3, 4, 5].map(|i| row.get(i)),
                unknown: row.get(6),
                is_hearsay: [false; 4],
            };
            (row.get(0), shown)
        });
        Ok(shown.collect())
    }
}
