//! JSON behind the frames of a registry's serializers.

use serde_json::{Value, json};

use super::*;
use crate::decode::{Format, Formats};
use crate::rows;

fn rows_of(of: &[Field], values: &[&[u8]]) -> Vec<Value> {
    let formats = Formats {
        value: Format::JsonSchema,
        key: Format::JsonSchema,
        ..Formats::default()
    };
    let mut decoder = decoder(of).with_formats(&formats).unwrap();
    let records = records(values);
    assert_eq!(decoder.look(&records), None, "no schema is wanted");
    let decoded = decoder.decode(&records);
    assert_eq!(decoded.dead_letters, []);
    rows::read(
        &decoded.batch.fields,
        &decoded.batch.columns,
        decoded.batch.rows,
    )
}

#[test]
fn a_frame_is_passed_over() {
    let of = [
        field("value.user_id", T::Int64),
        field("value.name", T::Text),
    ];
    let rows = rows_of(
        &of,
        &[
            b"\0\0\0\0\x4e{\"user_id\":1,\"name\":\"Ana\"}",
            b"\0\0\0\0\0\0\0\0\x4e{\"user_id\":2,\"name\":null}",
            b"{\"user_id\":3}",
            br#"{"schemaId":20,"payload":{"user_id":4,"name":"x"}}"#,
            br#" { "payload" : {"user_id":5}, "schemaId" : 20 } "#,
            // No value at all.
            br#"{"schemaId":20,"payload":null}"#,
            b"\0\0\0\0\x4enull",
            b"",
        ],
    );
    assert_eq!(
        rows,
        [
            json!({"value.user_id": 1, "value.name": "Ana"}),
            json!({"value.user_id": 2, "value.name": null}),
            json!({"value.user_id": 3}),
            json!({"value.user_id": 4, "value.name": "x"}),
            json!({"value.user_id": 5}),
        ]
    );
}
