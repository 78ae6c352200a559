//! What stands for a value that was not sent, and what is no value at all.

use super::*;

const WORD: &str = "__debezium_unavailable_value";
const BASE64: &str = "X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ==";

/// The text column `read` of the one row: absent, null, or something.
fn read_with_absent(read: Field, value: &str) -> Option<Option<String>> {
    let mut decoder = decoder(&[read]).with_absent(Some(WORD));
    let decoded = decoder.decode(&records(&[value]));
    assert_eq!(decoded.dead_letters, [], "{value}");
    let column = &decoded.batch.columns[0];
    let present = column.presence.as_ref().is_none_or(|p| p.value(0));
    let text = column.values.as_string::<i32>().iter().next().unwrap();
    present.then(|| text.map(str::to_owned))
}

#[test]
fn the_placeholder_is_absent_in_the_spelling_of_each_type() {
    let decimal = T::Decimal {
        precision: 9,
        scale: 2,
    };
    let text = format!("\"{WORD}\"");
    let escaped = text.replacen('_', "\\u005f", 1);
    let base64 = format!("\"{BASE64}\"");
    for logical_type in [T::Text, T::Json, T::Uuid, decimal] {
        for value in [&text, &escaped, &base64] {
            let document = format!(r#"{{"a":{value}}}"#);
            let read = field("value.a", logical_type);
            assert_eq!(read_with_absent(read, &document), None, "{document}");
        }
    }
    let numbers: Vec<String> = WORD.bytes().map(|byte| byte.to_string()).collect();
    for value in [
        format!("[{text}]"),
        format!("[ {} ]", numbers.join(", ")),
        format!("{{{text}:{text}}}"),
        format!("\"{{\\\"{WORD}\\\":\\\"{WORD}\\\"}}\""),
    ] {
        let document = format!(r#"{{"a":{value}}}"#);
        let read = field("value.a", T::Json);
        assert_eq!(read_with_absent(read, &document), None, "{document}");
    }
    // Of a type that no text is of: absent all the same.
    let read = [field("value.a", T::Int64)];
    let mut decoder = decoder(&read).with_absent(Some(WORD));
    let decoded = decoder.decode(&records(&[format!(r#"{{"a":{text}}}"#)]));
    assert_eq!(decoded.dead_letters, []);
    assert!(!decoded.batch.columns[0].presence.as_ref().unwrap().value(0));
}

#[test]
fn what_has_the_placeholder_inside_is_a_value() {
    for json in [
        format!(r#"{{"b":"{WORD}"}}"#),
        format!(r#"[["{WORD}"]]"#),
        format!(r#"["{WORD}","b"]"#),
        format!(r#"" {WORD}""#),
    ] {
        let read = field("value.a", T::Json);
        let document = format!(r#"{{"a":{json}}}"#);
        assert_eq!(read_with_absent(read, &document), Some(Some(json)));
    }
    let longer = format!(r#"{{"a":"{WORD}."}}"#);
    let read = field("value.a", T::Text);
    assert_eq!(
        read_with_absent(read, &longer),
        Some(Some(format!("{WORD}.")))
    );
    let unknown = format!(r#"{{"a":"{WORD}"}}"#);
    assert_eq!(
        text_of(field("value.a", T::Text), &unknown),
        Some(Some(WORD.to_owned()))
    );
}

#[test]
fn a_placeholder_in_the_place_of_an_object_leaves_all_below_absent() {
    let reads = [field("value.a", T::Json), field("value.a.b", T::Text)];
    let mut decoder = decoder(&reads).with_absent(Some(WORD));
    let decoded = decoder.decode(&records(&[
        format!(r#"{{"a":"{WORD}"}}"#),
        format!(r#"{{"a":{{"b":"x"}},"a":"{WORD}"}}"#),
    ]));
    assert_eq!(decoded.dead_letters, []);
    for column in &decoded.batch.columns {
        let presence = column.presence.as_ref().unwrap();
        assert_eq!(presence.iter().collect::<Vec<_>>(), [false, false]);
    }
}

#[test]
fn a_record_without_a_value_is_a_tombstone_however_it_is_spelled() {
    let values = [
        "",
        "null",
        r#"{"schema":{"type":"struct"},"payload":null}"#,
        r#"{"payload":null,"schema":null}"#,
        r#"{"a":"x"}"#,
    ];
    for path in ["value.a", "value.payload.a"] {
        let reads = [field(path, T::Text)];
        let decoded = decoder(&reads).decode(&records(&values));
        assert_eq!(
            (decoded.tombstones, decoded.dead_letters.len()),
            (4, 0),
            "{path}"
        );
        let mut decoder = Decoder::new(&reads, "t", 0, Tombstone::Delete, 1000).unwrap();
        let decoded = decoder.decode(&records(&values));
        assert_eq!((decoded.tombstones, decoded.batch.rows), (0, 5), "{path}");
        let presence = decoded.batch.columns[0].presence.as_ref().unwrap();
        assert_eq!(
            presence.iter().filter(|is_present| *is_present).count(),
            usize::from(path == "value.a")
        );
    }
    // Values that are no documents are values whatever they say.
    let decoded = decoder(&[field("value", T::Text)]).decode(&records(&["", "null"]));
    assert_eq!((decoded.tombstones, decoded.batch.rows), (0, 2));
}

#[test]
fn a_name_that_an_object_lacks_is_null_where_the_plan_says_so() {
    let reads = ["id", "a", "b.c"].map(|name| field(&format!("value.after.{name}"), T::Text));
    let plan = Plan {
        roles: Some(crate::plan::Roles {
            key: vec!["id".to_owned()],
            ..Default::default()
        }),
        attributes: vec![("missing-is-null".to_owned(), "value.after".to_owned())],
        ..Plan::default()
    };
    let mut decoder = decoder(&reads).with_absent(Some(WORD)).with_missing(&plan);
    let decoded = decoder.decode(&records(&[
        r#"{"after":{"id":"1"}}"#.to_owned(),
        r#"{"after":{}}"#.to_owned(),
        r#"{"after":null}"#.to_owned(),
        "{}".to_owned(),
        format!(r#"{{"after":{{"a":"{WORD}"}}}}"#),
        r#"{"after":{"a":"x"},"after":null}"#.to_owned(),
        r#"{"after":{"a":"x"},"after":{}}"#.to_owned(),
    ]));
    let presence = |column: usize| -> Vec<bool> {
        decoded.batch.columns[column]
            .presence
            .as_ref()
            .unwrap()
            .iter()
            .collect()
    };
    assert_eq!(
        presence(0),
        [true, false, false, false, false, false, false]
    );
    assert_eq!(presence(1), [true, true, false, false, false, false, true]);
    assert_eq!(presence(2), [false; 7]);
    assert_eq!(decoded.batch.columns[1].values.null_count(), 7);
}
