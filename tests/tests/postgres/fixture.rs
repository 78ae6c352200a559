//! A database of its own for each test, with a target table and a sink.

use std::sync::Arc;

use anyhow::{Context, Result};
use arrow_array::{ArrayRef, BooleanArray, Int64Array, StringArray};
use gristmill_core::chain::{Computed, Counts, Delete, Moment, RowSource};
use gristmill_core::column::{Batch, Column, Field, LogicalType};
use gristmill_core::dead_letter::{DeadLetter, Stage};
use gristmill_core::dedup::Guard;
use gristmill_core::plan::Roles;
use gristmill_core::record::Records;
use gristmill_postgres::commit::checkpoint::PartitionKey;
use gristmill_postgres::commit::flush_error::FlushError;
use gristmill_postgres::commit::lease::{self, Lease, TakeRequest, Taken};
use gristmill_postgres::commit::sink::{Flushed, Sink};
use gristmill_postgres::fleet::registration::{self, Registration};
use gristmill_postgres::table::bookkeeping::Bookkeeping;
use gristmill_postgres::table::schema::{self, WantedTable};
use gristmill_postgres::table::target_table::TargetTable;
use gristmill_postgres::wire::connection::{Connection, Database};
use gristmill_tests::postgres::Postgres;

pub(crate) const PIPELINE: &str = "people";
pub(crate) const TOPIC: &str = "people_cdc";

/// With the columns that say where a row came from.
pub(crate) const WITH_PROVENANCE: &str = "create table people (
    id bigint primary key, name varchar(20) check (name <> 'forbidden'),
    is_deleted boolean default false, at timestamptz not null,
    _gm_partition int, _gm_offset bigint, _gm_revision int
)";
/// As gristmill creates it.
pub(crate) const VERSIONED: &str = "create table people (
    id bigint primary key, name varchar(20) check (name <> 'forbidden'),
    is_deleted boolean default false, at timestamptz not null,
    _gm_version bytea, _gm_revision int
)";
pub(crate) const PLAIN: &str = "create table people (
    id bigint primary key, name varchar(20) check (name <> 'forbidden'),
    is_deleted boolean default false, at timestamptz not null
)";

pub(crate) fn field(name: &str, logical_type: LogicalType) -> Field {
    Field {
        name: name.to_owned(),
        logical_type,
        nullable: true,
    }
}

pub(crate) fn fields() -> Vec<Field> {
    vec![
        field("id", LogicalType::Int64),
        field("name", LogicalType::Text),
        field("is_deleted", LogicalType::Boolean),
        field("at", LogicalType::TimestampUs),
    ]
}

pub(crate) fn roles() -> Roles {
    Roles {
        key: vec!["id".into()],
        event_time: "at".into(),
        deleted: Some("is_deleted".into()),
        order: vec![],
        ..Roles::default()
    }
}

/// One row: id, name, deleted, event time in microseconds.
pub(crate) type Person<'a> = (i64, Option<&'a str>, bool, i64);

pub(crate) struct Fixture {
    pub(crate) name: String,
    pub(crate) postgres: &'static Postgres,
    pub(crate) database: Database,
    pub(crate) sink: Sink,
}

impl Fixture {
    /// A database called `name` with the tables of gristmill, a registered pipeline, and what
    /// `table` creates.
    pub(crate) async fn new(name: &str, table: &str) -> Result<Self> {
        let postgres = Postgres::shared()?;
        let url = postgres.create_database(name)?;
        let database = Database::new(&url, &format!("gristmill/{name}"))?;
        let mut connection = database.connect().await?;
        let (fields, roles) = (fields(), roles());
        let wanted = WantedTable {
            table: "people",
            fields: &fields,
            roles: &roles,
            ddl: Some(table),
            guard: Guard::Columns,
            pipeline: PIPELINE,
            is_shared: false,
            delete: Delete::Soft,
            truncate: None,
        };
        schema::apply(&mut connection, Some(&wanted)).await?;
        let proposal = Registration {
            pipeline: PIPELINE.into(),
            topics: vec![TOPIC.into()],
            target: "people".into(),
            spec: serde_json::json!({"transforms": []}),
            spec_hash: "one".into(),
            components: vec![],
        };
        registration::register(&mut connection, &proposal, "test").await?;
        let target = TargetTable::load(&connection, "people")
            .await?
            .context("the table")?;
        let sink = sink(&connection, &target, &fields, &roles).await?;
        Ok(Self {
            name: name.to_owned(),
            postgres,
            database,
            sink,
        })
    }

    pub(crate) async fn connect(&self) -> Result<Connection> {
        Ok(self.database.connect().await?)
    }

    pub(crate) async fn take(&self, connection: &mut Connection, partition: i32) -> Result<Taken> {
        let request = request(partition, 1, 0, None);
        Ok(lease::take(connection, &[request], "host-a")
            .await?
            .remove(0))
    }

    /// What psql prints for `sql`.
    pub(crate) fn psql(&self, sql: &str) -> Result<String> {
        self.postgres.psql(&self.name, sql)
    }

    /// The table as `id|name|deleted|microseconds` lines.
    pub(crate) fn people(&self) -> Result<String> {
        self.psql(
            "select id, name, is_deleted, (extract(epoch from at) * 1000000)::bigint
            from people order by id",
        )
    }

    pub(crate) fn next_offset(&self) -> Result<String> {
        self.psql("select next_offset from gristmill.checkpoint order by partition")
    }

    pub(crate) async fn flush(
        &self,
        connection: &mut Connection,
        lease: &Lease,
        from: i64,
        batch: &Computed,
    ) -> Result<Flushed, FlushError> {
        self.sink
            .flush(connection, lease, from, batch, 1, &|_| None)
            .await
    }
}

/// Returns once a session of the database `name` waits for an advisory lock.
pub(crate) async fn wait_for_lock(name: &str) -> Result<()> {
    let waits = "select count(*) from pg_locks where locktype = 'advisory' and not granted";
    while Postgres::shared()?.psql(name, waits)? == "0" {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    Ok(())
}

/// A sink with the guard that a new revision would have.
pub(crate) async fn sink(
    connection: &Connection,
    target: &TargetTable,
    fields: &[Field],
    roles: &Roles,
) -> Result<Sink> {
    sink_that_deletes(connection, target, fields, roles, Delete::Soft).await
}

/// The same, with what it leaves of deleted rows.
pub(crate) async fn sink_that_deletes(
    connection: &Connection,
    target: &TargetTable,
    fields: &[Field],
    roles: &Roles,
    delete: Delete,
) -> Result<Sink> {
    let guard = target.guard();
    let kept = Bookkeeping::load(connection, target, fields, roles, guard).await?;
    Ok(Sink::guarded(target, fields, roles, kept.as_ref(), delete)?)
}

pub(crate) fn key(partition: i32) -> PartitionKey {
    PartitionKey {
        pipeline: PIPELINE.into(),
        run: 1,
        topic: TOPIC.into(),
        partition,
    }
}

pub(crate) fn request(
    partition: i32,
    revision: i32,
    start_offset_if_new: i64,
    topic_id: Option<&str>,
) -> TakeRequest {
    TakeRequest {
        key: key(partition),
        revision,
        start_offset_if_new,
        topic_id: topic_id.map(str::to_owned),
        end_offset: 1,
    }
}

/// Records with offsets `from..`, one a row, as a chain would have computed them.
pub(crate) fn computed(from: i64, people: &[Person<'_>]) -> Computed {
    let columns: Vec<ArrayRef> = vec![
        Arc::new(people.iter().map(|p| Some(p.0)).collect::<Int64Array>()),
        Arc::new(people.iter().map(|p| p.1).collect::<StringArray>()),
        Arc::new(people.iter().map(|p| Some(p.2)).collect::<BooleanArray>()),
        Arc::new(people.iter().map(|p| Some(p.3)).collect::<Int64Array>()),
    ];
    computed_of(from, people.len(), fields(), columns)
}

/// As [`computed`], of any columns.
pub(crate) fn computed_of(
    from: i64,
    rows: usize,
    fields: Vec<Field>,
    columns: Vec<ArrayRef>,
) -> Computed {
    let mut records = Records::default();
    for i in 0..rows as i64 {
        let value = format!("value {i}");
        records.push(
            from + i,
            Some(1_726_531_200_000 + i),
            Some(b"key"),
            Some(value.as_bytes()),
            std::iter::empty(),
        );
    }
    Computed {
        steps_back: Default::default(),
        source_columns: None,
        read: None,
        unknown: None,
        unread: None,
        records,
        moment: Moment::default(),
        next_offset: from + rows as i64,
        earlier: Vec::new(),
        wanted: None,
        rows: Batch {
            rows,
            fields: fields.into(),
            columns: columns.into_iter().map(Column::new).collect(),
        },
        sources: (0..rows as u32)
            .map(|record| RowSource { record, rank: 0 })
            .collect(),
        dead_letters: vec![],
        event_time_max: None,
        counts: Counts {
            records: rows as u64,
            rows: rows as u64,
            ..Counts::default()
        },
    }
}

/// A batch without rows: one record, with `headers`, that is a dead letter.
pub(crate) fn dead(offset: i64, message: &str, headers: &[(&str, Option<&[u8]>)]) -> Computed {
    let mut batch = computed(offset, &[]);
    batch.records.push(
        offset,
        Some(-1),
        Some(b"\xff\0"),
        None,
        headers.iter().copied(),
    );
    batch.next_offset = offset + 1;
    batch.dead_letters.push(DeadLetter {
        record: 0,
        ordinal: 0,
        stage: Stage::Transform("normalize".into()),
        code: "unknown-op".into(),
        message: message.into(),
    });
    batch.counts = Counts {
        records: 1,
        dead_letters: 1,
        ..Counts::default()
    };
    batch
}
