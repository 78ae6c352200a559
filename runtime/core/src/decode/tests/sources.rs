//! Keys, headers, metadata, tombstones, sizes, and paths that are none.

use super::*;

type NamedHeader = (&'static str, Option<&'static [u8]>);

fn texts(decoded: &Decoded, column: usize) -> Vec<Option<&str>> {
    decoded.batch.columns[column]
        .values
        .as_string::<i32>()
        .iter()
        .collect()
}

fn integers(decoded: &Decoded, column: usize) -> Vec<Option<i64>> {
    decoded.batch.columns[column]
        .values
        .as_primitive::<Int64Type>()
        .iter()
        .collect()
}

#[test]
fn metadata_comes_from_the_record() {
    let reads = [
        field("meta.topic", T::Text),
        field("meta.partition", T::Int64),
        field("meta.offset", T::Int64),
        field("meta.timestamp", T::TimestampMs),
    ];
    let mut records = Records::default();
    // No read needs the value, so nobody asks whether it is JSON.
    records.push(
        41,
        Some(1_700_000_000_000),
        None,
        Some(b"{"),
        std::iter::empty(),
    );
    records.push(50, None, None, Some(b"\xff"), std::iter::empty());
    let decoded = decoder(&reads).decode(&records);
    assert_eq!(decoded.dead_letters, []);
    assert_eq!(texts(&decoded, 0), [Some("users_cdc"); 2]);
    assert_eq!(integers(&decoded, 1), [Some(3); 2]);
    assert_eq!(integers(&decoded, 2), [Some(41), Some(50)]);
    assert_eq!(integers(&decoded, 3), [Some(1_700_000_000_000), None]);
}

#[test]
fn a_record_says_whether_it_has_a_value_and_a_key() {
    let reads = [
        field("meta.tombstone", T::Boolean),
        field("value.id", T::Int64),
        field("meta.has_key", T::Boolean),
    ];
    let mut records = Records::default();
    let values: [Option<&[u8]>; 3] = [None, Some(b"null"), Some(b"{}")];
    for (i, value) in values.into_iter().enumerate() {
        let key = (i > 0).then_some(&b"k"[..]);
        records.push(i as i64, None, key, value, std::iter::empty());
    }
    let decoder = Decoder::new(&reads, "users_cdc", 3, Tombstone::Delete, usize::MAX);
    let decoded = decoder.unwrap().decode(&records);
    let said = |column: usize| -> Vec<Option<bool>> {
        let values = &decoded.batch.columns[column].values;
        values.as_boolean().iter().collect()
    };
    assert_eq!(said(0), [Some(true), Some(true), Some(false)]);
    assert_eq!(said(2), [Some(false), Some(true), Some(true)]);
}

#[test]
fn a_key_is_text_or_json_as_its_type_says() {
    let mut records = Records::default();
    let keys: [Option<&[u8]>; 3] = [Some(b"{\"id\": 7}"), None, Some(b"17")];
    for (i, key) in keys.into_iter().enumerate() {
        records.push(i as i64, None, key, Some(b"{}"), std::iter::empty());
    }
    let decoded = decoder(&[field("key", T::Text), field("key.id", T::Int64)]).decode(&records);
    assert_eq!(decoded.records, [0, 1, 2]);
    assert_eq!(texts(&decoded, 0), [Some("{\"id\": 7}"), None, Some("17")]);
    assert_eq!(integers(&decoded, 1), [Some(7), None, Some(17)]);
    assert!(!decoded.batch.columns[0].presence.as_ref().unwrap().value(1));

    let decoded = decoder(&[field("key", T::Int64)]).decode(&records);
    assert_eq!(integers(&decoded, 0), [None, Some(17)]);

    let mut records = Records::default();
    let keys: [&[u8]; 3] = [b"a\xffb", b"a\0", b"torn {"];
    for (i, key) in keys.into_iter().enumerate() {
        records.push(i as i64, None, Some(key), Some(b"{}"), std::iter::empty());
    }
    let decoded = decoder(&[field("key", T::Text)]).decode(&records);
    assert_eq!(texts(&decoded, 0), [Some("torn {")]);
    let codes: Vec<_> = decoded
        .dead_letters
        .iter()
        .map(|d| d.code.as_str())
        .collect();
    assert_eq!(codes, ["malformed", "zero-byte"]);
    assert_eq!(
        decoded.dead_letters[0].message,
        "key is not UTF-8 at byte 1"
    );
}

#[test]
fn the_last_header_of_a_name_counts() {
    let mut records = Records::default();
    let headers: [&[NamedHeader]; 5] = [
        &[
            ("a.b", Some(b"1")),
            ("other", Some(b"\xff")),
            ("a.b", Some(b"2")),
        ],
        &[("a.b", Some(b"1")), ("a.b", None)],
        &[],
        &[("a.b", Some(b"\xff"))],
        &[("a.b", Some(b"\xff")), ("a.b", Some(b"3"))],
    ];
    for (i, headers) in headers.into_iter().enumerate() {
        records.push(i as i64, None, None, Some(b""), headers.iter().copied());
    }
    let decoded = decoder(&[field("header.a.b", T::Text)]).decode(&records);
    assert_eq!(decoded.records, [0, 1, 2, 4]);
    assert_eq!(texts(&decoded, 0), [Some("2"), None, None, Some("3")]);
    let presence = decoded.batch.columns[0].presence.as_ref().unwrap();
    assert_eq!(
        presence.iter().collect::<Vec<_>>(),
        [true, true, false, true]
    );
    assert_eq!(
        decoded.dead_letters[0].message,
        "header.a.b is not UTF-8 at byte 0"
    );
}

#[test]
fn a_tombstone_is_counted_or_becomes_a_row_without_a_value() {
    let reads = [field("value.a", T::Text), field("key.id", T::Int64)];
    let mut records = Records::default();
    records.push(0, None, Some(b"{\"id\":1}"), None, std::iter::empty());
    records.push(
        1,
        None,
        Some(b"{\"id\":2}"),
        Some(b"{\"a\":\"x\"}"),
        std::iter::empty(),
    );
    let decoded = decoder(&reads).decode(&records);
    assert_eq!(
        (decoded.tombstones, decoded.records.as_slice()),
        (1, &[1][..])
    );

    let mut decoder = Decoder::new(&reads, "t", 0, Tombstone::Delete, 1000).unwrap();
    let decoded = decoder.decode(&records);
    assert_eq!(
        (decoded.tombstones, decoded.records.as_slice()),
        (0, &[0, 1][..])
    );
    assert_eq!(texts(&decoded, 0), [None, Some("x")]);
    assert_eq!(integers(&decoded, 1), [Some(1), Some(2)]);
    let presence = decoded.batch.columns[0].presence.as_ref().unwrap();
    assert_eq!(presence.iter().collect::<Vec<_>>(), [false, true]);
}

#[test]
fn a_record_may_be_as_large_as_the_limit_with_key_and_headers() {
    let reads = [field("key", T::Text)];
    let mut records = Records::default();
    let header = [("name", Some(&b"12"[..]))];
    records.push(0, None, Some(b"k"), Some(b"123"), header.into_iter());
    assert_eq!(
        Decoder::new(&reads, "t", 0, Tombstone::Ignore, 10)
            .unwrap()
            .decode(&records)
            .batch
            .rows,
        1
    );
    let decoded = Decoder::new(&reads, "t", 0, Tombstone::Ignore, 9)
        .unwrap()
        .decode(&records);
    let letter = &decoded.dead_letters[0];
    assert_eq!(letter.code, "too-large");
    assert_eq!(
        letter.message,
        "key, value and headers are 10 bytes together: the limit is 9 (record_max_bytes)"
    );
}

#[test]
fn a_path_that_is_none_is_named() {
    let refuse = |reads: &[Field]| {
        Decoder::new(reads, "t", 0, Tombstone::Ignore, 9)
            .unwrap_err()
            .to_string()
    };
    for path in [
        "", "email", "value.", "value..a", "value.a.", "key.", "header", "header.", "meta",
        "meta.lag", "valueop",
    ] {
        let message = refuse(&[field(path, T::Text)]);
        assert!(
            message.starts_with(&format!("`{path}` is not a document path")),
            "{message}"
        );
        assert!(
            ["`value.", "`key.", "`header.", "`meta."]
                .iter()
                .all(|r| message.contains(r))
        );
    }
    let cases = [
        (
            "meta.offset",
            T::Text,
            "`meta.offset` cannot be read as text: declare it as int64",
        ),
        (
            "header.a",
            T::Int64,
            "`header.a` cannot be read as int64: declare it as text",
        ),
    ];
    for (path, logical_type, message) in cases {
        assert_eq!(refuse(&[field(path, logical_type)]), message);
    }
    let twice = [field("value.a", T::Json), field("value.a", T::Text)];
    assert_eq!(refuse(&twice), "`value.a` is read twice: declare it once");
    let below = [field("value.a.b.c", T::Text), field("value.a", T::Text)];
    assert_eq!(
        refuse(&below),
        "`value.a` is read as text, so nothing below it can be read, but `value.a.b.c` is: \
         declare `value.a` as json"
    );
}
