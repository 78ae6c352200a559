//! The real table, and the sinks that write to it.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::{Context, Result};
use gristmill_core::chain::{Computed, Delete};
use gristmill_core::dead_letter::DeadLetter;
use gristmill_postgres::commit::checkpoint::PartitionState;
use gristmill_postgres::commit::flush_error::FlushError;
use gristmill_postgres::commit::gap::{Cause, Gap, accept_gap};
use gristmill_postgres::commit::lease::{self, Lease, Taken};
use gristmill_postgres::commit::refusal::{RefusedRow, Settled, Unsettled, settle};
use gristmill_postgres::commit::row_origin::RowOrigin;
use gristmill_postgres::commit::sink::Sink;
use gristmill_postgres::letters::replay_commit::{LetterReplay, ReplayEnd, failed_letters, replay};
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

    pub(super) async fn take(&mut self, partition: i32) -> Result<Taken> {
        let request = request(partition, 1, 0, Some("first"));
        let taken = lease::take(&mut self.connection, &[request], "host-a").await?;
        let taken = taken.into_iter().next().context("nothing was taken")?;
        if taken.state != PartitionState::Running {
            lease::resume(&self.connection, &[&taken.lease]).await?;
        }
        Ok(taken)
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

    /// Whoever takes the partition next reads from `offset` on again. `false`: the lease is no
    /// longer good.
    pub(super) async fn set_back(&self, lease: &Lease, offset: i64, halts: bool) -> Result<bool> {
        Ok(match halts {
            true => {
                let why = "rows were left out";
                lease::halt_before(&self.connection, lease, offset, 1, why).await?
            }
            false => lease::read_again(&self.connection, lease, offset).await?,
        })
    }

    /// Nothing of the partition is to be written until somebody takes it.
    pub(super) async fn pause(&self, lease: &Lease) -> Result<bool> {
        let paused = PartitionState::Paused;
        Ok(lease::stand_still(&self.connection, lease, paused, "a test").await?)
    }

    /// How many records were counted.
    pub(super) async fn counted(&self) -> Result<i64> {
        let sql = "select coalesce(sum(records), 0)::bigint from gristmill.checkpoint";
        Ok(self.connection.query_one(sql, &[]).await?.get(0))
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

    /// Writes what rules made of the dead letters at `offsets` of a partition and log.
    pub(super) async fn replay(
        &mut self,
        writer: Writer,
        origin: RowOrigin,
        offsets: &[i64],
        batch: &Computed,
    ) -> Result<ReplayEnd> {
        let sink = self.sink(writer).await?;
        let ids = letter_ids(origin, offsets);
        let letters = LetterReplay {
            pipeline: PIPELINE,
            run: 1,
            origin,
            revision: 1,
            ids: &ids,
            may_fold: false,
        };
        Ok(replay(&mut self.connection, &sink, letters, batch, &|_| None).await?)
    }

    /// What is left of the letters at `offsets` where `rows` cannot be written.
    pub(super) fn failed_letters(
        rows: &[RefusedRow],
        batch: &Computed,
        origin: RowOrigin,
        offsets: &[i64],
    ) -> Vec<DeadLetter> {
        failed_letters(rows, batch, &letter_ids(origin, offsets))
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

fn letter_ids(origin: RowOrigin, offsets: &[i64]) -> Vec<LetterId> {
    let id = |offset: &i64| LetterId {
        topic: TOPIC.to_owned(),
        partition: origin.partition,
        log: origin.log,
        offset: *offset,
        ordinal: 1,
    };
    offsets.iter().map(id).collect()
}
