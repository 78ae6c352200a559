//! An older event never overwrites a newer row, whatever the order in which they arrive.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context, Result};
use arrow_array::{ArrayRef, Int64Array, StringArray};
use gristmill_core::column::LogicalType;
use gristmill_core::plan::Roles;
use gristmill_postgres::commit::flush_error::FlushError;
use gristmill_postgres::commit::sink::Sink;
use gristmill_postgres::table::target_table::TargetTable;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use crate::fixture::{Fixture, PLAIN, VERSIONED, WITH_PROVENANCE, computed, computed_of, field};

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
