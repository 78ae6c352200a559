//! What a schema around a document says of its values.

use super::*;

/// What a schema says of one value, the declared type, and what is read; `Err` is what the dead
/// letter says was found.
type Case = (
    &'static str,
    &'static str,
    T,
    std::result::Result<&'static str, &'static str>,
);

/// A list of decimals.
const DECIMALS: &str = concat!(
    r#""array","items":{"type":"bytes","name":"org.apache.kafka.connect.data.Decimal","#,
    r#""parameters":{"scale":"2"}}"#
);

const PRICE: T = T::Decimal {
    precision: 12,
    scale: 2,
};

/// As Debezium 3.6.1 wrote them, but for the types that PostgreSQL has not.
const CASES: [Case; 42] = [
    (
        DECIMALS,
        r#"["B1vNFQ==",null,["BNI="]]"#,
        T::Json,
        Ok("[1234567.89,null,[12.34]]"),
    ),
    (
        DECIMALS,
        r#"["1.5"]"#,
        T::Json,
        Err("an element that is not of its schema"),
    ),
    (
        r#""array","items":{"type":"int64","name":"io.debezium.time.Timestamp"}"#,
        "[1726576496789, null]",
        T::Json,
        Ok(r#"["2024-09-17 12:34:56.789000+00",null]"#),
    ),
    (
        r#""array","items":{"type":"int32","name":"io.debezium.time.Time"}"#,
        "[1]",
        T::Json,
        Ok(r#"["00:00:00.001000"]"#),
    ),
    (
        r#""int64","name":"io.debezium.time.MicroTimestamp""#,
        "1726576496789012",
        T::TimestampUs,
        Ok("1726576496789012"),
    ),
    (
        r#""int64","name":"io.debezium.time.MicroTimestamp""#,
        "1726576496789012",
        T::TimestampMs,
        Ok("1726576496789"),
    ),
    (
        r#""int64","name":"io.debezium.time.MicroTimestamp""#,
        "-1",
        T::TimestampMs,
        Ok("-1"),
    ),
    (
        r#""int64","name":"io.debezium.time.Timestamp""#,
        "1726576496789",
        T::TimestampUs,
        Ok("1726576496789000"),
    ),
    (
        r#""int64","name":"org.apache.kafka.connect.data.Timestamp""#,
        "-9223372036832400",
        T::TimestampUs,
        Ok("-9223372036854775808"),
    ),
    (
        r#""int64","name":"io.debezium.time.NanoTimestamp""#,
        "1726576496789012345",
        T::TimestampUs,
        Ok("1726576496789012"),
    ),
    (
        r#""int64","name":"io.debezium.time.Timestamp""#,
        "9223372036854775",
        T::TimestampUs,
        Ok("9223372036854775000"),
    ),
    (
        r#""int64","name":"io.debezium.time.Timestamp""#,
        "9223372036854776",
        T::TimestampUs,
        Err("number 9223372036854776"),
    ),
    (
        r#""string","name":"io.debezium.time.ZonedTimestamp""#,
        r#""2024-09-17T10:34:56.789012Z""#,
        T::TimestampUs,
        Ok("1726569296789012"),
    ),
    (
        r#""int32","name":"io.debezium.time.Date""#,
        "19983",
        T::Date,
        Ok("19983"),
    ),
    (
        r#""int32","name":"org.apache.kafka.connect.data.Date""#,
        "1",
        T::TimestampMs,
        Ok("86400000"),
    ),
    (
        r#""int64","name":"io.debezium.time.MicroTime""#,
        "45296789012",
        T::TimeMs,
        Ok("45296789"),
    ),
    (
        r#""int32","name":"io.debezium.time.Time""#,
        "45296789",
        T::TimeUs,
        Ok("45296789000"),
    ),
    (
        r#""int64","name":"io.debezium.time.NanoTime""#,
        "45296789012345",
        T::TimeUs,
        Ok("45296789012"),
    ),
    (
        r#""string","name":"io.debezium.time.IsoTime""#,
        r#""12:34:56.789012Z""#,
        T::TimeUs,
        Ok("45296789012"),
    ),
    (
        r#""int64","name":"io.debezium.time.MicroTimestamp""#,
        "5",
        T::Int64,
        Ok("5"),
    ),
    (r#""int64""#, "5", T::TimestampMs, Ok("5")),
    (
        concat!(
            r#""bytes","name":"org.apache.kafka.connect.data.Decimal","#,
            r#""parameters":{"scale":"2","connect.decimal.precision":"12"}"#
        ),
        r#""B1vNFQ==""#,
        PRICE,
        Ok("1234567.89"),
    ),
    (
        r#""bytes","name":"org.apache.kafka.connect.data.Decimal","parameters":{"scale":"2"}"#,
        r#""B1vNFQ==""#,
        T::Numeric,
        Ok("1234567.89"),
    ),
    // As producers write it that are not Connect.
    (
        r#""bytes","name":"org.apache.kafka.connect.data.Decimal","parameters":{"scale":2}"#,
        r#""B1vNFQ==""#,
        T::Numeric,
        Ok("1234567.89"),
    ),
    (
        r#""bytes","name":"org.apache.kafka.connect.data.Decimal","parameters":{"scale":"2"}"#,
        r#""BNI=""#,
        T::Text,
        Ok("12.34"),
    ),
    (
        r#""bytes","name":"org.apache.kafka.connect.data.Decimal","parameters":{"scale":"0"}"#,
        r#""BNI=""#,
        T::Int64,
        Ok("1234"),
    ),
    (
        r#""bytes","name":"org.apache.kafka.connect.data.Decimal","parameters":{"scale":"2"}"#,
        r#""BNI=""#,
        T::Int64,
        Err("text \"BNI=\""),
    ),
    (
        r#""bytes","name":"org.apache.kafka.connect.data.Decimal","parameters":{"scale":"4"}"#,
        r#""AQ==""#,
        PRICE,
        Err("text \"AQ==\""),
    ),
    (
        r#""struct","fields":[],"name":"io.debezium.data.VariableScaleDecimal""#,
        r#"{"scale":2,"value":"BNI="}"#,
        T::Numeric,
        Ok("12.34"),
    ),
    (r#""string""#, r#""12.34""#, PRICE, Ok("12.34")),
    (r#""bytes""#, r#""QUJD""#, T::Text, Ok("QUJD")),
    (
        r#""bytes","name":"io.debezium.data.Bits","parameters":{"length":"4"}"#,
        r#""Cg==""#,
        T::Text,
        Ok("1010"),
    ),
    (
        r#""string","name":"io.debezium.data.Json""#,
        r#""{\"a\": [1, 2.50, null]}""#,
        T::Json,
        Ok(r#"{"a": [1, 2.50, null]}"#),
    ),
    (
        r#""string","name":"io.debezium.data.Json""#,
        r#""[1]""#,
        T::Json,
        Ok("[1]"),
    ),
    (
        r#""string","name":"io.debezium.data.Json""#,
        r#""[1""#,
        T::Json,
        Err("text \"[1\""),
    ),
    (
        r#""string","name":"io.debezium.data.Json""#,
        r#""[1]""#,
        T::Text,
        Ok("[1]"),
    ),
    (
        r#""array","items":{"type":"string"}"#,
        r#"["a",null]"#,
        T::Json,
        Ok(r#"["a",null]"#),
    ),
    (
        r#""int64","name":"io.debezium.time.MicroDuration""#,
        "5",
        T::TimestampUs,
        Err("io.debezium.time.MicroDuration"),
    ),
    (
        r#""int64","name":"io.debezium.time.MicroDuration""#,
        "5",
        T::Text,
        Err("io.debezium.time.MicroDuration"),
    ),
    (
        r#""int64","name":"io.debezium.time.MicroTimestamp""#,
        "5",
        T::Date,
        Err("io.debezium.time.MicroTimestamp"),
    ),
    (
        r#""string","name":"io.debezium.time.ZonedTime""#,
        r#""10:34:56Z""#,
        T::TimeUs,
        Err("io.debezium.time.ZonedTime"),
    ),
    (r#""bytes""#, r#""1234""#, PRICE, Err("bytes")),
];

fn wrapped(schema: &str, value: &str) -> String {
    let row =
        format!(r#"{{"type":"struct","fields":[{{"type":{schema},"optional":true,"field":"x"}}],"#)
            + r#""optional":true,"field":"after"}"#;
    let schema = format!(r#"{{"type":"struct","fields":[{row}],"name":"Envelope"}}"#);
    format!(r#"{{"schema":{schema},"payload":{{"after":{{"x":{value}}},"op":"c"}}}}"#)
}

fn shown(decoded: &Decoded) -> String {
    let values = &decoded.batch.columns[0].values;
    match decoded.batch.fields[0].logical_type.data_type() {
        arrow_schema::DataType::Int64 => values.as_primitive::<Int64Type>().value(0).to_string(),
        _ => values.as_string::<i32>().value(0).to_owned(),
    }
}

#[test]
fn a_schema_says_what_a_value_is() {
    for (schema, value, logical_type, expected) in CASES {
        let read = [field("value.after.x", logical_type)];
        let mut decoder = decoder(&read).with_forms(JsonForms {
            // Of no weight where a schema says it.
            decimals: JsonDecimals::Base64,
            bytes: JsonBytes::Hex,
        });
        // The second and third time by the head that is known.
        for round in 0..3 {
            let decoded = decoder.decode(&records(&[wrapped(schema, value)]));
            let found = match decoded.dead_letters.first() {
                None => shown(&decoded),
                Some(letter) => letter.message.clone(),
            };
            let expected = match expected {
                Ok(value) => value.to_owned(),
                Err(found) => {
                    let advice = crate::decode::form::advice(found);
                    format!("value.after.x: expected {logical_type}, found {found}{advice}")
                }
            };
            assert_eq!(found, expected, "{schema} {value} {logical_type} {round}");
        }
        let null = decoder.decode(&records(&[wrapped(schema, "null")]));
        assert_eq!(
            (null.batch.rows, null.dead_letters.len()),
            (1, 0),
            "{schema}"
        );
    }
}

#[test]
fn schemas_follow_one_another() {
    let read = [field("value.after.x", T::TimestampUs)];
    let mut decoder = decoder(&read);
    let unit = |unit: &str| format!(r#""int64","name":"io.debezium.time.{unit}""#);
    // More schemas than are kept, twice, in turn with documents without one.
    let pads: Vec<String> = (0..150).map(|i| format!(r#","version":{i}"#)).collect();
    for _ in 0..2 {
        for pad in &pads {
            let ms = wrapped(&format!("{}{pad}", unit("Timestamp")), "7");
            let us = wrapped(&format!("{}{pad}", unit("MicroTimestamp")), "7");
            let plain = r#"{"after":{"x":7}}"#.to_owned();
            let behind = format!(
                r#"{{"payload":{{"after":{{"x":7}}}},"schema":{}}}"#,
                &ms[r#"{"schema":"#.len()..ms.find(r#","payload""#).unwrap()]
            );
            let spaced = format!(" {} ", ms.replace(r#","payload":"#, r#" , "payload" : "#));
            let decoded = decoder.decode(&records(&[&ms, &us, &plain, &behind, &spaced, &ms]));
            let found = decoded.batch.columns[0].values.as_primitive::<Int64Type>();
            assert_eq!(decoded.dead_letters, []);
            assert_eq!(found.values(), &[7_000, 7, 7, 7_000, 7_000, 7_000]);
        }
    }
}

#[test]
fn what_only_begins_like_a_wrapper_is_read_as_it_is() {
    let read = [field("value.after.x", T::TimestampUs)];
    let mut decoder = decoder(&read);
    let wrapped = wrapped(r#""int64","name":"io.debezium.time.Timestamp""#, "7");
    decoder.decode(&records(&[&wrapped]));
    let head = &wrapped[..wrapped.find(r#"{"after":{"x""#).unwrap()];
    let malformed = [
        format!("{head}{{\"after\":{{\"x\":7}}"),
        format!("{head}7,}}"),
        format!("{head}}}"),
        format!("{head}{{}}}}}}"),
        head.to_owned(),
        format!("{head}{}1{}}}", "[".repeat(127), "]".repeat(127)),
    ];
    for document in &malformed {
        let decoded = decoder.decode(&records(&[document]));
        assert_eq!(decoded.dead_letters[0].code, "malformed", "{document}");
    }
    let with_more = format!(r#"{head}{{"after":{{"x":7}}}},"after":{{"x":8}}}}"#);
    let twice = format!(r#"{head}{{"after":{{"x":7}}}},"payload":{{"after":{{"x":9}}}}}}"#);
    let decoded = decoder.decode(&records(&[with_more, twice]));
    let found = decoded.batch.columns[0].values.as_primitive::<Int64Type>();
    assert_eq!(found.values(), &[8, 9_000], "{:?}", decoded.dead_letters);
}

#[test]
fn a_key_has_a_schema_of_its_own() {
    let read = [
        field("key.at", T::TimestampUs),
        field("value.after.x", T::TimestampUs),
    ];
    let micro = r#""int64","name":"io.debezium.time.MicroTimestamp""#;
    let value = wrapped(micro, "7");
    let ms = r#"{"type":"int64","name":"io.debezium.time.Timestamp","field":"at"}"#;
    for key in [
        format!(r#"{{"schema":{{"type":"struct","fields":[{ms}]}},"payload":{{"at":7}}}}"#),
        format!(r#"{{"schema":{ms},"payload":7}}"#),
    ] {
        let mut records = Records::default();
        let parts = (Some(key.as_bytes()), Some(value.as_bytes()));
        records.push(0, None, parts.0, parts.1, std::iter::empty());
        let decoded = decoder(&read).decode(&records);
        let found = |i: usize| {
            decoded.batch.columns[i]
                .values
                .as_primitive::<Int64Type>()
                .value(0)
        };
        assert_eq!((found(0), found(1)), (7_000, 7), "{key}");
    }
}

#[test]
fn members_of_a_schema_may_be_null_and_what_is_no_schema_is_told() {
    let read = [field("value.after.x", T::TimestampUs)];
    let ms = r#""int64","name":"io.debezium.time.Timestamp""#;
    for more in [
        r#","parameters":null"#,
        r#","items":null,"fields":null,"doc":null,"default":null"#,
        r#","version":1,"parameters":{"scale":null,"__debezium.source.column.type":"x"}"#,
    ] {
        let value = wrapped(&format!("{ms}{more}"), "7");
        let decoded = decoder(&read).decode(&records(&[value]));
        assert_eq!(decoded.dead_letters, []);
        assert_eq!(shown(&decoded), "7000", "{more}");
    }
    for more in [
        r#","name":"io.debezium.time.Timestamp""#,
        r#","fields":1"#,
        r#","parameters":1"#,
    ] {
        let value = wrapped(&format!("{ms}{more}"), "7");
        let (code, message) = refusal(&read, &value);
        assert_eq!(code, "malformed");
        let begins = message.starts_with("the schema of the value is none of Connect's: ");
        assert!(begins, "{more} {message}");
    }
}
