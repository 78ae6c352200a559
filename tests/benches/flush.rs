//! Rows a second into `users_enriched`, one connection, `fsync` on: new keys, and newer versions of
//! keys that are there.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use arrow_array::{ArrayRef, BooleanArray, Int64Array, StringArray};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use gristmill_core::chain::{Computed, Counts, Delete, Moment, RowSource};
use gristmill_core::column::{Batch, Column, Field, LogicalType};
use gristmill_core::dedup::Guard;
use gristmill_core::plan::Roles;
use gristmill_core::record::Records;
use gristmill_postgres::commit::checkpoint::PartitionKey;
use gristmill_postgres::commit::lease::{self, Lease, TakeRequest};
use gristmill_postgres::commit::sink::Sink;
use gristmill_postgres::fleet::registration::{self, Registration};
use gristmill_postgres::table::bookkeeping::Bookkeeping;
use gristmill_postgres::table::schema::{self, WantedTable};
use gristmill_postgres::table::target_table::TargetTable;
use gristmill_postgres::wire::connection::{Connection, Database};
use gristmill_tests::postgres::Postgres;
use tokio::runtime::Runtime;

const SIZES: [usize; 4] = [200, 1_000, 5_000, 20_000];

struct Bench {
    connection: Connection,
    sink: Sink,
    lease: Lease,
    next_offset: i64,
    next_key: i64,
}

fn fields() -> Vec<Field> {
    use LogicalType::*;
    let types = [
        ("user_id", Int64),
        ("name", Text),
        ("email", Text),
        ("email_domain", Text),
        ("country_code", Text),
        ("country_name", Text),
        ("is_corporate", Boolean),
        ("is_deleted", Boolean),
        ("updated_at", TimestampMs),
    ];
    let field = |(name, logical_type): (&str, LogicalType)| Field {
        name: name.to_owned(),
        logical_type,
        nullable: true,
    };
    types.into_iter().map(field).collect()
}

impl Bench {
    async fn new(postgres: &Postgres, name: &str) -> Result<Self> {
        let database = Database::new(&postgres.create_database(name)?, "gristmill/bench")?;
        let mut connection = database.connect().await?;
        let fields = fields();
        let roles = Roles {
            key: vec!["user_id".into()],
            event_time: "updated_at".into(),
            deleted: Some("is_deleted".into()),
            order: vec![],
            ..Roles::default()
        };
        let wanted = WantedTable {
            table: "users_enriched",
            fields: &fields,
            roles: &roles,
            ddl: Some(include_str!("../../schema/users_enriched.sql")),
            guard: Guard::Version,
            pipeline: "users",
            is_shared: false,
            delete: Delete::Soft,
            truncate: None,
        };
        schema::apply(&mut connection, Some(&wanted)).await?;
        let proposal = Registration {
            pipeline: "users".into(),
            topics: vec!["users_cdc".into()],
            target: "users_enriched".into(),
            spec: serde_json::json!({}),
            spec_hash: "one".into(),
            components: vec![],
        };
        registration::register(&mut connection, &proposal, "bench").await?;
        let key = PartitionKey {
            pipeline: "users".into(),
            run: 1,
            topic: "users_cdc".into(),
            partition: 0,
        };
        let request = TakeRequest {
            key,
            revision: 1,
            start_offset_if_new: 0,
            topic_id: None,
            end_offset: 1,
        };
        let lease = lease::take(&mut connection, &[request], "bench")
            .await?
            .remove(0)
            .lease;
        let target = TargetTable::load(&connection, "users_enriched")
            .await?
            .context("the table")?;
        let guard = Guard::Version;
        let kept = Bookkeeping::load(&connection, &target, &fields, &roles, guard).await?;
        let sink = Sink::guarded(&target, &fields, &roles, kept.as_ref(), Delete::Soft)?;
        Ok(Self {
            connection,
            sink,
            lease,
            next_offset: 0,
            next_key: 0,
        })
    }

    /// A flush of `rows` rows with keys from `key` on; the time it took.
    async fn flush(&mut self, rows: usize, key: i64) -> Result<Duration> {
        let batch = batch(self.next_offset, rows, key);
        let started = Instant::now();
        black_box(
            self.sink
                .flush(
                    &mut self.connection,
                    &self.lease,
                    self.next_offset,
                    &batch,
                    1,
                    &|_| None,
                )
                .await?,
        );
        let took = started.elapsed();
        self.next_offset = batch.next_offset;
        Ok(took)
    }

    async fn inserts(&mut self, rows: usize, times: u64) -> Result<Duration> {
        let mut took = Duration::ZERO;
        for _ in 0..times {
            took += self.flush(rows, self.next_key).await?;
            self.next_key += rows as i64;
        }
        Ok(took)
    }

    async fn updates(&mut self, rows: usize, times: u64) -> Result<Duration> {
        // Over twice as many keys as a batch has, so that no row is updated again at once.
        let mut took = Duration::ZERO;
        for i in 0..times as i64 {
            took += self.flush(rows, -1 - (i % 2 + 1) * rows as i64).await?;
        }
        Ok(took)
    }
}

fn batch(from: i64, rows: usize, key: i64) -> Computed {
    let ids = || key..key + rows as i64;
    let texts = |text: fn(i64) -> String| -> ArrayRef {
        Arc::new(ids().map(|id| Some(text(id))).collect::<StringArray>())
    };
    let columns: Vec<ArrayRef> = vec![
        Arc::new(ids().map(Some).collect::<Int64Array>()),
        texts(|id| format!("Daniel Kim {id}")),
        texts(|id| format!("daniel.kim.{id}@contoso.com")),
        texts(|_| "contoso.com".to_owned()),
        texts(|_| "US".to_owned()),
        texts(|_| "United States".to_owned()),
        Arc::new(ids().map(|_| Some(true)).collect::<BooleanArray>()),
        Arc::new(ids().map(|_| Some(false)).collect::<BooleanArray>()),
        Arc::new(
            ids()
                .zip(from..)
                .map(|(_, offset)| Some(1_726_531_200_000 + offset))
                .collect::<Int64Array>(),
        ),
    ];
    let mut records = Records::default();
    for offset in (from..).take(rows) {
        records.push(
            offset,
            Some(1_726_531_200_000),
            Some(b"key"),
            Some(b"value"),
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
            fields: fields().into(),
            columns: columns.into_iter().map(Column::new).collect(),
        },
        sources: (0..rows as u32)
            .map(|record| RowSource { record, rank: 0 })
            .collect(),
        dead_letters: vec![],
        event_time_max: Some(1_726_531_200_000_000),
        counts: Counts {
            records: rows as u64,
            rows: rows as u64,
            ..Counts::default()
        },
    }
}

fn flush(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let postgres = Postgres::start().expect("a server");
    let mut group = criterion.benchmark_group("flush");
    group
        .sample_size(20)
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(4));
    for rows in SIZES {
        let mut bench = runtime
            .block_on(Bench::new(&postgres, &format!("bench_{rows}")))
            .expect("a database");
        group.throughput(Throughput::Elements(rows as u64));
        group.bench_function(BenchmarkId::new("insert", rows), |b| {
            b.iter_custom(|times| {
                runtime
                    .block_on(bench.inserts(rows, times))
                    .expect("inserts")
            });
        });
        group.bench_function(BenchmarkId::new("update", rows), |b| {
            b.iter_custom(|times| {
                runtime
                    .block_on(bench.updates(rows, times))
                    .expect("updates")
            });
        });
    }
}

criterion_group!(benches, flush);
criterion_main!(benches);
