//! Text into columns of every type that reads it, and lists in JSON into columns of arrays.

use std::sync::Arc;

use anyhow::{Context, Result};
use arrow_array::{ArrayRef, BooleanArray, Int64Array, StringArray};
use gristmill_core::chain::Computed;
use gristmill_core::column::{Field, LogicalType};
use gristmill_core::decode::{JsonBytes, JsonDecimals, JsonForms};
use gristmill_core::plan::Roles;
use gristmill_postgres::commit::sink::Sink;
use gristmill_postgres::table::row_lookup::{FoundRow, RowLookup};
use gristmill_postgres::table::target_table::TargetTable;

use crate::fixture::{Fixture, PLAIN, computed_of, field};

/// A column's type, what is written to it as which type, and what Postgres makes of it.
type Case = (&'static str, LogicalType, &'static str, &'static str);

const CASES: [Case; 36] = {
    use LogicalType::{Json, Numeric, Text};
    [
        (
            "interval",
            Text,
            "P1Y2M3DT4H5M6.789S",
            "1 year 2 mons 3 days 04:05:06.789",
        ),
        ("inet", Text, "10.1.2.3/24", "10.1.2.3/24"),
        ("cidr", Text, "10.1.0.0/16", "10.1.0.0/16"),
        ("macaddr", Text, "08:00:2b:01:02:03", "08:00:2b:01:02:03"),
        ("xml", Text, "<a>1</a>", "<a>1</a>"),
        ("money", Text, "$12.34", "$12.34"),
        ("money", Numeric, "-12.34", "-$12.34"),
        ("point", Text, "(1.5,2.5)", "(1.5,2.5)"),
        (
            "tstzrange",
            Text,
            "[\"2024-01-01 00:00:00+00\",\"2024-02-01 00:00:00+00\")",
            "[\"2024-01-01 00:00:00+00\",\"2024-02-01 00:00:00+00\")",
        ),
        ("int4range", Text, "[1,5)", "[1,5)"),
        ("bit(4)", Text, "1010", "1010"),
        ("varbit(9)", Text, "101", "101"),
        ("mood", Text, "happy", "happy"),
        ("small_mood", Text, "sad", "sad"),
        ("timetz", Text, "10:34:56.789012Z", "10:34:56.789012+00"),
        (
            "timestamptz",
            Text,
            "2024-03-10T08:30:00.5Z",
            "2024-03-10 08:30:00.5+00",
        ),
        (
            "timestamp(0)",
            Text,
            "2024-03-10T08:30:00.5Z",
            "2024-03-10 08:30:01",
        ),
        (
            "timestamp",
            Text,
            "2024-03-10T08:30:00.5+02:00",
            "2024-03-10 06:30:00.5",
        ),
        ("timestamp", Text, "infinity", "infinity"),
        ("date", Text, "2024-03-10", "2024-03-10"),
        (
            "uuid",
            Text,
            "F47AC10B-58CC-4372-A567-0E02B2C3D479",
            "f47ac10b-58cc-4372-a567-0e02b2c3d479",
        ),
        ("jsonb", Text, "{\"a\": [1, 2.50]}", "{\"a\": [1, 2.50]}"),
        ("tsvector", Text, "'a':1 'b'", "'a':1 'b'"),
        ("text[]", Text, "{a,NULL}", "{a,NULL}"),
        (
            "text[]",
            Json,
            "[\"a\", null, \"c,d\", \"\\\"\\\\\"]",
            "{a,NULL,\"c,d\",\"\\\"\\\\\"}",
        ),
        ("int[]", Json, "[[1,2],[3,4]]", "{{1,2},{3,4}}"),
        ("date[]", Json, "[19983,null]", "{2024-09-17,NULL}"),
        (
            "timestamp(3)[]",
            Json,
            "[1726576496789]",
            "{\"2024-09-17 12:34:56.789\"}",
        ),
        (
            "timestamptz[]",
            Json,
            "[\"2024-09-17T10:34:56.789012Z\"]",
            "{\"2024-09-17 10:34:56.789012+00\"}",
        ),
        ("time[]", Json, "[45296789012]", "{12:34:56.789012}"),
        ("bytea[]", Json, "[\"AP8Q\"]", "{\"\\\\x00ff10\"}"),
        (
            "numeric(9,2)[]",
            Json,
            "[{\"scale\":2,\"value\":\"BNI=\"},1.5]",
            "{12.34,1.50}",
        ),
        ("jsonb[]", Json, "[{\"a\": [1]}]", "{\"{\\\"a\\\": [1]}\"}"),
        ("small_mood[]", Json, "[\"happy\"]", "{happy}"),
        ("float8[]", Json, "[\"NaN\", 1e3]", "{NaN,1000}"),
        ("inet[]", Json, "[]", "{}"),
    ]
};

fn fields() -> Vec<Field> {
    let cases = CASES.iter().enumerate();
    let columns = cases.map(|(i, (_, logical_type, ..))| field(&format!("c{i}"), *logical_type));
    let own = [
        field("id", LogicalType::Int64),
        field("at", LogicalType::TimestampUs),
        field("flag", LogicalType::Boolean),
    ];
    own.into_iter().chain(columns).collect()
}

/// Rows that have every value, none, and an odd one in the column `odd`.
fn batch(from: i64, odd: Option<(usize, &str)>) -> Computed {
    let ids = [from, from + 1];
    let mut columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from(ids.to_vec())),
        Arc::new(Int64Array::from(vec![0, 0])),
        Arc::new(BooleanArray::from(vec![Some(true), None])),
    ];
    for (i, (_, _, value, _)) in CASES.iter().enumerate() {
        let value = odd
            .filter(|(at, _)| *at == i)
            .map_or(*value, |(_, value)| value);
        columns.push(Arc::new(StringArray::from(vec![Some(value), None])));
    }
    computed_of(from, ids.len(), fields(), columns)
}

#[tokio::test]
async fn text_and_lists_become_what_the_column_is() -> Result<()> {
    let fixture = Fixture::new("any_column", PLAIN).await?;
    let columns = CASES
        .iter()
        .enumerate()
        .map(|(i, (of_type, ..))| format!(", c{i} {of_type}"));
    fixture.psql(&format!(
        "create type mood as enum ('sad', 'happy'); create domain small_mood as mood;
        drop table people; create table people (
            id bigint primary key, at timestamptz not null, flag bit(1){}
        )",
        columns.collect::<String>()
    ))?;
    let mut connection = fixture.connect().await?;
    let lease = fixture.take(&mut connection, 0).await?.lease;
    let target = TargetTable::load(&connection, "people")
        .await?
        .context("the table")?;
    let roles = Roles {
        key: vec!["id".into()],
        event_time: "at".into(),
        ..Roles::default()
    };
    let sink = Sink::new(&target, &fields(), &roles)?;
    let written = batch(0, None);
    sink.flush(&mut connection, &lease, 0, &written, 1, &|_| None)
        .await?;
    assert_eq!(fixture.psql("select flag from people order by id")?, "1");
    for (i, (of_type, _, value, expected)) in CASES.iter().enumerate() {
        let shown = fixture.psql(&format!(
            "set timezone = 'UTC'; select c{i}::text from people where id = 0"
        ))?;
        assert_eq!(shown, *expected, "{of_type} of {value}");
        let nulls = fixture.psql(&format!("select c{i} is null from people where id = 1"))?;
        assert_eq!(nulls, "t", "{of_type}");
    }
    // What is there is what would be written.
    let lookup = RowLookup::new(&target, &fields(), &roles, JsonForms::default());
    let found = lookup.ask(&mut connection, &written.rows).await?;
    for found in found {
        let FoundRow::Stored(stored) = found else {
            panic!("{found:?}")
        };
        assert!(stored.changes.is_empty(), "{:?}", stored.changes);
    }
    // And what Postgres refuses is one row's fault.
    for (i, odd) in [
        (0, "soon"),
        (1, "10.1.2.3.4"),
        (25, "[[1,2],[3]]"),
        (25, "{\"a\":1}"),
    ] {
        let refused = batch(2, Some((i, odd)));
        let error = sink
            .flush(&mut connection, &lease, 2, &refused, 1, &|_| None)
            .await;
        assert!(error.is_err(), "{odd}");
    }
    Ok(())
}

#[tokio::test]
async fn elements_are_spelt_as_the_source_spells_values() -> Result<()> {
    let fixture = Fixture::new("any_column_forms", PLAIN).await?;
    fixture.psql(
        "create domain prices as numeric(12,2)[]; drop table people;
        create table people (
            id bigint primary key, at timestamptz not null, raw bytea[], price prices
        )",
    )?;
    let mut connection = fixture.connect().await?;
    let lease = fixture.take(&mut connection, 0).await?.lease;
    let target = TargetTable::load(&connection, "people")
        .await?
        .context("the table")?;
    let roles = Roles {
        key: vec!["id".into()],
        event_time: "at".into(),
        ..Roles::default()
    };
    let fields = vec![
        field("id", LogicalType::Int64),
        field("at", LogicalType::TimestampUs),
        field("raw", LogicalType::Json),
        field("price", LogicalType::Json),
    ];
    let row = |from: i64, raw: &str, price: &str| {
        let columns: Vec<ArrayRef> = vec![
            Arc::new(Int64Array::from(vec![from])),
            Arc::new(Int64Array::from(vec![0])),
            Arc::new(StringArray::from(vec![raw])),
            Arc::new(StringArray::from(vec![price])),
        ];
        computed_of(from, 1, fields.clone(), columns)
    };
    let sink = Sink::new(&target, &fields, &roles)?.in_forms(JsonForms {
        decimals: JsonDecimals::Base64,
        bytes: JsonBytes::Hex,
    });
    // Each of these texts would be another value if it were spelt otherwise.
    let written = row(0, r#"["deadbeef"]"#, r#"["1234",null]"#);
    sink.flush(&mut connection, &lease, 0, &written, 1, &|_| None)
        .await?;
    let shown = fixture.psql("select raw, price from people")?;
    assert_eq!(shown, r#"{"\\xdeadbeef"}|{-26588.24,NULL}"#);
    let refused = row(1, r#"["B1vNFQ=="]"#, "[]");
    let error = sink
        .flush(&mut connection, &lease, 1, &refused, 1, &|_| None)
        .await
        .map(drop)
        .unwrap_err();
    let words = format!("{:#}", anyhow::Error::from(error));
    assert!(words.contains("json_bytes under [source] says"), "{words}");
    Ok(())
}

#[tokio::test]
async fn letters_are_no_bytes() -> Result<()> {
    let fixture = Fixture::new("any_column_bytes", PLAIN).await?;
    fixture.psql("alter table people add column raw bytea")?;
    let connection = fixture.connect().await?;
    let target = TargetTable::load(&connection, "people")
        .await?
        .context("the table")?;
    let column = target.column("raw").context("the column")?;
    assert!(!column.accepts(LogicalType::Text) && column.accepts(LogicalType::Bytes));
    Ok(())
}
