//! Schemas as people and tools write them.

use serde_json::json;

use super::*;
use crate::decode::SchemaReference;

#[test]
fn names_are_found_in_their_namespaces() {
    let text = r#"{"type":"record","name":"a.R","fields":[
        {"name":"x","type":{"type":"record","name":"X","namespace":"b","fields":[
            {"name":"e","type":{"type":"enum","name":"E","symbols":["P","Q"]}}]}},
        {"name":"y","type":"b.E"},
        {"name":"z","type":["null",{"type":"fixed","name":"F","size":1}]},
        {"name":"f","type":"a.F"},
        {"name":"g","type":"F"},
        {"name":"type","type":{"type":{"type":"int"}}}]}"#;
    let of = [
        ("value.x.e", "text"),
        ("value.y", "text"),
        ("value.f", "bytes"),
        ("value.g", "json"),
        ("value.type", "int64"),
    ];
    let found = row(&of, text, &[2, 0, 0, 1, 2, 4]);
    let expected = json!({
        "value.x.e": "Q", "value.y": "P", "value.f": "\u{1}", "value.g": "\"Ag==\"",
        "value.type": 2,
    });
    assert_eq!(found, Ok(expected));
}

#[test]
fn what_a_schema_refers_to_is_given_with_it() {
    let text = SchemaText {
        kind: SchemaKind::Avro,
        text: r#"{"type":"record","name":"R","fields":[{"name":"a","type":"shop.B"}]}"#.to_owned(),
        references: vec![
            SchemaReference {
                name: "shop.C".to_owned(),
                text: r#"{"type":"fixed","name":"shop.C","size":1}"#.to_owned(),
            },
            SchemaReference {
                name: "shop.B".to_owned(),
                text: r#"{"type":"record","name":"B","namespace":"shop","fields":[
                    {"name":"c","type":"C"}]}"#
                    .to_owned(),
            },
        ],
    };
    let schema = Schema::parse(&text).unwrap();
    assert_eq!(schema.to_json(&[7]).unwrap(), r#"{"a":{"c":"Bw=="}}"#);
    let alone = SchemaText {
        references: Vec::new(),
        ..text
    };
    let said = Schema::parse(&alone).unwrap_err().to_string();
    assert!(
        said.contains("`shop.B` is not defined before it is used"),
        "{said}"
    );
}

#[test]
fn what_is_no_schema_says_why() {
    for (text, why) in [
        ("", "it is no JSON"),
        ("1", "1 is no schema"),
        ("\"integer\"", "`integer` is not defined"),
        ("{}", "an object has no `type`"),
        ("[]", "a union has no branch"),
        (r#"["int",["null"]]"#, "a union lies in a union"),
        (r#"{"type":"array"}"#, "an array has no `items`"),
        (r#"{"type":"map"}"#, "a map has no `values`"),
        (
            r#"{"type":"record","name":"R"}"#,
            "the record `R` has no list of fields",
        ),
        (
            r#"{"type":"record","fields":[]}"#,
            "a type of record has no name",
        ),
        (
            r#"{"type":"enum","name":"E"}"#,
            "the enum `E` has no symbols",
        ),
        (
            r#"{"type":"enum","name":"string","symbols":[]}"#,
            "which Avro keeps for itself",
        ),
        (
            r#"{"type":"fixed","name":"F","size":-1}"#,
            "the fixed type `F` has no size",
        ),
        (
            r#"{"type":"record","name":"R","fields":[{"name":"a","type":"int"},
                {"name":"a","type":"int"}]}"#,
            "two fields called `a`",
        ),
        (
            r#"[{"type":"fixed","name":"F","size":1},{"type":"fixed","name":"F","size":1}]"#,
            "`F` is defined twice",
        ),
    ] {
        let said = schema(text).unwrap_err();
        assert!(said.contains(why), "{text}: {said}");
    }
}
