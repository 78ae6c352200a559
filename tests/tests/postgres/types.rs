//! Every logical type, on its way into the table.

use std::sync::Arc;

use anyhow::{Context, Result};
use arrow_array::{ArrayRef, BinaryArray, BooleanArray, Float64Array, Int64Array, StringArray};
use gristmill_core::chain::Computed;
use gristmill_core::column::{Field, LogicalType};
use gristmill_core::plan::Roles;
use gristmill_postgres::commit::sink::Sink;
use gristmill_postgres::table::dimension_query;
use gristmill_postgres::table::target_table::TargetTable;

use crate::fixture::{Fixture, PLAIN, computed_of, field};

const TABLE: &str = "create type mood as enum ('calm', 'sad');
    create domain short as varchar(30);
    create table people (
        id bigint primary key, at timestamptz not null,
        flag boolean, small smallint, whole numeric, real8 double precision, real4 real,
        words text, short short, mood mood, raw bytea,
        ms timestamptz, local timestamp, day date,
        uid uuid, price numeric(20,4), doc jsonb, plain_doc json,
        clock time, brief time(3), amount numeric, _gm_offset bigint
    )";

fn fields() -> Vec<Field> {
    use LogicalType::*;
    let types = [
        ("id", Int64),
        ("at", TimestampUs),
        ("flag", Boolean),
        ("small", Int64),
        ("whole", Int64),
        ("real8", Float64),
        ("real4", Float64),
        ("words", Text),
        ("short", Text),
        ("mood", Text),
        ("raw", Bytes),
        ("ms", TimestampMs),
        ("local", TimestampUs),
        ("day", Date),
        ("uid", Uuid),
        (
            "price",
            Decimal {
                precision: 20,
                scale: 4,
            },
        ),
        ("doc", Json),
        ("plain_doc", Json),
        ("clock", TimeUs),
        ("brief", TimeMs),
        ("amount", Numeric),
    ];
    types
        .into_iter()
        .map(|(name, logical_type)| field(name, logical_type))
        .collect()
}

/// Values of row `id`, chosen at the edges and null in turn.
fn batch(from: i64, ids: std::ops::Range<i64>) -> Computed {
    let ids: Vec<i64> = ids.collect();
    fn pick<T: Copy>(id: i64, column: i64, choices: &[T]) -> Option<T> {
        let i = ((id + column) as usize) % (choices.len() + 1);
        choices.get(i).copied()
    }
    let ints = |column: i64, choices: &[i64]| -> ArrayRef {
        Arc::new(
            ids.iter()
                .map(|&id| pick(id, column, choices))
                .collect::<Int64Array>(),
        )
    };
    let floats = |column, choices: &[f64]| -> ArrayRef {
        Arc::new(
            ids.iter()
                .map(|&id| pick(id, column, choices))
                .collect::<Float64Array>(),
        )
    };
    let texts = |column, choices: &[&str]| -> ArrayRef {
        Arc::new(
            ids.iter()
                .map(|&id| pick(id, column, choices))
                .collect::<StringArray>(),
        )
    };
    // 4714-11-24 BC, the first instant that Postgres holds, 294247-01-10, the last that
    // microseconds since 1970 do, and the infinities.
    let times = [
        0,
        1,
        -1,
        1_726_531_200_123_457,
        -210_866_803_200_000_000,
        i64::MAX - 1,
        i64::MAX,
        i64::MIN,
    ];
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from(ids.clone())),
        Arc::new(
            ids.iter()
                .map(|&id| Some(times[id as usize % times.len()]))
                .collect::<Int64Array>(),
        ),
        Arc::new(
            ids.iter()
                .map(|&id| pick(id, 0, &[true, false]))
                .collect::<BooleanArray>(),
        ),
        ints(1, &[i64::from(i16::MIN), 0, i64::from(i16::MAX)]),
        ints(2, &[i64::MIN, i64::MAX]),
        floats(
            3,
            &[
                f64::NAN,
                f64::INFINITY,
                f64::NEG_INFINITY,
                -0.0,
                f64::MIN_POSITIVE,
                f64::MAX,
                0.1,
            ],
        ),
        floats(4, &[f64::NAN, f64::INFINITY, 0.5]),
        texts(5, &["", "grüße 🌾", "a'b\"c\\d\n\t,{}", "\u{1}"]),
        texts(6, &["thirty characters are allowed.", "é"]),
        texts(7, &["calm", "sad"]),
        Arc::new(
            ids.iter()
                .map(|&id| pick(id, 8, &[&b""[..], &b"\x00\xff"[..]]))
                .collect::<BinaryArray>(),
        ),
        ints(9, &[0, -1, 1_726_531_200_123, i64::MAX, i64::MIN]),
        ints(10, &times),
        // 4714-11-24 BC and 5874897-12-31: the ends of what Postgres holds.
        ints(
            11,
            &[0, -1, 20_000, -2_440_588, 2_145_042_905, i64::MAX, i64::MIN],
        ),
        texts(
            12,
            &[
                "00000000-0000-0000-0000-000000000000",
                "F47AC10B-58CC-4372-A567-0E02B2C3D479",
            ],
        ),
        texts(13, &["0", "-1234567890123456.7891", "1e3", "NaN"]),
        texts(14, &["null", "{\"b\": [1, \"é\"], \"a\": 1e400}"]),
        texts(15, &["{\"b\":1,  \"b\":2}", "[]"]),
        ints(16, &[0, 1, 45_296_789_012, 86_400_000_000]),
        ints(17, &[0, 45_296_789, 86_400_000]),
        texts(18, &["0", "1e30", "-0.000000000000000000001", "Infinity"]),
    ];
    computed_of(from, ids.len(), fields(), columns)
}

async fn sink(fixture: &Fixture, connection: &tokio_postgres::Client) -> Result<Sink> {
    let roles = Roles {
        key: vec!["id".into()],
        event_time: "at".into(),
        deleted: None,
        order: vec![],
        ..Roles::default()
    };
    let target = TargetTable::load(connection, "people")
        .await?
        .with_context(|| format!("the table of {}", fixture.name))?;
    Ok(Sink::new(&target, &fields(), &roles)?)
}

#[tokio::test]
async fn small_batches_and_a_large_one_write_the_same_of_every_type() -> Result<()> {
    const ROWS: i64 = 6_000;
    let fixture = Fixture::new("types", PLAIN).await?;
    fixture.psql(&format!("drop table people; {TABLE}"))?;
    let mut connection = fixture.connect().await?;
    let lease = fixture.take(&mut connection, 0).await?.lease;
    let sink = sink(&fixture, &connection).await?;
    for from in (0..ROWS).step_by(1_500) {
        sink.flush(
            &mut connection,
            &lease,
            from,
            &batch(from, from..from + 1_500),
            1,
            &|_| None,
        )
        .await?;
    }
    fixture.psql(
        "alter table people rename to in_small; create table people (like in_small including all)",
    )?;
    let other = fixture.take(&mut connection, 1).await?.lease;
    let sink = self::sink(&fixture, &connection).await?;
    sink.flush(&mut connection, &other, 0, &batch(0, 0..ROWS), 1, &|_| None)
        .await?;
    let differ = "select count(*) from in_small a full join people b using (id)
        where a is null or b is null or a::text <> b::text";
    assert_eq!(fixture.psql(differ)?, "0");
    assert_eq!(
        fixture.psql("select count(*) from people")?,
        ROWS.to_string()
    );
    // And they are what was meant: row 3 whole, and the edges in other rows.
    let shown = "select at at time zone 'UTC', flag, small, whole, real8, words, mood, raw,
            ms at time zone 'UTC', local, day, uid, price, doc, plain_doc, clock, brief, amount,
            _gm_offset
        from people where id = 3";
    let expected = [
        "2024-09-17 00:00:00.123457|t|-32768||0.1|\u{1}|sad||1970-01-01 00:00:00",
        "|4714-11-24 00:00:00 BC|-infinity|00000000-0000-0000-0000-000000000000",
        "|-1234567890123456.7891||{\"b\":1,  \"b\":2}",
        "||00:00:00|1000000000000000000000000000000|3",
    ]
    .concat();
    assert_eq!(fixture.psql(shown)?, expected);
    let edges = [
        ("at = '4714-11-24 BC UTC'", 750),
        ("at = '294247-01-10 04:00:54.775806 UTC'", 750),
        ("local = '294247-01-10 04:00:54.775806'", 667),
        ("isfinite(at)", 4_500),
        ("at = 'infinity'", 750),
        ("at = '-infinity'", 750),
        ("local = 'infinity'", 667),
        ("ms = 'infinity'", 1_000),
        ("ms = '-infinity'", 1_000),
        ("day = 'infinity'", 750),
        ("day = '-infinity'", 750),
        ("clock = '24:00'", 1_200),
        ("brief = '12:34:56.789'", 1_500),
        ("amount = '-0.000000000000000000001'", 1_200),
        ("real8 = 'NaN'", 750),
        ("real8 = '-Infinity'", 750),
        ("real8::text = '-0'", 750),
        ("whole = -9223372036854775808", 2_000),
        ("words = 'grüße 🌾'", 1_200),
        ("words = E'a\\'b\"c\\\\d\\n\\t,{}'", 1_200),
        ("words = ''", 1_200),
        ("raw = '\\x00ff'", 2_000),
        ("day = '5874897-12-31'", 750),
        ("day = '4714-11-24 BC'", 750),
        (
            "doc = ('{\"b\": [1, \"é\"], \"a\": 1' || repeat('0', 400) || '}')::jsonb",
            2_000,
        ),
        ("doc = 'null'", 2_000),
        ("uid = 'f47ac10b-58cc-4372-a567-0e02b2c3d479'", 2_000),
    ];
    for (what, count) in edges {
        let found = fixture.psql(&format!(
            "set timezone = 'UTC'; select count(*) from people where {what}"
        ))?;
        assert_eq!(found, count.to_string(), "{what}");
    }
    Ok(())
}

#[tokio::test]
async fn a_dimension_query_gives_columns_of_the_same_types() -> Result<()> {
    let fixture = Fixture::new("types_dimension", PLAIN).await?;
    fixture.psql(&format!("drop table people; {TABLE}"))?;
    let mut connection = fixture.connect().await?;
    let lease = fixture.take(&mut connection, 0).await?.lease;
    let sink = sink(&fixture, &connection).await?;
    let written = batch(0, 0..40);
    sink.flush(&mut connection, &lease, 0, &written, 1, &|_| None)
        .await?;
    let loaded = dimension_query::load(
        &connection,
        "select id, at, flag, small, real8, words, mood, raw, local, day, uid, price, clock, amount
        from people order by id;",
    )
    .await?;
    assert!(loaded.is_well_formed());
    for (field, column) in loaded.fields.iter().zip(&loaded.columns) {
        let i = written
            .rows
            .position(&field.name)
            .context("the written column")?;
        assert_eq!(
            field.logical_type, written.rows.fields[i].logical_type,
            "{}",
            field.name
        );
        if !matches!(field.name.as_str(), "uid" | "price" | "real8" | "amount") {
            assert_eq!(
                column.values.as_ref(),
                written.rows.columns[i].values.as_ref(),
                "{}",
                field.name
            );
        }
    }
    let error = dimension_query::load(&connection, "select id, '{1}'::int[] as list from people")
        .await
        .expect_err("no column type");
    assert!(error.to_string().contains("its column list is"), "{error}");
    Ok(())
}
