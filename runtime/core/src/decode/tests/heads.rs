//! Values that share their head with others.

use super::*;
use crate::column::Column;

/// A table's change in Connect's wrapper.
fn wrapped(payload: &str) -> Vec<u8> {
    let schema = concat!(
        r#"{"type":"struct","optional":false,"fields":[{"field":"after","type":"struct","#,
        r#""optional":true,"fields":[{"field":"id","type":"int64","optional":false},"#,
        r#"{"field":"price","type":"bytes","optional":true,"#,
        r#""name":"org.apache.kafka.connect.data.Decimal","parameters":{"scale":"2"}}]}]}"#
    );
    format!(r#"{{"schema":{schema},"payload":{payload}}}"#).into_bytes()
}

/// `values` as they are read from a partition, and each in one piece.
fn in_pieces(values: &[Vec<u8>]) -> (Records, Records) {
    let mut heads = Heads::default();
    let (mut shared, none) = (Records::default(), || std::iter::empty());
    for (offset, value) in values.iter().enumerate() {
        let value = Some(heads.split(value));
        shared.push_sharing(offset as i64, None, None, value, none());
    }
    (shared, records(values))
}

/// All that is decoded.
fn said(decoded: &Decoded) -> String {
    let columns = decoded.batch.columns.iter();
    let presence = |c: &Column| (0..c.values.len()).map(|i| c.is_present(i)).collect();
    let columns: Vec<(String, Vec<bool>)> = columns
        .map(|column| (format!("{:?}", column.values), presence(column)))
        .collect();
    format!(
        "{columns:?} {:?} {:?} {:?} {}",
        decoded.records, decoded.unsent, decoded.dead_letters, decoded.tombstones
    )
}

fn assert_decoded_alike(reads: &[Field], values: &[Vec<u8>]) {
    let (shared, whole) = in_pieces(values);
    assert!(shared.share() && shared.bytes() < whole.bytes());
    for tombstone in [Tombstone::Ignore, Tombstone::Delete] {
        let decoder = || Decoder::new(reads, "t", 0, tombstone, usize::MAX).unwrap();
        let of_shared = decoder().decode(&shared);
        let of_whole = decoder().decode(&whole);
        assert_eq!(said(&of_shared), said(&of_whole), "{reads:?}");
    }
}

#[test]
fn they_are_decoded_as_in_one_piece() {
    let change = wrapped(r#"{"after":{"id":1,"price":"AfQ="}}"#);
    let good: Vec<Vec<u8>> = vec![
        change.clone(),
        wrapped(r#" {"after":null} "#),
        wrapped("null"),
        wrapped(" null "),
        wrapped(r#"{"after":{"id":"x","price":"\u0041fQ="}}"#),
        wrapped("3"),
        b"{}".to_vec(),
        b"null".to_vec(),
    ];
    let documents = [
        field("value.after.id", T::Int64),
        field(
            "value.after.price",
            T::Decimal {
                precision: 9,
                scale: 2,
            },
        ),
    ];
    let all = [
        &documents[..],
        &[field("value.payload.after.id", T::Int64)],
        &[field("value.schema", T::Json)],
        &[field("value", T::Json)],
        &[field("value", T::Text)],
        &[documents[0].clone(), field("value", T::Bytes)],
        &[field("key", T::Text)],
    ];
    for reads in all {
        assert_decoded_alike(reads, &good);
        let head = wrapped("").len() - 1;
        for end in head..change.len() {
            for rest in [
                "",
                "}",
                "}}",
                ",\"a\":1}",
                ",\"schema\":1}",
                "nul",
                "\0",
                "}} x",
            ] {
                let torn = [&change[..end], rest.as_bytes()].concat();
                assert_decoded_alike(reads, &[good[0].clone(), torn, good[1].clone()]);
            }
        }
        let mut no_text = change.clone();
        no_text[head + 3] = 0xff;
        assert_decoded_alike(reads, &[good[0].clone(), no_text]);
    }
}

#[test]
fn a_schema_that_is_none_is_told() {
    let schema = r#"{"type":"struct","fields":{"no":"list"},"pad":""}"#;
    let schema = schema.replace("pad\":\"", &format!("pad\":\"{}", "x".repeat(200)));
    let value = format!(r#"{{"schema":{schema},"payload":{{"after":{{"id":1}}}}}}"#);
    let values = [value.clone().into_bytes(), value.into_bytes()];
    assert_decoded_alike(&[field("value.after.id", T::Int64)], &values);
}
