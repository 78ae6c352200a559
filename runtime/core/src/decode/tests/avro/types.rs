//! Each type as each declared type, and schemas that do not fit.

use serde_json::json;

use super::*;
use crate::decode::{Framing, OnMismatch, Unreadiness, Unready};

/// One changed byte makes null of a row: what is left of the row tells.
#[test]
fn null_with_bytes_behind_it_deletes_nothing() {
    let text = r#"["null",{"type":"record","name":"R","fields":[{"name":"a","type":"int"}]}]"#;
    for tombstone in [Tombstone::Ignore, Tombstone::Delete] {
        let of = reads(&[("value.a", "int64")]);
        let decoder = Decoder::new(&of, "t", 0, tombstone, usize::MAX).unwrap();
        let mut decoder = decoder.with_formats(&avro()).unwrap();
        let found = FoundSchema::Known(Arc::new(schema(text).unwrap()));
        let (part, id) = (Part::Value, SchemaId::Id(1));
        decoder.learn(WantedSchema { part, id }, &found);
        let mut said_of = |value: &[u8]| said(&decoder.decode(&record(&framed(value))));
        assert_eq!(said_of(&[2, 34]).unwrap()["value.a"], 17);
        let is_row = tombstone == Tombstone::Delete;
        assert_eq!(said_of(&[0]).unwrap().is_object(), is_row, "a tombstone");
        let fault = said_of(&[0, 34]).unwrap_err();
        assert!(fault.starts_with("malformed"), "{fault}");
        assert!(fault.contains("bytes follow behind"), "{fault}");
    }
}

fn one(of: &str, declared: &str, value: &[u8]) -> Result<Value, String> {
    let text = format!(r#"{{"type":"record","name":"R","fields":[{{"name":"a","type":{of}}}]}}"#);
    let mut decoder = decoder(&[("value.a", declared)], &text);
    let records = record(&framed(value));
    if let Some(unready) = decoder.look(&records) {
        return Err(format!("{unready:?}"));
    }
    let row = said(&decoder.decode(&records))?;
    Ok(row["value.a"].clone())
}

fn named(of: &str, name: &str) -> String {
    format!(r#"{{"type":"{of}","connect.name":"{name}"}}"#)
}

fn logical(of: &str, name: &str) -> String {
    format!(r#"{{"type":"{of}","logicalType":"{name}"}}"#)
}

#[test]
fn numbers_are_widened_and_times_are_counted_as_they_are_called() {
    let half = 0.5_f64.to_le_bytes();
    let tenth = 0.1_f32.to_le_bytes();
    for (of, declared, value, expected) in [
        ("\"int\"", "int64", long(-7), json!(-7)),
        ("\"int\"", "float64", long(7), json!(7.0)),
        (
            "\"long\"",
            "decimal",
            long(i64::MIN),
            json!("-9223372036854775808"),
        ),
        ("\"long\"", "boolean", long(1), json!(true)),
        ("\"float\"", "float64", tenth.to_vec(), json!(0.1)),
        ("\"float\"", "decimal(3,1)", tenth.to_vec(), json!("0.1")),
        ("\"double\"", "float64", half.to_vec(), json!(0.5)),
        ("\"double\"", "json", half.to_vec(), json!("0.5")),
        ("\"boolean\"", "boolean", vec![1], json!(true)),
        ("\"string\"", "int64", text("17"), json!(17)),
        ("\"string\"", "decimal(4,2)", text("1.50"), json!("1.50")),
        (
            "\"string\"",
            "timestamp(ms)",
            text("1970-01-01T00:00:01Z"),
            json!(1_000),
        ),
        ("\"string\"", "json", text("a\"b"), json!(r#""a\"b""#)),
        ("\"bytes\"", "text", text("\u{1}\u{2}"), json!("AQI=")),
        ("\"bytes\"", "json", text("\u{1}\u{2}"), json!("\"AQI=\"")),
        // In the unit of the declared type, where nobody says more.
        ("\"long\"", "timestamp(ms)", long(5), json!(5)),
        (
            &named("long", "io.debezium.time.NanoTimestamp"),
            "timestamp(us)",
            long(-1),
            json!(-1),
        ),
        (
            &named("int", "io.debezium.time.Date"),
            "timestamp(ms)",
            long(1),
            json!(86_400_000),
        ),
        (
            &named("long", "io.debezium.time.MicroTime"),
            "time(ms)",
            long(1_999),
            json!(1),
        ),
        (
            &named("string", "io.debezium.data.Json"),
            "json",
            text("{ }"),
            json!("{ }"),
        ),
        (
            &named("string", "io.debezium.time.ZonedTime"),
            "text",
            text("1:2Z"),
            json!("1:2Z"),
        ),
        (
            &logical("long", "timestamp-millis"),
            "timestamp(us)",
            long(1),
            json!(1_000),
        ),
        (
            &logical("long", "local-timestamp-nanos"),
            "timestamp(us)",
            long(1_999),
            json!(1),
        ),
        (
            &logical("int", "time-millis"),
            "time(us)",
            long(1),
            json!(1_000),
        ),
        // A logical type that does not fit its type is none.
        (
            &logical("int", "timestamp-millis"),
            "timestamp(us)",
            long(1),
            json!(1),
        ),
        (&logical("string", "decimal"), "text", text("x"), json!("x")),
        (&logical("int", "of-tomorrow"), "int64", long(1), json!(1)),
    ] {
        let found = one(of, declared, &value);
        assert_eq!(found, Ok(expected), "{of} as {declared}");
    }
}

#[test]
fn decimals_bits_and_uuids_are_bytes() {
    let decimal = r#"{"type":"bytes","logicalType":"decimal","precision":6,"scale":3}"#;
    let value = [vec![4], 1_500_i16.to_be_bytes().to_vec()].concat();
    for (declared, expected) in [
        ("decimal(6,3)", json!("1.500")),
        ("decimal", json!("1.500")),
        ("text", json!("1.500")),
    ] {
        assert_eq!(one(decimal, declared, &value), Ok(expected), "{declared}");
    }
    let said = one(decimal, "decimal(6,0)", &value).unwrap_err();
    assert!(
        said.contains("expected decimal(6,0), found number 1.500"),
        "{said}"
    );
    let whole = r#"{"type":"bytes","logicalType":"decimal","precision":6,"scale":0}"#;
    assert_eq!(one(whole, "int64", &value), Ok(json!(1_500)));
    let bits = r#"{"type":"bytes","connect.name":"io.debezium.data.Bits",
        "connect.parameters":{"length":"4"}}"#;
    assert_eq!(one(bits, "text", &[2, 5]), Ok(json!("0101")));
    let uuid = r#"{"type":"fixed","name":"U","size":16,"logicalType":"uuid"}"#;
    let bytes: Vec<u8> = (0..16).collect();
    let spelled = json!("00010203-0405-0607-0809-0a0b0c0d0e0f");
    for declared in ["uuid", "text"] {
        assert_eq!(
            one(uuid, declared, &bytes),
            Ok(spelled.clone()),
            "{declared}"
        );
    }
    let scaled = r#"{"type":"record","name":"V",
        "connect.name":"io.debezium.data.VariableScaleDecimal",
        "fields":[{"name":"scale","type":"int"},{"name":"value","type":"bytes"}]}"#;
    let value = [long(2), vec![4], 1_234_i16.to_be_bytes().to_vec()].concat();
    assert_eq!(one(scaled, "decimal", &value), Ok(json!("12.34")));
    assert_eq!(
        one(scaled, "json", &value),
        Ok(json!(r#"{"scale":2,"value":"BNI="}"#))
    );
}

#[test]
fn elements_of_lists_are_what_they_are_called() {
    for (items, value, expected) in [
        (
            r#"["null","long"]"#,
            [long(2), long(1), long(7), long(0), vec![0]].concat(),
            "[7,null]",
        ),
        (
            &format!(
                "[\"null\",{}]",
                named("long", "io.debezium.time.MicroTimestamp")
            ),
            [long(1), long(1), long(1_500_000), vec![0]].concat(),
            r#"["1970-01-01 00:00:01.500000+00"]"#,
        ),
        (
            r#"{"type":"bytes","logicalType":"decimal","precision":4,"scale":2}"#,
            [long(1), vec![4, 4, 210], vec![0]].concat(),
            "[12.34]",
        ),
    ] {
        let list = format!(r#"{{"type":"array","items":{items}}}"#);
        assert_eq!(one(&list, "json", &value), Ok(json!(expected)), "{items}");
    }
}

#[test]
fn what_no_record_can_have_halts_before_the_first() {
    for (of, declared, why) in [
        ("\"string\"", "bytes", ""),
        (
            "\"double\"",
            "int64",
            "value.a: declared int64, and it has a double",
        ),
        (
            "[\"null\",\"bytes\"]",
            "timestamp(us)",
            "declared timestamp(us), and it has bytes",
        ),
        (
            "{\"type\":\"map\",\"values\":\"int\"}",
            "text",
            "and it has a map",
        ),
        ("[\"boolean\",\"null\"]", "int64", "and it has a boolean"),
        ("\"long\"", "text", "and it has a long"),
        (
            &named("long", "io.debezium.time.MicroDuration"),
            "text",
            "let the connector write intervals as text",
        ),
        (
            &named("int", "io.debezium.time.Date"),
            "time(us)",
            "it has io.debezium.time.Date",
        ),
    ] {
        let text =
            format!(r#"{{"type":"record","name":"R","fields":[{{"name":"a","type":{of}}}]}}"#);
        let decoder = decoder(&[("value.a", declared)], &text);
        let records = record(&framed(&[0]));
        match decoder.look(&records) {
            Some(Unready {
                records: 0,
                because: Unreadiness::Mismatch(mismatch),
            }) => assert!(mismatch.why.contains(why), "{mismatch}"),
            found => assert!(why.is_empty() && found.is_none(), "{of}: {found:?}"),
        }
    }
}

#[test]
fn a_record_may_be_the_dead_letter_instead() {
    let text = r#"{"type":"record","name":"R","fields":[{"name":"a","type":"double"}]}"#;
    let formats = Formats {
        on_mismatch: OnMismatch::DeadLetter,
        framing: Framing::None,
        ..avro()
    };
    let of = reads(&[("value.a", "int64")]);
    let decoder = Decoder::new(&of, "t", 0, Tombstone::Ignore, usize::MAX).unwrap();
    let mut decoder = decoder.with_formats(&formats).unwrap();
    let wanted = WantedSchema {
        part: Part::Value,
        id: SchemaId::Given,
    };
    let records = record(&1.0_f64.to_le_bytes());
    let unready = decoder.look(&records).unwrap();
    assert_eq!(unready.because, Unreadiness::Missing(vec![wanted]));
    decoder.learn(wanted, &FoundSchema::Known(Arc::new(schema(text).unwrap())));
    assert_eq!(decoder.look(&records), None);
    let letter = said(&decoder.decode(&records)).unwrap_err();
    assert!(
        letter.starts_with("schema-mismatch: value is of the schema that was given"),
        "{letter}"
    );
    decoder.learn(
        wanted,
        &FoundSchema::Unknown("the registry answers 404".to_owned()),
    );
    let letter = said(&decoder.decode(&records)).unwrap_err();
    assert!(letter.starts_with("unknown-schema: "), "{letter}");
    let bare = said(&decoder.decode(&record(b"")));
    assert_eq!(bare, Ok(Value::Null), "nothing at all is a tombstone");
}

#[test]
fn what_is_not_framed_is_said_so() {
    let text = r#"{"type":"record","name":"R","fields":[{"name":"a","type":"int"}]}"#;
    let mut decoder = decoder(&[("value.a", "int64"), ("key.id", "int64")], text);
    for (value, why) in [
        (&b"{\"a\":1}"[..], "set value_format = \"json\""),
        (b"\x01\x02", "none of a registry's serializer"),
        (b"\0\0\0\0\0\0\0\0\0", "none of a registry's serializer"),
        (b"\0\0\0", "none of a registry's serializer"),
    ] {
        assert_eq!(decoder.look(&record(value)), None);
        let letter = said(&decoder.decode(&record(value))).unwrap_err();
        assert!(letter.starts_with("not-framed: value: "), "{letter}");
        assert!(letter.contains(why), "{letter}");
    }
    // Of a key in another format nothing is known.
    let mut records = Records::default();
    let value = framed(&[2]);
    records.push(0, None, Some(b"{}"), Some(&value), std::iter::empty());
    assert_eq!(said(&decoder.decode(&records)), Ok(json!({"value.a": 1})));
}

#[test]
fn a_key_may_be_bare() {
    let text = "\"long\"";
    let mut decoder = decoder(&[("key.id", "int64")], text);
    let mut records = Records::default();
    records.push(0, None, Some(&framed(&[14])), None, std::iter::empty());
    records.push(
        1,
        None,
        Some(&framed(&[14])),
        Some(b"x"),
        std::iter::empty(),
    );
    let decoded = decoder.decode(&records);
    assert_eq!(said(&decoded), Ok(json!({"key.id": 7})));
    let mut whole = super::decoder(&[("key", "text")], "\"string\"");
    let mut records = Records::default();
    let key = framed(&super::text("a"));
    records.push(0, None, Some(&key), Some(b"x"), std::iter::empty());
    assert_eq!(said(&whole.decode(&records)), Ok(json!({"key": "a"})));
}

/// As Jackson-like producers omit nulls: what an object does not have is null, but for the key.
#[test]
fn a_name_that_the_schema_lacks_may_be_null() {
    let text = r#"{"type":"record","name":"R","fields":[{"name":"after","type":["null",
        {"type":"record","name":"V","fields":[{"name":"a","type":"int"}]}]}]}"#;
    let of = reads(&[("value.after.a", "int64"), ("value.after.b", "text")]);
    let plan = crate::plan::Plan {
        attributes: vec![("missing-is-null".to_owned(), "value.after".to_owned())],
        ..Default::default()
    };
    let decoder = Decoder::new(&of, "t", 0, Tombstone::Ignore, usize::MAX).unwrap();
    let mut decoder = decoder.with_formats(&avro()).unwrap().with_missing(&plan);
    let id = SchemaId::Id(1);
    let part = Part::Value;
    let found = FoundSchema::Known(Arc::new(schema(text).unwrap()));
    decoder.learn(WantedSchema { part, id }, &found);
    let some = said(&decoder.decode(&record(&framed(&[2, 2]))));
    assert_eq!(some, Ok(json!({"value.after.a": 1, "value.after.b": null})));
    let none = said(&decoder.decode(&record(&framed(&[0]))));
    assert_eq!(none, Ok(json!({})));
}
