//! What the documentation promises, value by value.

use super::*;

#[test]
fn a_bad_record_leaves_no_trace_in_the_columns() {
    let reads = [field("value.a.b", T::Int64), field("value.c", T::Text)];
    let decoded = decoder(&reads).decode(&records(&[
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

#[test]
fn absent_and_null_are_two_things() {
    let read = || field("value.a.b", T::Text);
    assert_eq!(
        text_of(read(), r#"{"a":{"b":"x"}}"#),
        Some(Some("x".to_owned()))
    );
    assert_eq!(text_of(read(), r#"{"a":{"b":null}}"#), Some(None));
    for absent in [r#"{"a":{}}"#, r#"{"a":null}"#, "{}"] {
        assert_eq!(text_of(read(), absent), None, "{absent}");
    }
}

#[test]
fn the_last_of_a_duplicate_name_counts_with_all_below_it() {
    let read = || field("value.a.b", T::Text);
    assert_eq!(
        text_of(read(), r#"{"a":{"b":"x","b":"y"}}"#),
        Some(Some("y".to_owned()))
    );
    assert_eq!(
        text_of(read(), r#"{"a":{"b":1,"b":"y"}}"#),
        Some(Some("y".to_owned()))
    );
    assert_eq!(text_of(read(), r#"{"a":{"b":"x"},"\u0061":{"c":1}}"#), None);
    assert_eq!(text_of(read(), r#"{"a":7,"a":null}"#), None);
    assert_eq!(
        refusal(&[read()], r#"{"a":{"b":"x"},"a":7}"#).0,
        "wrong-type"
    );
}

#[test]
fn json_and_decimals_keep_their_digits() {
    let decimal = || {
        field(
            "value.n",
            T::Decimal {
                precision: 20,
                scale: 2,
            },
        )
    };
    for number in ["12345678901234567.89", "1.50", "-0", "1E+2"] {
        let kept = Some(Some(number.to_owned()));
        assert_eq!(text_of(decimal(), &format!(r#"{{"n": {number} }}"#)), kept);
        assert_eq!(text_of(decimal(), &format!(r#"{{"n":"{number}"}}"#)), kept);
    }
    assert_eq!(
        text_of(decimal(), r#"{"n":"\u0031.5"}"#),
        Some(Some("1.5".to_owned()))
    );
    let json = r#"{"b": 1.50,"b":[12345678901234567890123, "\n"]}"#;
    let document = format!(r#"{{"n":{json},"m":0}}"#);
    assert_eq!(
        text_of(field("value.n", T::Json), &document),
        Some(Some(json.to_owned()))
    );
    assert_eq!(
        text_of(field("value", T::Json), json),
        Some(Some(json.to_owned()))
    );
    assert_eq!(
        text_of(field("value.n", T::Json), r#"{"n":"\"x"}"#),
        Some(Some(r#""\"x""#.into()))
    );
    assert_eq!(
        text_of(field("value.n", T::Json), r#"{"n":null}"#),
        Some(None)
    );
}

#[test]
fn a_mistyped_value_is_named_with_its_path_and_both_types() {
    let uuid = "123e4567-e89b-12d3-a456-426614174000";
    let cases = [
        (T::Int64, r#""abc""#, r#"expected int64, found text "abc""#),
        (
            T::Int64,
            r#""a\"\n""#,
            r#"expected int64, found text "a\"\n""#,
        ),
        (T::Int64, "1.5", "expected int64, found number 1.5"),
        (
            T::Int64,
            "9223372036854775808",
            "expected int64, found number 9223372036854775808",
        ),
        (
            T::TimestampMs,
            "true",
            "expected timestamp(ms), found boolean true",
        ),
        (T::Date, "[1,[2]]", "expected date, found an array"),
        (T::Boolean, "2", "expected boolean, found number 2"),
        (T::Bytes, "[1]", "expected bytes, found an array"),
        (
            T::TimeUs,
            r#""12:34+02""#,
            r#"expected time(us), found text "12:34+02""#,
        ),
        (
            T::Float64,
            r#"{"a":1}"#,
            "expected float64, found an object",
        ),
        (T::Text, "-1", "expected text, found number -1"),
        (T::Uuid, r#""\u0031""#, r#"expected uuid, found text "1""#),
        (
            T::Uuid,
            &format!(r#""{uuid}0""#),
            &format!(r#"expected uuid, found text "{uuid}0""#),
        ),
        (
            T::Decimal {
                precision: 4,
                scale: 2,
            },
            "100.1",
            "expected decimal(4,2), found number 100.1",
        ),
        (
            T::Decimal {
                precision: 4,
                scale: 2,
            },
            "1.001",
            "expected decimal(4,2), found number 1.001",
        ),
        (
            T::Decimal {
                precision: 4,
                scale: 2,
            },
            "[]",
            "expected decimal(4,2), found an array",
        ),
    ];
    for (logical_type, json, message) in cases {
        let (code, found) = refusal(
            &[field("value.after.x", logical_type)],
            &format!(r#"{{"after":{{"x":{json}}}}}"#),
        );
        assert_eq!(
            (code.as_str(), found),
            ("wrong-type", format!("value.after.x: {message}"))
        );
    }
    let long = format!(r#"{{"x":"{}"}}"#, "é".repeat(1000));
    let message = refusal(&[field("value.x", T::Int64)], &long).1;
    assert_eq!(
        message,
        format!(
            "value.x: expected int64, found text \"{}\"...",
            "é".repeat(40)
        )
    );
}

#[test]
fn a_parent_that_is_no_object_is_named_itself() {
    let reads = [field("value.a.b.c", T::Text)];
    let (code, message) = refusal(&reads, r#"{"a":{"b":[{"c":"x"}]}}"#);
    assert_eq!(
        (code.as_str(), message.as_str()),
        (
            "wrong-type",
            "value.a.b: expected an object, found an array"
        )
    );
    assert_eq!(
        refusal(&reads, "3").1,
        "value: expected an object, found number 3"
    );
}

#[test]
fn what_may_not_be_null_is_refused_when_it_is_or_when_it_is_missing() {
    let mut read = field("value.a", T::Text);
    read.nullable = false;
    let reads = [read];
    assert_eq!(
        refusal(&reads, "{}").1,
        "value.a: expected text, found nothing"
    );
    assert_eq!(
        refusal(&reads, r#"{"a":null}"#).1,
        "value.a: expected text, found null"
    );
    assert_eq!(
        decoder(&reads)
            .decode(&records(&[r#"{"a":""}"#]))
            .batch
            .rows,
        1
    );
}

#[test]
fn u0000_is_refused_where_it_is_read_and_only_there() {
    for logical_type in [T::Text, T::Json] {
        let reads = [field("value.a", logical_type)];
        for value in [r#"{"a":"x\u0000"}"#, r#"{"a":"\u0000\"","b":1}"#] {
            let (code, message) = refusal(&reads, value);
            assert_eq!(code, "zero-byte", "{value}");
            assert!(message.starts_with("value.a: "), "{message}");
        }
        let elsewhere = r#"{"b":"\u0000","\u0000":"\u0000","a":"\\u0000"}"#;
        assert_eq!(
            decoder(&reads).decode(&records(&[elsewhere])).dead_letters,
            []
        );
    }
    let json = [field("value.a", T::Json)];
    assert_eq!(refusal(&json, r#"{"a":[{"\u0000":1}]}"#).0, "zero-byte");
    assert_eq!(refusal(&json, r#"{"a":[["\u0000"]]}"#).0, "zero-byte");
}

#[test]
fn json_can_be_read_whole_and_below() {
    let reads = [field("value.a", T::Json), field("value.a.b", T::Int64)];
    let decoded = decoder(&reads).decode(&records(&[
        r#"{"a":{"b": 1,"c":[]}}"#,
        r#"{"a":null}"#,
        r#"{"a":{"b":2},"a":{}}"#,
    ]));
    assert_eq!(decoded.dead_letters, []);
    let json: Vec<_> = decoded.batch.columns[0]
        .values
        .as_string::<i32>()
        .iter()
        .collect();
    assert_eq!(json, [Some(r#"{"b": 1,"c":[]}"#), None, Some("{}")]);
    let below: Vec<_> = decoded.batch.columns[1]
        .values
        .as_primitive::<Int64Type>()
        .iter()
        .collect();
    assert_eq!(below, [Some(1), None, None]);
    for value in [r#"{"a":"text"}"#, r#"{"a":"te\nxt"}"#, r#"{"a":[1]}"#] {
        let message = refusal(&reads, value).1;
        assert!(
            message.starts_with("value.a: expected an object, found "),
            "{message}"
        );
    }
}

#[test]
fn u0000_is_found_in_json_around_json() {
    let reads = [field("value.a.b", T::Json), field("value.a", T::Json)];
    for value in [
        r#"{"a":{"x":"\u0000","b":{}}}"#,
        r#"{"a":{"b":{},"x":"\u0000"}}"#,
        r#"{"a":{"b":null,"\u0000":1}}"#,
    ] {
        let (code, message) = refusal(&reads, value);
        assert_eq!(code, "zero-byte", "{value}");
        assert!(message.starts_with("value.a: "), "{message}");
    }
    let (code, message) = refusal(&reads, r#"{"a":{"b":["\u0000"]}}"#);
    assert_eq!(code, "zero-byte");
    assert!(message.starts_with("value.a.b: "), "{message}");
}

#[test]
fn what_nobody_reads_refuses_no_record() {
    let reads = [field("value.a", T::Int64)];
    let others = [
        "1e400",
        "-1e400",
        "1e99999999999999999999",
        "123456789012345678901234567890",
        "[[{\"x\":1e400}]]",
        "{\"deep\":[1,-1e400,{}]}",
        "\"\\ud83d\"",
        "{\"\\ud83d\":0}",
        "\"\\u0000\"",
    ];
    for other in others {
        for document in [
            format!(r#"{{"a":7,"b":{other}}}"#),
            format!(r#"{{"b":{{"c":{other}}},"a":7}}"#),
            format!("\u{feff}{{\"b\":[{other}],\"a\":7}}"),
        ] {
            let decoded = decoder(&reads).decode(&records(&[&document]));
            assert_eq!(decoded.dead_letters, [], "{document}");
            let values = decoded.batch.columns[0].values.as_primitive::<Int64Type>();
            assert_eq!(values.value(0), 7);
        }
    }
}

#[test]
fn a_number_beyond_a_double_is_kept_where_its_digits_are_and_refused_elsewhere() {
    let document = r#"{"a":1e400}"#;
    assert_eq!(
        text_of(field("value.a", T::Json), document),
        Some(Some("1e400".to_owned()))
    );
    for logical_type in [T::Float64, T::Int64, T::TimestampMs] {
        let (code, message) = refusal(&[field("value.a", logical_type)], document);
        assert_eq!(code, "wrong-type");
        assert!(
            message.ends_with("a number that no double holds"),
            "{message}"
        );
    }
    let decimal = T::Decimal {
        precision: 9,
        scale: 2,
    };
    let (code, message) = refusal(&[field("value.a", decimal)], document);
    assert_eq!(code, "wrong-type");
    assert!(message.ends_with("found number 1e400"), "{message}");
}

#[test]
fn half_of_a_surrogate_pair_is_refused_where_it_is_read() {
    for logical_type in [T::Text, T::Json, T::Int64, T::Uuid] {
        for value in [r#""hi \ud83d""#, r#""\ude00\ud83d""#, r#""\ud83dx""#] {
            let document = format!(r#"{{"a":{value}}}"#);
            let (code, message) = refusal(&[field("value.a", logical_type)], &document);
            assert_eq!(code, "malformed", "{document}");
            assert!(
                message.starts_with("value.a: holds half of a surrogate pair"),
                "{message}"
            );
        }
    }
    let json = [field("value.a", T::Json), field("value.a.b", T::Int64)];
    let (code, message) = refusal(&json, r#"{"a":{"b":1,"c":["\ud83d"]}}"#);
    assert_eq!(code, "malformed");
    assert!(message.starts_with("value.a: "), "{message}");
}

#[test]
fn a_name_with_a_dot_is_read_by_a_path_with_marks() {
    let document = r#"{"after":{"address.city":"Oslo","address":{"city":"Bergen"}}}"#;
    let city = |path: &str| text_of(field(path, T::Text), document);
    assert_eq!(
        city("value.after.\"address.city\""),
        Some(Some("Oslo".to_owned()))
    );
    assert_eq!(
        city("value.after.address.city"),
        Some(Some("Bergen".to_owned()))
    );
    let twice = [field("value.a", T::Text), field("value.\"a\"", T::Text)];
    assert!(Decoder::new(&twice, "t", 0, Tombstone::Ignore, 9).is_err());
    let wrong = [field("value.after.\"address.city\"", T::Int64)];
    assert_eq!(
        refusal(&wrong, document).1,
        "value.after.\"address.city\": expected int64, found text \"Oslo\""
    );
}
