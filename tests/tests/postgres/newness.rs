//! Which of two events is newer, as `_gm_version` says it: of one rule, of two, and beside rows
//! that have none yet.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context, Result};
use arrow_array::{ArrayRef, Int64Array, StringArray};
use gristmill_core::column::{Field, LogicalType};
use gristmill_core::plan::Roles;
use gristmill_postgres::commit::lease::Lease;
use gristmill_postgres::commit::sink::Sink;
use gristmill_postgres::table::rule_number;
use gristmill_postgres::table::target_table::TargetTable;
use gristmill_postgres::wire::connection::Connection;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use crate::fixture::{Fixture, PLAIN, computed_of, field, sink};

/// What decides which of two events of a key is the newer.
type Newness = (i64, Option<i64>, Option<&'static str>, i32, i32, i64);

/// Random versions of four keys, and the greatest of each.
pub(crate) struct Versions {
    random: SmallRng,
    pub(crate) next: [i64; 2],
    greatest: BTreeMap<i64, Newness>,
}

impl Versions {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            random: SmallRng::seed_from_u64(seed),
            next: [0; 2],
            greatest: BTreeMap::new(),
        }
    }

    /// Writes some of the keys, each with a random version, by `sink`.
    pub(crate) async fn flush(
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
    pub(crate) fn expected(&self) -> String {
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

pub(crate) fn ordered_fields() -> Vec<Field> {
    vec![
        field("id", LogicalType::Int64),
        field("at", LogicalType::TimestampMs),
        field("seq", LogicalType::Int64),
        field("tag", LogicalType::Text),
    ]
}

pub(crate) fn ordered_roles(order: &[&str]) -> Roles {
    Roles {
        key: vec!["id".into()],
        event_time: "at".into(),
        deleted: None,
        order: order.iter().map(ToString::to_string).collect(),
        ..Roles::default()
    }
}

pub(crate) const GREATEST: &str = "select id, seq, tag from people order by id";

pub(crate) async fn ordered_sink(connection: &Connection, order: &[&str]) -> Result<Sink> {
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
