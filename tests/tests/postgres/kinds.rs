//! Versions by the order columns, and by the place in the log.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context, Result};
use arrow_array::{ArrayRef, Int64Array, StringArray};
use gristmill_core::chain::{Computed, Delete};
use gristmill_core::column::{Field, LogicalType};
use gristmill_core::dedup::{VersionKind, VersionRule};
use gristmill_core::plan::Roles;
use gristmill_core::record::Records;
use gristmill_postgres::commit::lease::Lease;
use gristmill_postgres::commit::sink::Sink;
use gristmill_postgres::table::target_table::TargetTable;
use gristmill_postgres::wire::connection::Connection;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use crate::fixture::{Fixture, PLAIN, computed_of, field, sink_that_deletes};

const MIRROR: &str = "create table people (id bigint primary key, tag text, _gm_version bytea)";

fn ordered_fields() -> Vec<Field> {
    vec![
        field("id", LogicalType::Int64),
        field("at", LogicalType::TimestampMs),
        field("seq", LogicalType::Int64),
        field("tag", LogicalType::Text),
    ]
}

fn of_kind(kind: VersionKind, epoch: u32) -> Roles {
    Roles {
        key: vec!["id".into()],
        event_time: "at".into(),
        order: vec!["seq".into()],
        version: VersionRule { kind, epoch },
        ..Roles::default()
    }
}

/// An event of a key, and where it stands.
#[derive(Clone, Copy, Debug)]
struct Event {
    id: i64,
    at: i64,
    seq: Option<i64>,
    /// Kafka's time.
    recorded: i64,
    offset: i64,
}

fn batch(events: &[Event]) -> Computed {
    let columns: Vec<ArrayRef> = vec![
        Arc::new(events.iter().map(|e| Some(e.id)).collect::<Int64Array>()),
        Arc::new(events.iter().map(|e| Some(e.at)).collect::<Int64Array>()),
        Arc::new(events.iter().map(|e| e.seq).collect::<Int64Array>()),
        Arc::new(events.iter().map(|e| Some(tag(e))).collect::<StringArray>()),
    ];
    let from = events.first().map_or(0, |e| e.offset);
    let mut batch = computed_of(from, events.len(), ordered_fields(), columns);
    let mut records = Records::default();
    for event in events {
        let none = std::iter::empty();
        records.push(event.offset, Some(event.recorded), None, Some(b"v"), none);
    }
    batch.records = records;
    batch
}

fn tag(event: &Event) -> String {
    format!("{}/{:?}/{}", event.at, event.seq, event.offset)
}

struct Table {
    fixture: Fixture,
    connection: Connection,
}

impl Table {
    async fn new(name: &str) -> Result<Self> {
        let fixture = Fixture::new(name, PLAIN).await?;
        fixture.psql(&format!("drop table people; {MIRROR}"))?;
        let connection = fixture.connect().await?;
        Ok(Self {
            fixture,
            connection,
        })
    }

    async fn sink(&self, roles: &Roles) -> Result<Sink> {
        let target = TargetTable::load(&self.connection, "people").await?;
        let target = target.context("the table")?;
        let fields = ordered_fields();
        sink_that_deletes(&self.connection, &target, &fields, roles, Delete::Soft).await
    }

    /// Commits `events` wherever the checkpoint is: of another log where `lease` says so.
    async fn write(&mut self, sink: &Sink, lease: &Lease, events: &[Event]) -> Result<()> {
        let (partition, from) = (lease.key.partition, events[0].offset);
        self.fixture.psql(&format!(
            "update gristmill.checkpoint set next_offset = {from} where partition = {partition}"
        ))?;
        let batch = batch(events);
        sink.flush(&mut self.connection, lease, from, &batch, 1, &|_| None)
            .await?;
        Ok(())
    }

    async fn lease(&mut self, partition: i32) -> Result<Lease> {
        Ok(self
            .fixture
            .take(&mut self.connection, partition)
            .await?
            .lease)
    }

    fn tags(&self) -> Result<String> {
        self.fixture.psql("select id, tag from people order by id")
    }
}

/// Whatever arrives when, of whatever partition and log: the greatest stays.
#[tokio::test]
async fn order_first_the_greatest_order_and_place_stays() -> Result<()> {
    let mut table = Table::new("kinds_order_first").await?;
    let sink = table.sink(&of_kind(VersionKind::OrderFirst, 0)).await?;
    let mut leases = [table.lease(0).await?, table.lease(1).await?];
    let mut random = SmallRng::seed_from_u64(21);
    let mut greatest: BTreeMap<i64, (Option<i64>, i32, i32, i64, String)> = BTreeMap::new();
    for round in 0..120 {
        let partition = random.random_range(0..2);
        leases[partition].log = random.random_range(1..3);
        let first = random.random_range(0..40);
        let events = (0..3).map(|id| Event {
            id,
            at: random.random_range(-3..3),
            seq: random.random_bool(0.7).then(|| random.random_range(-2..2)),
            recorded: random.random_range(0..5),
            offset: first + id,
        });
        let events: Vec<Event> = events.collect();
        let lease = leases[partition].clone();
        table.write(&sink, &lease, &events).await?;
        for event in &events {
            let place = (lease.log, partition as i32, event.offset);
            let newness = (event.seq, place.0, place.1, place.2, tag(event));
            let best = greatest.entry(event.id).or_insert_with(|| newness.clone());
            // Of one place there is one event: a later one of the test's is the same, sent again.
            let of = |n: &(Option<i64>, i32, i32, i64, String)| (n.0, n.1, n.2, n.3);
            match of(best).cmp(&of(&newness)) {
                std::cmp::Ordering::Less => *best = newness,
                std::cmp::Ordering::Equal if best.4 != newness.4 => {
                    // The time decides then; read what was taken.
                    let sql = format!("select tag from people where id = {}", event.id);
                    best.4 = table.fixture.psql(&sql)?;
                }
                _ => {}
            }
        }
        if round % 20 == 19 {
            let expected = greatest.iter().map(|(id, n)| format!("{id}|{}", n.4));
            let expected: Vec<String> = expected.collect();
            assert_eq!(table.tags()?, expected.join("\n"), "round {round}");
        }
    }
    let said = "select distinct get_byte(_gm_version, 0) from people";
    assert_eq!(table.fixture.psql(said)?, "128");
    Ok(())
}

/// By the offset the order of a partition counts, whatever times say; between partitions Kafka's
/// time does.
#[tokio::test]
async fn by_the_offset_what_comes_later_in_a_partition_wins() -> Result<()> {
    let mut table = Table::new("kinds_offset").await?;
    let sink = table.sink(&of_kind(VersionKind::Offset, 0)).await?;
    let leases = [table.lease(0).await?, table.lease(1).await?];
    let event = |offset: i64, recorded| Event {
        id: 1,
        at: -offset,
        seq: Some(-offset),
        recorded,
        offset,
    };
    for (partition, event, wins) in [
        (0, event(5, 100), true),
        (0, event(6, 90), true),
        (0, event(5, 100), false),
        // The other partition has older and newer records.
        (1, event(900, 80), false),
        (1, event(901, 91), true),
        (0, event(7, 91), false),
        (1, event(902, 50), true),
        (0, event(8, 51), true),
    ] {
        table.write(&sink, &leases[partition], &[event]).await?;
        let is = table.tags()? == format!("1|{}", tag(&event));
        assert_eq!(is, wins, "{event:?} of {partition}: {}", table.tags()?);
    }
    Ok(())
}

/// Without Kafka's time (partition 5, offset 100) would lose to (2, 999,999) for ever.
#[tokio::test]
async fn an_added_partition_does_not_freeze_keys() -> Result<()> {
    let mut table = Table::new("kinds_added_partition").await?;
    let sink = table.sink(&of_kind(VersionKind::Offset, 0)).await?;
    let (old, added) = (table.lease(2).await?, table.lease(5).await?);
    let mut event = Event {
        id: 1,
        at: 0,
        seq: None,
        recorded: 1_000,
        offset: 999_999,
    };
    table.write(&sink, &old, &[event]).await?;
    (event.offset, event.recorded) = (100, 2_000);
    table.write(&sink, &added, &[event]).await?;
    assert_eq!(table.tags()?, "1|0/None/100");
    // A straggler of the old one is older.
    (event.offset, event.recorded) = (1_000_000, 1_500);
    table.write(&sink, &old, &[event]).await?;
    assert_eq!(table.tags()?, "1|0/None/100");
    Ok(())
}

#[tokio::test]
async fn a_topic_that_is_made_again_does_not_freeze_keys() -> Result<()> {
    for kind in [VersionKind::Offset, VersionKind::OrderFirst] {
        let mut table = Table::new(&format!("kinds_again_{}", kind as u8)).await?;
        let sink = table.sink(&of_kind(kind, 0)).await?;
        let mut lease = table.lease(0).await?;
        let mut event = Event {
            id: 1,
            at: 0,
            seq: Some(7),
            recorded: 1_000,
            offset: 999_999,
        };
        table.write(&sink, &lease, &[event]).await?;
        lease.log += 1;
        (event.offset, event.recorded) = (0, 900);
        table.write(&sink, &lease, &[event]).await?;
        assert_eq!(table.tags()?, "1|0/Some(7)/0", "{kind:?}");
    }
    Ok(())
}

/// Versions of two rules: of one partition the later offset wins, between partitions the later
/// time. So a source whose log starts again, with an epoch of its own, is not older for ever.
#[tokio::test]
async fn rules_of_all_kinds_are_compared_by_place_and_time() -> Result<()> {
    let mut table = Table::new("kinds_mixed").await?;
    let kinds = [
        (VersionKind::EventTime, 0),
        (VersionKind::OrderFirst, 0),
        (VersionKind::Offset, 0),
        (VersionKind::OrderFirst, 1),
        (VersionKind::EventTime, 2),
    ];
    let leases = [table.lease(0).await?, table.lease(1).await?];
    let mut sinks = Vec::new();
    for (kind, epoch) in kinds {
        sinks.push(table.sink(&of_kind(kind, epoch)).await?);
    }
    for (i, old) in sinks.iter().enumerate() {
        for (j, new) in sinks.iter().enumerate().filter(|(j, _)| *j != i) {
            for (partition, event, wins) in [
                (0, event_at(11, 40), true),
                (0, event_at(9, 60), false),
                (1, event_at(5, 60), true),
                (1, event_at(500, 40), false),
            ] {
                table.fixture.psql("truncate people")?;
                let first = event_at(10, 50);
                table.write(old, &leases[0], &[first]).await?;
                table.write(new, &leases[partition], &[event]).await?;
                let is = table.tags()? == format!("1|{}", tag(&event));
                assert_eq!(is, wins, "{i} {j} {event:?} of {partition}");
            }
        }
    }
    let rules = "select rule, version - 'order' from gristmill.target order by 1";
    assert_eq!(
        table.fixture.psql(rules)?,
        "1|{\"kind\": \"event-time\"}\n\
         2|{\"kind\": \"event-time\", \"epoch\": 2}\n\
         128|{\"kind\": \"order-first\"}\n\
         129|{\"kind\": \"offset\"}\n\
         130|{\"kind\": \"order-first\", \"epoch\": 1}"
    );
    Ok(())
}

fn event_at(offset: i64, at: i64) -> Event {
    Event {
        id: 1,
        at,
        seq: Some(-offset),
        recorded: at,
        offset,
    }
}

/// The functions read versions of each kind, and nobody's version is older than everything.
#[tokio::test]
async fn sql_reads_versions_of_each_kind() -> Result<()> {
    let mut table = Table::new("kinds_read").await?;
    let mut lease = table.lease(3).await?;
    lease.log = 2;
    for kind in [
        VersionKind::EventTime,
        VersionKind::OrderFirst,
        VersionKind::Offset,
    ] {
        let sink = table.sink(&of_kind(kind, 0)).await?;
        table
            .fixture
            .psql("truncate people; insert into people values (1, 'by hand', null)")?;
        table.write(&sink, &lease, &[event_at(300, -7)]).await?;
        let read = "select gristmill.log_of(v), gristmill.partition_of(v), gristmill.offset_of(v),
                (extract(epoch from gristmill.event_time_of(v)) * 1000)::int
            from (select _gm_version from people) as t (v)";
        assert_eq!(table.fixture.psql(read)?, "2|3|300|-7", "{kind:?}");
    }
    Ok(())
}
