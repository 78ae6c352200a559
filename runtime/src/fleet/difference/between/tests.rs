use gristmill_core::chain::{Counts, Moment, RowSource};
use gristmill_core::dead_letter::Stage;
use gristmill_core::record::Records;
use serde_json::json;

use super::*;
use crate::fleet::difference::{Example, RowChange};

fn field(name: &str, logical_type: LogicalType) -> Field {
    Field {
        name: name.to_owned(),
        logical_type,
        nullable: true,
    }
}

/// Rows as a chain computes them of ten records from offset 100 on; `letters` are records and
/// codes.
fn computed(fields: &[Field], rows: &[Value], letters: &[(u32, &str)]) -> Computed {
    let mut records = Records::default();
    for offset in 100..110 {
        records.push(offset, None, None, Some(b"{}"), std::iter::empty());
    }
    let letter = |&(record, code): &(u32, &str)| DeadLetter {
        record,
        ordinal: 1,
        stage: Stage::Sink,
        code: code.to_owned(),
        message: format!("it is {code}"),
    };
    let source = |record| RowSource { record, rank: 0 };
    Computed {
        records,
        moment: Moment::default(),
        next_offset: 110,
        earlier: Vec::new(),
        wanted: None,
        rows: rows::batch(fields, rows).unwrap(),
        sources: (0..rows.len() as u32).map(source).collect(),
        dead_letters: letters.iter().map(letter).collect(),
        event_time_max: None,
        counts: Counts::default(),
        steps_back: Default::default(),
        source_columns: None,
        read: None,
        unknown: None,
        unread: None,
    }
}

fn people() -> Vec<Field> {
    vec![
        field("id", LogicalType::Int64),
        field("age", LogicalType::Int64),
        field("note", LogicalType::Json),
        field("at", LogicalType::TimestampUs),
    ]
}

fn id() -> Vec<String> {
    vec!["id".to_owned()]
}

#[test]
fn rows_are_matched_by_key_and_compared_by_column() {
    let before = [
        json!({"id": 1, "age": 30, "note": "{\"a\":1}", "at": 0}),
        json!({"id": 2, "age": null, "at": 1}),
        json!({"id": 3, "age": 9}),
    ];
    let after = [
        json!({"id": 1, "age": 31, "note": "{ \"a\" : 1 }", "at": 0}),
        // Absent and null are one thing to a table.
        json!({"id": 2, "note": null, "at": 60_000_000}),
        json!({"id": 4, "age": 9}),
    ];
    let (before, after) = (
        computed(&people(), &before, &[]),
        computed(&people(), &after, &[]),
    );
    let found = Difference::between(&before, &after, &id());
    assert_eq!(
        (found.compared, found.differ, found.come, found.go),
        (2, 2, 1, 1)
    );
    let columns = BTreeMap::from([("age".to_owned(), 1), ("at".to_owned(), 1)]);
    assert_eq!(found.columns, columns);
    let key = Map::from_iter([("id".to_owned(), json!(2))]);
    let change = RowChange::Column {
        name: "at".to_owned(),
        before: json!("1970-01-01T00:00:00.000001Z"),
        after: json!("1970-01-01T00:01:00Z"),
    };
    assert!(
        found.examples.contains(&Example { key, change }),
        "{found:?}"
    );
    assert!(Difference::between(&before, &before, &id()).is_empty());
}

#[test]
fn a_column_that_one_side_lacks_is_null_there_and_a_changed_type_is_no_match() {
    let wide = [json!({"id": 1, "age": 30}), json!({"id": 2})];
    let before = computed(&people(), &wide, &[]);
    let narrow = [
        field("id", LogicalType::Int64),
        field("age", LogicalType::Text),
    ];
    let after = [json!({"id": 1, "age": "30"}), json!({"id": 2})];
    let after = computed(&narrow, &after, &[]);
    let found = Difference::between(&before, &after, &id());
    assert_eq!((found.compared, found.differ), (2, 1));
    assert_eq!(found.columns, BTreeMap::from([("age".to_owned(), 1)]));
    // Another key: nothing belongs together.
    let found = Difference::between(&before, &after, &["at".to_owned(), "id".to_owned()]);
    assert_eq!((found.compared, found.come, found.go), (2, 0, 0));
    let found = Difference::between(&before, &after, &["age".to_owned()]);
    assert_eq!((found.compared, found.come, found.go), (1, 1, 1));
}

#[test]
fn numbers_that_json_does_not_have_differ_from_null() {
    let fields = [
        field("id", LogicalType::Int64),
        field("x", LogicalType::Float64),
    ];
    let mut before = computed(&fields, &[json!({"id": 1})], &[]);
    let after = computed(&fields, &[json!({"id": 1, "x": 1.5})], &[]);
    let nan = arrow_array::Float64Array::from(vec![f64::NAN]);
    assert_eq!(Difference::between(&before, &after, &id()).differ, 1);
    let null = computed(&fields, &[json!({"id": 1})], &[]);
    before.rows.columns[1] = Column::new(std::sync::Arc::new(nan));
    assert_eq!(Difference::between(&before, &null, &id()).differ, 1);
    assert_eq!(Difference::between(&before, &before, &id()).differ, 0);
}

#[test]
fn dead_letters_come_and_go_by_record_and_code() {
    let before = computed(&people(), &[], &[(1, "old"), (2, "both"), (3, "before")]);
    let after = computed(&people(), &[], &[(2, "both"), (3, "after"), (4, "after")]);
    let found = Difference::between(&before, &after, &id());
    let counts = |code: &str| {
        let letters = &found.dead_letters[code];
        (letters.come, letters.go, letters.example.as_deref())
    };
    assert_eq!(counts("old"), (0, 1, None));
    assert_eq!(counts("before"), (0, 1, None));
    assert_eq!(counts("after"), (2, 0, Some("offset 103: it is after")));
    assert!(!found.dead_letters.contains_key("both"));
}
