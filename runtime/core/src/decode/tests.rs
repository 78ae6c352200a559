//! Decoding as a whole.

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;

use super::*;
use crate::column::LogicalType as T;

fn field(name: &str, logical_type: T) -> Field {
    Field {
        name: name.to_owned(),
        logical_type,
        nullable: true,
    }
}

fn records(values: &[&str]) -> Records {
    let mut records = Records::default();
    for (i, value) in values.iter().enumerate() {
        records.push(
            i as i64,
            None,
            None,
            Some(value.as_bytes()),
            std::iter::empty(),
        );
    }
    records
}

#[test]
fn a_bad_record_leaves_no_trace_in_the_columns() {
    let reads = [field("value.a.b", T::Int64), field("value.c", T::Text)];
    let mut decoder = Decoder::new(&reads, "t", 0, Tombstone::Ignore, 1000).unwrap();
    let decoded = decoder.decode(&records(&[
        r#"{"a":{"b":1},"c":"good"}"#,
        r#"{"c":"wrong","a":{"b":"x"}}"#,
        r#"{"c":"torn","a":{"b":2}"#,
        r#"{"c":"zero \u0000","a":{"b":3}}"#,
        r#"{"a":{"b":4.0},"c":"\u0061gain"}"#,
    ]));
    let codes: Vec<_> = decoded
        .dead_letters
        .iter()
        .map(|d| (d.record, d.code.as_str()))
        .collect();
    assert_eq!(
        codes,
        [(1, "wrong-type"), (2, "malformed"), (3, "zero-byte")]
    );
    assert_eq!(decoded.records, [0, 4]);
    assert!(decoded.batch.is_well_formed());
    assert_eq!(
        decoded.batch.columns[0]
            .values
            .as_primitive::<Int64Type>()
            .values(),
        &[1, 4]
    );
    let text: Vec<_> = decoded.batch.columns[1]
        .values
        .as_string::<i32>()
        .iter()
        .collect();
    assert_eq!(text, [Some("good"), Some("again")]);
}
