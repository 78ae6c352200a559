//! An older event never overwrites a newer row, whatever the order in which they arrive.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context, Result};
use arrow_array::{ArrayRef, Int64Array, StringArray};
use gristmill_core::column::{Field, LogicalType};
use gristmill_core::plan::Roles;
use gristmill_postgres::commit::flush_error::FlushError;
use gristmill_postgres::commit::lease::Lease;
use gristmill_postgres::commit::sink::Sink;
use gristmill_postgres::table::rule_number;
use gristmill_postgres::table::target_table::TargetTable;
use gristmill_postgres::wire::connection::Connection;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use crate::fixture::{
    Fixture, PLAIN, VERSIONED, WITH_PROVENANCE, computed, computed_of, field, fields, roles, sink,
};

#[tokio::test]
async fn older_events_lose_and_ties_go_to_the_later_write_without_provenance() -> Result<()> {
    let fixture = Fixture::new("guard_plain", PLAIN).await?;
    let mut connection = fixture.connect().await?;
    let lease = fixture.take(&mut connection, 0).await?.lease;
    let steps = [
        (
            computed(0, &[(1, Some("update"), false, 60)]),
            "1|update|f|60",
        ),
        (
            computed(1, &[(1, Some("late delete"), true, 40)]),
            "1|update|f|60",
        ),
        (computed(2, &[(1, Some("tie"), false, 60)]), "1|tie|f|60"),
        (computed(3, &[(1, Some("delete"), true, 61)]), "1|tie|t|61"),
        (
            computed(4, &[(1, Some("older insert"), false, 50)]),
            "1|tie|t|61",
        ),
    ];
    for (i, (batch, expected)) in steps.iter().enumerate() {
        fixture
            .flush(&mut connection, &lease, i as i64, batch)
            .await?;
        assert_eq!(fixture.people()?, *expected, "step {i}");
    }
    assert_eq!(fixture.next_offset()?, "5");
    Ok(())
}

#[tokio::test]
async fn rows_that_are_turned_away_are_counted_once() -> Result<()> {
    let fixture = Fixture::new("guard_counts", VERSIONED).await?;
    let mut connection = fixture.connect().await?;
    let lease = fixture.take(&mut connection, 0).await?.lease;
    let (new, old) = (Some("new"), Some("old"));
    let steps = [
        (computed(0, &[(1, new, false, 60), (2, new, false, 60)]), 0),
        (computed(2, &[(1, old, false, 50), (2, old, false, 50)]), 2),
        (computed(4, &[(1, old, false, 50), (2, new, false, 70)]), 1),
        (computed(6, &[(1, old, true, 50)]), 1),
        (computed(7, &[(1, new, false, 80)]), 0),
    ];
    let mut next = 0;
    for (i, (batch, stale)) in steps.iter().enumerate() {
        let flushed = fixture.flush(&mut connection, &lease, next, batch).await?;
        assert_eq!(flushed.stale_rows, *stale, "step {i}");
        next = batch.next_offset;
    }
    // What is rolled back does not count.
    let fenced = fixture.flush(&mut connection, &lease, 0, &steps[1].0).await;
    assert!(matches!(fenced, Err(FlushError::Fenced)), "{fenced:?}");
    let last = computed(next, &[(1, new, false, 90)]);
    let flushed = fixture.flush(&mut connection, &lease, next, &last).await?;
    assert_eq!(flushed.stale_rows, 0);
    Ok(())
}

#[tokio::test]
async fn with_provenance_a_tie_goes_to_the_higher_partition_then_the_later_offset() -> Result<()> {
    let fixture = Fixture::new("guard_ties", WITH_PROVENANCE).await?;
    let mut connection = fixture.connect().await?;
    let (low, high) = (
        fixture.take(&mut connection, 1).await?.lease,
        fixture.take(&mut connection, 2).await?.lease,
    );
    fixture
        .flush(
            &mut connection,
            &high,
            0,
            &computed(0, &[(1, Some("p2 o0"), false, 9)]),
        )
        .await?;
    fixture
        .flush(
            &mut connection,
            &low,
            0,
            &computed(0, &[(1, Some("p1 o0"), false, 9)]),
        )
        .await?;
    assert_eq!(fixture.people()?, "1|p2 o0|f|9");
    fixture
        .flush(
            &mut connection,
            &high,
            1,
            &computed(1, &[(1, Some("p2 o1"), false, 9)]),
        )
        .await?;
    assert_eq!(fixture.people()?, "1|p2 o1|f|9");
    // As a later offset would have left it: the earlier one loses the tie.
    fixture.psql("update people set _gm_offset = 100, name = 'p2 o100'")?;
    fixture
        .flush(
            &mut connection,
            &high,
            2,
            &computed(2, &[(1, Some("p2 o2"), false, 9)]),
        )
        .await?;
    assert_eq!(fixture.people()?, "1|p2 o100|f|9");
    // A row that somebody else wrote has neither partition nor offset.
    fixture.psql("update people set _gm_partition = null, _gm_offset = null, name = 'by hand'")?;
    fixture
        .flush(
            &mut connection,
            &low,
            1,
            &computed(1, &[(1, Some("older"), false, 8)]),
        )
        .await?;
    assert_eq!(fixture.people()?, "1|by hand|f|9");
    fixture
        .flush(
            &mut connection,
            &low,
            2,
            &computed(2, &[(1, Some("tie"), false, 9)]),
        )
        .await?;
    assert_eq!(fixture.people()?, "1|tie|f|9");
    assert_eq!(
        fixture.psql("select _gm_partition, _gm_offset from people")?,
        "1|2"
    );
    Ok(())
}

const ORDERED: &str = "create table people (
    id bigint primary key, at timestamp, seq int, tag text collate \"und-x-icu\",
    _gm_partition int, _gm_offset bigint
)";

/// Event time, then two order columns that may be null, then partition and offset: after any
/// sequence of flushes each key holds the greatest version.
#[tokio::test]
async fn whatever_arrives_when_the_greatest_version_stays() -> Result<()> {
    let fixture = Fixture::new("guard_order", WITH_PROVENANCE).await?;
    fixture.psql(&format!("drop table people; {ORDERED}"))?;
    let mut connection = fixture.connect().await?;
    let target = TargetTable::load(&connection, "people")
        .await?
        .context("the table")?;
    let fields = vec![
        field("id", LogicalType::Int64),
        field("at", LogicalType::TimestampMs),
        field("seq", LogicalType::Int64),
        field("tag", LogicalType::Text),
    ];
    let roles = Roles {
        key: vec!["id".into()],
        event_time: "at".into(),
        deleted: None,
        order: vec!["seq".into(), "tag".into()],
        ..Roles::default()
    };
    let sink = Sink::new(&target, &fields, &roles)?;
    let leases = [
        fixture.take(&mut connection, 0).await?.lease,
        fixture.take(&mut connection, 1).await?.lease,
    ];
    let (mut next, mut oracle) = ([0; 2], BTreeMap::new());
    let mut random = SmallRng::seed_from_u64(7);
    for _ in 0..150 {
        let partition = random.random_range(0..2);
        let offset = next[partition];
        let mut rows = Vec::new();
        for id in (0..4i64).filter(|id| (offset + id) % 3 != 0) {
            let seq = random
                .random_bool(0.7)
                .then(|| random.random_range(0..2i64));
            let tag = random
                .random_bool(0.7)
                .then(|| ["Z", "a", "é"][random.random_range(0..3)]);
            rows.push((id, random.random_range(0..3i64), seq, tag));
        }
        let columns: Vec<ArrayRef> = vec![
            Arc::new(rows.iter().map(|r| Some(r.0)).collect::<Int64Array>()),
            Arc::new(rows.iter().map(|r| Some(r.1)).collect::<Int64Array>()),
            Arc::new(rows.iter().map(|r| r.2).collect::<Int64Array>()),
            Arc::new(rows.iter().map(|r| r.3).collect::<StringArray>()),
        ];
        let mut batch = computed_of(offset, rows.len(), fields.clone(), columns);
        batch.next_offset = offset + 4;
        sink.flush(
            &mut connection,
            &leases[partition],
            offset,
            &batch,
            1,
            &|_| None,
        )
        .await?;
        next[partition] += 4;
        for (i, (id, at, seq, tag)) in rows.into_iter().enumerate() {
            let version = (at, seq, tag, partition, offset + i as i64);
            let best = oracle.entry(id).or_insert(version);
            *best = (*best).max(version);
        }
    }
    let expected: Vec<_> = oracle
        .iter()
        .map(|(id, (at, seq, tag, partition, offset))| {
            let seq = seq.map(|s: i64| s.to_string()).unwrap_or_default();
            format!(
                "{id}|{at}|{seq}|{}|{partition}|{offset}",
                tag.unwrap_or_default()
            )
        })
        .collect();
    let sql = "select id, (extract(epoch from at) * 1000)::bigint, seq, tag,
            _gm_partition, _gm_offset
        from people order by id";
    assert_eq!(fixture.psql(sql)?, expected.join("\n"));
    Ok(())
}

/// The usual trigger, and one on what the user reads: both change what the columns would say.
const TRIGGER: &str = "create function touch() returns trigger language plpgsql as
    $$ begin new.at := now(); new.name := upper(new.name); return new; end $$;
    create trigger touch before insert or update on people for each row execute function touch()";

#[tokio::test]
async fn triggers_do_not_change_which_event_is_newer() -> Result<()> {
    let fixture = Fixture::new("guard_triggers", &format!("{VERSIONED}; {TRIGGER}")).await?;
    let mut connection = fixture.connect().await?;
    let lease = fixture.take(&mut connection, 0).await?.lease;
    let second = 1_726_531_200_000_000_i64;
    let steps = [
        (second, "first", "FIRST"),
        (second + 2, "third", "THIRD"),
        (second + 1, "late", "THIRD"),
        (second + 2, "tie", "TIE"),
    ];
    for (i, (at, name, expected)) in steps.into_iter().enumerate() {
        let batch = computed(i as i64, &[(1, Some(name), false, at)]);
        fixture
            .flush(&mut connection, &lease, i as i64, &batch)
            .await?;
        assert_eq!(
            fixture.psql("select name from people")?,
            expected,
            "step {i}"
        );
    }
    let place = "select gristmill.log_of(v), gristmill.partition_of(v), gristmill.offset_of(v),
            extract(epoch from gristmill.event_time_of(v)) * 1000000 = 1726531200000002
        from (select _gm_version from people) as t (v)";
    assert_eq!(fixture.psql(place)?, "1|0|3|t");
    // What nobody of us wrote is older than everything.
    fixture
        .psql("alter table people disable trigger user; update people set _gm_version = null")?;
    let older = computed(4, &[(1, Some("older"), false, second - 9)]);
    fixture.flush(&mut connection, &lease, 4, &older).await?;
    assert_eq!(fixture.psql("select name from people")?, "older");
    Ok(())
}

/// What decides which of two events of a key is the newer.
type Newness = (i64, Option<i64>, Option<&'static str>, i32, i32, i64);

/// Random versions of four keys, and the greatest of each.
struct Versions {
    random: SmallRng,
    next: [i64; 2],
    greatest: BTreeMap<i64, Newness>,
}

impl Versions {
    fn new(seed: u64) -> Self {
        Self {
            random: SmallRng::seed_from_u64(seed),
            next: [0; 2],
            greatest: BTreeMap::new(),
        }
    }

    /// Writes some of the keys, each with a random version, by `sink`.
    async fn flush(
        &mut self,
        connection: &mut Connection,
        sink: &Sink,
        leases: &[Lease; 2],
    ) -> Result<()> {
        let random = &mut self.random;
        let partition = random.random_range(0..2);
        let (lease, offset) = (&leases[partition], self.next[partition]);
        let mut rows: Vec<(i64, Newness)> = Vec::new();
        for id in (0..4i64).filter(|id| (offset + id) % 3 != 0) {
            let some = random.random_bool(0.7);
            let seq = some.then(|| random.random_range(0..2i64));
            let some = random.random_bool(0.7);
            let tag = some.then(|| ["Z", "a", "é"][random.random_range(0..3)]);
            let at = offset + rows.len() as i64;
            let time = random.random_range(0..3i64);
            rows.push((id, (time, seq, tag, lease.log, partition as i32, at)));
        }
        let columns: Vec<ArrayRef> = vec![
            Arc::new(rows.iter().map(|r| Some(r.0)).collect::<Int64Array>()),
            Arc::new(rows.iter().map(|r| Some(r.1.0)).collect::<Int64Array>()),
            Arc::new(rows.iter().map(|r| r.1.1).collect::<Int64Array>()),
            Arc::new(rows.iter().map(|r| r.1.2).collect::<StringArray>()),
        ];
        let mut batch = computed_of(offset, rows.len(), ordered_fields(), columns);
        batch.next_offset = offset + 4;
        sink.flush(connection, lease, offset, &batch, 1, &|_| None)
            .await?;
        self.next[partition] += 4;
        for (id, version) in rows {
            let best = self.greatest.entry(id).or_insert(version);
            *best = (*best).max(version);
        }
        Ok(())
    }

    /// `id|seq|tag` of each key's greatest version.
    fn expected(&self) -> String {
        let line = |(id, (_, seq, tag, ..)): (&i64, &Newness)| {
            let seq = seq.map(|s| s.to_string()).unwrap_or_default();
            format!("{id}|{seq}|{}", tag.unwrap_or_default())
        };
        self.greatest
            .iter()
            .map(line)
            .collect::<Vec<_>>()
            .join("\n")
    }
}

fn ordered_fields() -> Vec<Field> {
    vec![
        field("id", LogicalType::Int64),
        field("at", LogicalType::TimestampMs),
        field("seq", LogicalType::Int64),
        field("tag", LogicalType::Text),
    ]
}

fn ordered_roles(order: &[&str]) -> Roles {
    Roles {
        key: vec!["id".into()],
        event_time: "at".into(),
        deleted: None,
        order: order.iter().map(ToString::to_string).collect(),
        ..Roles::default()
    }
}

const GREATEST: &str = "select id, seq, tag from people order by id";

async fn ordered_sink(connection: &Connection, order: &[&str]) -> Result<Sink> {
    let target = TargetTable::load(connection, "people")
        .await?
        .context("the table")?;
    sink(
        connection,
        &target,
        &ordered_fields(),
        &ordered_roles(order),
    )
    .await
}

/// In whatever order versions arrive, of two partitions and a topic that is made again, and
/// whatever a trigger does to the columns that they came from.
#[tokio::test]
async fn whatever_triggers_do_the_greatest_version_stays() -> Result<()> {
    let fixture = Fixture::new("guard_versions", PLAIN).await?;
    fixture.psql(
        "drop table people;
        create table people (id bigint primary key, at timestamptz, seq int, tag text,
            _gm_version bytea);
        create function touch() returns trigger language plpgsql as
            $$ begin new.at := now(); return new; end $$;
        create trigger touch before insert or update on people
            for each row execute function touch()",
    )?;
    let mut connection = fixture.connect().await?;
    let sink = ordered_sink(&connection, &["seq", "tag"]).await?;
    let mut leases = [
        fixture.take(&mut connection, 0).await?.lease,
        fixture.take(&mut connection, 1).await?.lease,
    ];
    let mut versions = Versions::new(11);
    for round in 0..150 {
        if round == 75 {
            // The topic was made again: its offsets begin anew.
            fixture.psql("update gristmill.checkpoint set next_offset = 0, log = log + 1")?;
            leases.iter_mut().for_each(|lease| lease.log += 1);
            versions.next = [0; 2];
        }
        versions.flush(&mut connection, &sink, &leases).await?;
        if round % 10 == 0 || round > 140 {
            assert_eq!(
                fixture.psql(GREATEST)?,
                versions.expected(),
                "round {round}"
            );
        }
    }
    Ok(())
}

/// A table that is changed over while it is filled, and back, and over again: rows that have no
/// version yet are compared by the columns that they have.
#[tokio::test]
async fn rows_of_both_guards_are_compared() -> Result<()> {
    let fixture = Fixture::new("guard_changed_over", PLAIN).await?;
    fixture.psql(
        "drop table people;
        create table people (id bigint primary key, at timestamptz, seq int, tag text,
            _gm_partition int, _gm_offset bigint)",
    )?;
    let mut connection = fixture.connect().await?;
    let leases = [
        fixture.take(&mut connection, 0).await?.lease,
        fixture.take(&mut connection, 1).await?.lease,
    ];
    let order = ["seq", "tag"];
    let mut versions = Versions::new(12);
    let before = ordered_sink(&connection, &order).await?;
    for _ in 0..20 {
        versions.flush(&mut connection, &before, &leases).await?;
    }
    fixture.psql("alter table people add column _gm_version bytea")?;
    let after = ordered_sink(&connection, &order).await?;
    let target = TargetTable::load(&connection, "people")
        .await?
        .context("the table")?;
    let back = Sink::new(&target, &ordered_fields(), &ordered_roles(&order))?;
    for round in 0..120 {
        let sink = match versions.random.random_bool(0.5) {
            true => &after,
            false => &back,
        };
        versions.flush(&mut connection, sink, &leases).await?;
        if round % 10 == 0 {
            assert_eq!(
                fixture.psql(GREATEST)?,
                versions.expected(),
                "round {round}"
            );
        }
    }
    Ok(())
}

/// Where a trigger may have changed what the columns say, a row without a version is compared by
/// its place in the log.
#[tokio::test]
async fn a_row_that_a_trigger_may_have_changed_is_compared_by_its_offset() -> Result<()> {
    let fixture = Fixture::new("guard_places", WITH_PROVENANCE).await?;
    let mut connection = fixture.connect().await?;
    let lease = fixture.take(&mut connection, 0).await?.lease;
    fixture
        .flush(
            &mut connection,
            &lease,
            0,
            &computed(0, &[(1, Some("first"), false, 60)]),
        )
        .await?;
    // As the trigger left it, in the future of all events.
    fixture.psql(&format!(
        "update people set at = now(); alter table people add column _gm_version bytea; {TRIGGER}"
    ))?;
    let target = TargetTable::load(&connection, "people")
        .await?
        .context("the table")?;
    let sink = sink(&connection, &target, &fields(), &roles()).await?;
    let newer = computed(1, &[(1, Some("second"), false, 61)]);
    sink.flush(&mut connection, &lease, 1, &newer, 1, &|_| None)
        .await?;
    assert_eq!(fixture.psql("select name from people")?, "SECOND");
    let late = computed(2, &[(1, Some("late"), false, 59)]);
    sink.flush(&mut connection, &lease, 2, &late, 1, &|_| None)
        .await?;
    assert_eq!(fixture.psql("select name from people")?, "SECOND");
    Ok(())
}

/// Versions of two rules do not compare as bytes: of one partition the later offset wins, between
/// partitions the later event time.
#[tokio::test]
async fn rules_with_other_order_columns_have_numbers_of_their_own() -> Result<()> {
    let fixture = Fixture::new("guard_rules", PLAIN).await?;
    fixture.psql(
        "drop table people;
        create table people (id bigint primary key, at timestamptz, seq int, tag text,
            _gm_version bytea)",
    )?;
    let mut connection = fixture.connect().await?;
    let leases = [
        fixture.take(&mut connection, 0).await?.lease,
        fixture.take(&mut connection, 1).await?.lease,
    ];
    let one = ordered_sink(&connection, &[]).await?;
    let two = ordered_sink(&connection, &["seq"]).await?;
    let again = ordered_sink(&connection, &[]).await?;
    let row = |offset: i64, time: i64, tag: &str| {
        let columns: Vec<ArrayRef> = vec![
            Arc::new(Int64Array::from(vec![1])),
            Arc::new(Int64Array::from(vec![time])),
            Arc::new(Int64Array::from(vec![Some(1)])),
            Arc::new(StringArray::from(vec![tag])),
        ];
        computed_of(offset, 1, ordered_fields(), columns)
    };
    for (sink, partition, offset, time, tag, expected) in [
        (&one, 0, 0, 50, "one", "one"),
        // A later offset of the same partition.
        (&two, 0, 1, 40, "two", "two"),
        (&two, 0, 2, 39, "late", "two"),
        // Another partition.
        (&again, 1, 0, 30, "older", "two"),
        (&again, 1, 1, 60, "newer", "newer"),
        (&two, 0, 3, 59, "older", "newer"),
        (&again, 1, 2, 59, "late", "newer"),
    ] {
        let batch = row(offset, time, tag);
        sink.flush(
            &mut connection,
            &leases[partition],
            offset,
            &batch,
            1,
            &|_| None,
        )
        .await?;
        assert_eq!(
            fixture.psql("select tag from people")?,
            expected,
            "{tag} {offset}"
        );
    }
    let rules = "select rule, version -> 'order' from gristmill.target order by 1";
    assert_eq!(fixture.psql(rules)?, "1|[]\n2|[[\"seq\", \"int64\"]]");
    Ok(())
}

/// What the bytes mean hangs on the number, and the number goes where the rows go.
#[tokio::test]
async fn a_rule_keeps_its_number_when_the_table_gets_another_name() -> Result<()> {
    let fixture = Fixture::new("guard_renamed", PLAIN).await?;
    let versions = "id bigint primary key, at timestamptz, seq int, tag text, _gm_version bytea";
    fixture.psql(&format!(
        "drop table people; create table people ({versions});
        create table others ({versions})"
    ))?;
    let connection = fixture.connect().await?;
    let number = async |table: &str, order: &[&str]| {
        let target = TargetTable::load(&connection, table).await?;
        let target = target.context("the table")?;
        let (fields, roles) = (ordered_fields(), ordered_roles(order));
        anyhow::Ok(rule_number::number(&connection, &target, &fields, &roles).await?)
    };
    assert_eq!(number("people", &[]).await?, 1);
    assert_eq!(number("people", &["seq"]).await?, 2);
    assert_eq!(number("others", &["seq"]).await?, 1);
    // One row of the second rule, one of somebody else, and one whose version is unknown.
    fixture.psql(
        "insert into people values (1, now(), 1, 'a', '\\x0200'), (2, now(), 1, 'b', null),
            (3, now(), 1, 'c', gristmill.version_of(now()));
        alter table people rename to folk",
    )?;
    assert_eq!(number("folk", &["seq"]).await?, 2);
    assert_eq!(number("folk", &[]).await?, 1);
    // A copy, and a table that gets the name of another.
    fixture.psql(
        "create table copied as select * from folk;
        alter table others rename to people",
    )?;
    assert_eq!(number("copied", &["seq"]).await?, 3);
    assert_eq!(number("copied", &["seq"]).await?, 3);
    assert_eq!(number("people", &["seq"]).await?, 1);
    assert_eq!(number("people", &[]).await?, 3);
    Ok(())
}
