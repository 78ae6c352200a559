//! Documents in Connect's wrapper, and keys that are no objects.

use super::*;

/// Pairs of key and value as records.
fn keyed(keys: &[&[u8]], value: &str) -> Records {
    let mut records = Records::default();
    for (i, key) in keys.iter().enumerate() {
        records.push(
            i as i64,
            None,
            Some(key),
            Some(value.as_bytes()),
            std::iter::empty(),
        );
    }
    records
}

fn texts(decoded: &Decoded, column: usize) -> Vec<Option<&str>> {
    let values = &decoded.batch.columns[column].values;
    values.as_string::<i32>().iter().collect()
}

fn integers(decoded: &Decoded, column: usize) -> Vec<Option<i64>> {
    let values = &decoded.batch.columns[column].values;
    values.as_primitive::<Int64Type>().iter().collect()
}

#[test]
fn paths_begin_below_the_payload_of_a_wrapper() {
    let reads = [
        field("value.after.id", T::Int64),
        field("value.after.t", T::Json),
    ];
    let decoded = decoder(&reads).decode(&records(&[
        r#"{"after":{"id":1,"t":[1]}}"#,
        r#"{"schema":{"type":"struct","fields":[{"after":{}}]},"payload":{"after":{"id":2}}}"#,
        " {\"payload\" : {\"after\":{\"id\":3,\"t\":{\"a\":1}}}, \"schema\":null } ",
        // Half of a surrogate pair and a number that no double holds: the exact reader's.
        r#"{"schema":{"a":"\ud83d","b":1e999},"payload":{"after":{"id":4e0,"t":1e999}}}"#,
        // Not exactly the two names.
        r#"{"schema":{},"payload":{"after":{"id":5}},"after":{"id":6}}"#,
        r#"{"payload":{"after":{"id":5}}}"#,
        r#"{"schema":{},"payload":{"after":{"id":7}},"schema":{}}"#,
    ]));
    assert_eq!(decoded.dead_letters, []);
    let ids = [Some(1), Some(2), Some(3), Some(4), Some(6), None, Some(7)];
    assert_eq!(integers(&decoded, 0), ids);
    let json = [
        Some("[1]"),
        None,
        Some(r#"{"a":1}"#),
        Some("1e999"),
        None,
        None,
        None,
    ];
    assert_eq!(texts(&decoded, 1), json);
    let torn = r#"{"schema":{},"payload":{"after":{"id":7}}"#;
    assert_eq!(refusal(&reads, torn).0, "malformed");
    let wrong = r#"{"schema":{},"payload":{"after":{"id":"x"}}}"#;
    let message = refusal(&reads, wrong).1;
    assert_eq!(message, "value.after.id: expected int64, found text \"x\"");
    let deep = format!(
        r#"{{"schema":{}{},"payload":{{}}}}"#,
        "[".repeat(500),
        "]".repeat(500)
    );
    assert_eq!(refusal(&reads, &deep).0, "malformed");
    assert_eq!(
        refusal(&[field("value.after.id", T::Int64)], &deep).0,
        "malformed"
    );
}

#[test]
fn paths_that_name_a_member_of_the_wrapper_begin_at_the_document() {
    let wrapped = r#"{"schema":{"after":8},"payload":{"after":{"id":2}}}"#;
    for path in ["value.payload.after.id", "value.schema.after"] {
        let reads = [field(path, T::Int64), field("value.after", T::Json)];
        let decoded = decoder(&reads).decode(&records(&[wrapped]));
        assert_eq!(texts(&decoded, 1), [None], "{path}");
        assert!(integers(&decoded, 0)[0].is_some(), "{path}");
    }
    let whole = [field("value", T::Json), field("value.after", T::Json)];
    let decoded = decoder(&whole).decode(&records(&[wrapped]));
    assert_eq!(
        (texts(&decoded, 0), texts(&decoded, 1)),
        (vec![Some(wrapped)], vec![None])
    );
}

#[test]
fn the_key_s_wrapper_is_its_own() {
    let reads = [
        field("key.id", T::Int64),
        field("key.region", T::Text),
        field("value.payload.a", T::Int64),
    ];
    let keys: [&[u8]; 3] = [
        br#"{"schema":{"type":"struct"},"payload":{"id":1,"region":"eu"}}"#,
        br#"{"id":2,"region":"us"}"#,
        b"7",
    ];
    let decoded = decoder(&reads).decode(&keyed(&keys, r#"{"schema":null,"payload":{"a":5}}"#));
    assert_eq!(decoded.dead_letters, []);
    assert_eq!(integers(&decoded, 0), [Some(1), Some(2), None]);
    assert_eq!(texts(&decoded, 1), [Some("eu"), Some("us"), None]);
    assert_eq!(integers(&decoded, 2), [Some(5); 3]);
}

#[test]
fn a_key_of_one_column_may_be_the_bare_value() {
    let uuid = "123e4567-e89b-12d3-a456-426614174000";
    let keys: [&[u8]; 14] = [
        b"17",
        b" 18 ",
        b"1.5",
        b"alice",
        b"\"alice\"",
        b"null",
        b"",
        b"\xff\xfe",
        b"\0",
        b"[1]",
        b"true",
        br#"{"schema":{"type":"int64"},"payload":19}"#,
        br#"{"schema":{"type":"string"},"payload":"bob"}"#,
        uuid.as_bytes(),
    ];
    let records = keyed(&keys, "{}");
    for path in ["key.id", "key.payload.id"] {
        let read = |logical_type| {
            let decoded = decoder(&[field(path, logical_type)]).decode(&records);
            assert_eq!(decoded.dead_letters, [], "{path} {logical_type}");
            decoded
        };
        let is_bare = path == "key.id";

        let numbers = [Some(17), Some(18)].map(|n| n.filter(|_| is_bare));
        let mut expected = [None; 14];
        expected[..2].copy_from_slice(&numbers);
        expected[11] = Some(19);
        assert_eq!(integers(&read(T::Int64), 0), expected, "{path}");
        let text = read(T::Text);
        let texts = texts(&text, 0);
        assert_eq!((texts[11], texts[12]), (None, Some("bob")), "{path}");
        if is_bare {
            let head = [
                Some("17"),
                Some(" 18 "),
                Some("1.5"),
                Some("alice"),
                Some("alice"),
            ];
            assert_eq!(texts[..5], head);
            assert_eq!(texts[5..9], [None, Some(""), None, None]);
            assert_eq!(texts[13], Some(uuid));
        } else {
            assert!(texts[..11].iter().chain(&texts[13..]).all(Option::is_none));
        }
        let uuids = read(T::Uuid);
        let found = self::texts(&uuids, 0).iter().flatten().count();
        assert_eq!(found, usize::from(is_bare), "{path}");
    }
}

#[test]
fn an_object_as_key_must_be_one_and_hold_what_is_declared() {
    let reads = [field("key.id", T::Int64)];
    let keys: [&[u8]; 3] = [br#"{"id":"x"}"#, b"{\"id\":1", br#"{"id":{"a":1}}"#];
    let decoded = decoder(&reads).decode(&keyed(&keys, "{}"));
    let codes: Vec<_> = decoded
        .dead_letters
        .iter()
        .map(|d| d.code.as_str())
        .collect();
    assert_eq!(codes, ["wrong-type", "malformed", "wrong-type"]);
}
