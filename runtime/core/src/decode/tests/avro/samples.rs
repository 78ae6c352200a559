//! What Debezium and Confluent's serializer wrote.

use serde_json::{Value, json};

use super::*;

/// The rows of a topic's samples, with `{}` for a dead letter.
fn rows_of(topic: &str, of: &[(&str, &str)]) -> Vec<Value> {
    let records = pushed(&samples(topic));
    let decoder = Decoder::new(&reads(of), topic, 0, Tombstone::Ignore, usize::MAX).unwrap();
    let decoder = decoder.with_formats(&avro()).unwrap();
    let mut decoder = decoder.with_absent(Some("__debezium_unavailable_value"));
    tell(&mut decoder, &records);
    let decoded = decoder.decode(&records);
    assert_eq!(decoded.dead_letters, [], "{topic}");
    let batch = &decoded.batch;
    rows::read(&batch.fields, &batch.columns, batch.rows)
}

const USERS: [(&str, &str); 8] = [
    ("value.op", "text"),
    ("value.source.lsn", "int64"),
    ("value.source.ts_us", "timestamp(us)"),
    ("value.before.user_id", "int64"),
    ("value.after.user_id", "int64"),
    ("value.after.name", "text"),
    ("value.after.updated_at", "timestamp(us)"),
    ("key.user_id", "int64"),
];

#[test]
fn ids_are_found_in_every_framing() {
    for (topic, user) in [
        ("cv.public.users", 101),
        ("av.public.users", 101),
        ("a8.public.users", 101),
    ] {
        let rows = rows_of(topic, &USERS);
        assert_eq!(rows[0]["value.after.user_id"], user, "{topic}");
        assert_eq!(rows[0]["key.user_id"], user, "{topic}");
        assert_eq!(rows[0]["value.op"], "r", "{topic}");
        assert_eq!(
            rows[0].get("value.before.user_id"),
            None,
            "its parent is null"
        );
    }
}

#[test]
fn a_schema_may_change_from_record_to_record() {
    let of = [
        ("value.after.user_id", "int64"),
        ("value.after.phone", "text"),
        ("value.after.score", "decimal(6,3)"),
        ("value.after.country_code", "text"),
    ];
    let rows = rows_of("av.public.users", &of);
    let records = pushed(&samples("av.public.users"));
    let decoder = Decoder::new(&reads(&of), "t", 0, Tombstone::Ignore, usize::MAX).unwrap();
    let mut decoder = decoder.with_formats(&avro()).unwrap();
    tell(&mut decoder, &records);
    let missing = |id| {
        let id = SchemaId::Content(id);
        let mut of_schemas = decoder.missing_paths().into_iter();
        let found = of_schemas.find(|(wanted, _)| wanted.id == id);
        found.map(|(_, paths)| paths.to_vec())
    };
    let phone_and_score = ["value.after.phone", "value.after.score"];
    assert_eq!(missing(9), Some(phone_and_score.map(String::from).to_vec()));
    assert_eq!(missing(44), None);
    assert_eq!(
        missing(46),
        Some(vec!["value.after.country_code".to_owned()])
    );
    assert_eq!(
        rows,
        [
            json!({"value.after.user_id": 101, "value.after.country_code": "US"}),
            json!({
                "value.after.user_id": 505, "value.after.phone": "+49 1",
                "value.after.score": "1.500", "value.after.country_code": null,
            }),
            json!({
                "value.after.user_id": 505, "value.after.phone": "+49 1",
                "value.after.score": "1.500",
            }),
        ]
    );
}

#[test]
fn a_type_of_avro_s_own_is_what_it_is_called() {
    let of = [
        ("value.id", "uuid"),
        ("value.at", "timestamp(us)"),
        ("value.at_ms", "timestamp(us)"),
        ("value.local_us", "timestamp(ms)"),
        ("value.day", "date"),
        ("value.tod", "time(us)"),
        ("value.amount", "decimal(20,4)"),
        ("value.fixed_amount", "decimal"),
        ("value.mood", "text"),
        ("value.tags.k", "text"),
        ("value.tags", "json"),
        ("value.tree", "json"),
        ("value.tree.next.v", "int64"),
        ("value.tree.next.next.next.v", "int64"),
        ("value.list", "json"),
        ("value.choice", "json"),
    ];
    let rows = rows_of("av.plain", &of);
    let row = |choice: &str| {
        json!({
            "value.id": "123e4567-e89b-12d3-a456-426614174000",
            "value.at": 1_726_531_200_123_456_i64,
            "value.at_ms": 1_726_531_200_000_000_i64,
            "value.local_us": 1_726_574_400_000_i64,
            "value.day": 19_983,
            "value.tod": 3_723_000_004_i64,
            "value.amount": "-1234567890.1234",
            "value.fixed_amount": "-0.01",
            "value.mood": "HAPPY",
            "value.tags.k": "v",
            "value.tags": r#"{"k":"v"}"#,
            "value.tree": r#"{"v":1,"next":{"v":2,"next":null}}"#,
            "value.tree.next.v": 2,
            "value.list": "[1.5,null]",
            "value.choice": choice,
        })
    };
    let mut first = row("");
    first["value.choice"] = Value::Null;
    let expected = [first, row("5"), row(r#""text""#), row(r#"{"a":1,"b":"x"}"#)];
    assert_eq!(rows, expected);
}

/// A branch that is something else is the record's fault, as others may have the right one.
#[test]
fn a_branch_of_another_type_is_a_record_s_fault() {
    let records = pushed(&samples("av.plain"));
    let of = reads(&[("value.choice", "int64"), ("value.mood", "text")]);
    let decoder = Decoder::new(&of, "t", 0, Tombstone::Ignore, usize::MAX).unwrap();
    let mut decoder = decoder.with_formats(&avro()).unwrap();
    tell(&mut decoder, &records);
    let decoded = decoder.decode(&records);
    assert_eq!(decoded.records, [0, 1]);
    let said: Vec<&str> = decoded.dead_letters.iter().map(|l| &*l.message).collect();
    assert_eq!(
        said,
        [
            "value.choice: expected int64, found text \"text\"",
            "value.choice: expected int64, found a record",
        ]
    );
}

#[test]
fn a_value_that_was_not_sent_is_absent() {
    let of = [
        ("value.after.id", "int64"),
        ("value.after.big_text", "text"),
        ("value.after.big_bytea", "bytes"),
        ("value.after.big_jsonb", "json"),
        ("value.after.big_text_arr", "json"),
        ("value.after.big_int_arr", "json"),
        ("value.after.big_nn", "text"),
        ("value.after.note", "text"),
    ];
    let rows = rows_of("cv.public.toasted", &of);
    let expected = json!({"value.after.id": 5, "value.after.note": "second"});
    assert_eq!(rows, [expected]);
}

#[test]
fn tombstones_are_passed_over() {
    let records = pushed(&samples("cv.public.users"));
    let of = reads(&USERS);
    let decoder = Decoder::new(&of, "t", 0, Tombstone::Ignore, usize::MAX).unwrap();
    let mut decoder = decoder.with_formats(&avro()).unwrap();
    let unready = decoder.look(&records).unwrap();
    assert_eq!(unready.records, 0);
    tell(&mut decoder, &records);
    assert_eq!(decoder.decode(&records).tombstones, 1);
}

#[test]
fn a_schema_says_which_columns_there_are() {
    let registry = registry();
    let columns = |name: &str, path: &[&str]| -> Vec<String> {
        let found = schema(&registry[name].to_string()).unwrap().columns(path);
        let found = found.unwrap().into_iter();
        let said = found.map(|field| {
            let null = if field.nullable { "?" } else { "" };
            format!("{} {}{null}", field.name, field.logical_type)
        });
        said.collect()
    };
    assert_eq!(
        columns("contentIds/62", &["after"]),
        [
            "user_id int64",
            "name text?",
            "email text?",
            "updated_at timestamp(us)",
            "phone text?",
            "score decimal",
        ]
    );
    assert_eq!(columns("contentIds/52", &[]), ["id int64"]);
    let everything = columns("contentIds/55", &["after"]);
    for column in [
        "c_numeric decimal?",
        "c_jsonb json?",
        "c_bit text?",
        "c_text_arr json?",
    ] {
        assert!(
            everything.iter().any(|found| found == column),
            "{column}: {everything:?}"
        );
    }
    let users = schema(&registry["contentIds/62"].to_string()).unwrap();
    assert_eq!(users.columns(&["op"]), None);
    assert_eq!(users.columns(&["nowhere"]), None);
}

/// What JSON without names to follow shows of all samples is a document of all of their fields.
#[test]
fn every_sample_can_be_shown() {
    let registry = registry();
    let of_envelope = schema(&registry["contentIds/62"].to_string()).unwrap();
    let sample = &samples("cv.public.users")[0];
    let shown = of_envelope
        .to_json(&sample.value.as_ref().unwrap()[5..])
        .unwrap();
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown["op"], "r");
    assert_eq!(shown["after"]["name"], "Daniel J. Kim");
    assert_eq!(shown["before"], Value::Null);
}
