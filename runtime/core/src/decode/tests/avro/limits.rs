//! Bytes and schemas that are larger, deeper or longer than anybody needs.

use super::*;

const LIST: &str = r#"{"type":"record","name":"R","fields":[
    {"name":"l","type":{"type":"array","items":"null"}},{"name":"a","type":"int"}]}"#;

/// A record that may lie in itself.
const NODE: &str = r#"{"type":"record","name":"Node","fields":[
    {"name":"v","type":"int"},{"name":"next","type":["null","Node"]}]}"#;

fn fault(of: &[(&str, &str)], text: &str, value: &[u8]) -> String {
    row(of, text, value).unwrap_err()
}

#[test]
fn no_length_and_no_count_is_trusted() {
    let text_schema = r#"{"type":"record","name":"R","fields":[{"name":"a","type":"string"}]}"#;
    let a: &[(&str, &str)] = &[("value.a", "text")];
    let b: &[(&str, &str)] = &[("value.b", "text")];
    for of in [a, b] {
        for (value, why) in [
            (long(2), "ends in the middle"),
            (long(i64::MAX), "ends in the middle"),
            (long(-1), "a length or a count is negative"),
            (vec![0xff; 10], "a number has more than 64 bits"),
            (vec![0xff, 0xff], "ends in the middle"),
            (Vec::new(), "ends in the middle"),
            ([text("x"), vec![0]].concat(), "bytes follow behind"),
        ] {
            let said = fault(of, text_schema, &value);
            assert!(
                said.starts_with("malformed: value is no value of its schema 1:"),
                "{said}"
            );
            assert!(said.contains(why), "{said}");
        }
    }
    assert!(fault(a, text_schema, &[2, 0xff]).contains("a string is not UTF-8"));
    assert!(row(b, text_schema, &[2, 0xff]).is_ok(), "nobody reads it");
    let int = fault(
        &[("value.a", "int64")],
        LIST,
        &[vec![0], long(1 << 31)].concat(),
    );
    assert!(int.contains("more than the 32 bits of an int"), "{int}");
}

#[test]
fn values_of_no_bytes_are_counted() {
    for of in [[("value.a", "int64")], [("value.l", "json")]] {
        let many = |count: i64| [long(count), vec![0, 2]].concat();
        assert!(row(&of, LIST, &many(1_000_000)).is_ok());
        let said = fault(&of, LIST, &many(1_000_100));
        assert!(
            said.contains("more than 1000000 values of no bytes"),
            "{said}"
        );
        let said = fault(&of, LIST, &many(i64::MIN));
        assert!(said.starts_with("malformed"), "{said}");
    }
}

/// Each block's count is below the number of bytes that are left, all of them together are not.
#[test]
fn values_of_no_bytes_are_counted_over_blocks() {
    let blocks = [long(50_000).repeat(50_000), vec![0, 2]].concat();
    for of in [[("value.a", "int64")], [("value.l", "json")]] {
        let said = fault(&of, LIST, &blocks);
        assert!(
            said.contains("more than 1000000 values of no bytes"),
            "{said}"
        );
    }
    let few = [long(2).repeat(100_000), vec![0, 2]].concat();
    assert!(row(&[("value.a", "int64")], LIST, &few).is_ok());
}

/// A record of two records of two records, down to one without fields.
#[test]
fn records_of_no_bytes_are_counted() {
    let mut text = r#"{"type":"record","name":"E","fields":[]}"#.to_owned();
    let mut last = "E".to_owned();
    for level in 0..40 {
        let fields = format!(r#"{{"name":"a","type":{text}}},{{"name":"b","type":"{last}"}}"#);
        text = format!(r#"{{"type":"record","name":"N{level}","fields":[{fields}]}}"#);
        last = format!("N{level}");
    }
    for of in [[("value.c", "int64")], [("value", "json")]] {
        let said = fault(&of, &text, &[]);
        assert!(
            said.contains("more than 1000000 values of no bytes"),
            "{said}"
        );
    }
}

/// Names of fields, symbols and digits behind a point are in the schema, not in the value.
#[test]
fn json_is_limited() {
    let name = "n".repeat(1_000);
    let named =
        format!(r#"{{"type":"record","name":"I","fields":[{{"name":"{name}","type":"null"}}]}}"#);
    let symbols = format!(r#"{{"type":"enum","name":"S","symbols":["{name}"]}}"#);
    let number = r#"{"type":"bytes","logicalType":"decimal","precision":16383,"scale":16383}"#;
    for (item, bytes) in [
        (named.as_str(), &[][..]),
        (&symbols, &[0]),
        (number, &[2, 1]),
    ] {
        let text = format!(
            r#"{{"type":"record","name":"R","fields":[
                {{"name":"l","type":{{"type":"array","items":{item}}}}}]}}"#
        );
        let list = |count: usize| {
            let count_bytes = long(count as i64);
            [count_bytes, bytes.repeat(count), vec![0]].concat()
        };
        let of = [("value.l", "json")];
        assert!(row(&of, &text, &list(10)).is_ok(), "{item}");
        let said = fault(&of, &text, &list(20_000));
        assert!(said.contains("as JSON it is longer than"), "{said}");
    }
}

#[test]
fn depth_is_limited() {
    let deep = |depth: usize| [[2, 2].repeat(depth), vec![2, 0]].concat();
    for of in [
        [("value.v", "int64")],
        [("value", "json")],
        [("value.next.next.v", "int64")],
    ] {
        assert!(row(&of, NODE, &deep(60)).is_ok(), "{of:?}");
        let said = fault(&of, NODE, &deep(70));
        assert!(said.contains("deeper than 64 levels"), "{said}");
    }
    // A record that has itself has no end.
    let endless = r#"{"type":"record","name":"E","fields":[{"name":"e","type":"E"}]}"#;
    let said = fault(&[("value.x", "text")], endless, &[]);
    assert!(said.contains("deeper than 64 levels"), "{said}");
    let nested = format!(
        "{}\"int\"{}",
        r#"{"type":"array","items":"#.repeat(200),
        "}".repeat(200)
    );
    assert!(
        schema(&nested).unwrap_err().contains("it is no JSON"),
        "serde_json's own limit"
    );
}

#[test]
fn schemas_are_limited() {
    let pad = " ".repeat(1 << 20);
    let said = schema(&format!("\"int\"{pad}")).unwrap_err();
    assert!(said.contains("the limit is 1048576"), "{said}");
    let enums = (0..10_001).map(|i| {
        format!(r#"{{"name":"f{i}","type":{{"type":"enum","name":"E{i}","symbols":["A"]}}}}"#)
    });
    let fields = enums.collect::<Vec<_>>().join(",");
    let many = format!(r#"{{"type":"record","name":"R","fields":[{fields}]}}"#);
    let said = schema(&many).unwrap_err();
    assert!(said.contains("more than 10000 named types"), "{said}");
}

/// Unions of records in records: each way through them is a piece of the program.
#[test]
fn programs_are_limited() {
    let mut text = r#"["null","int"]"#.to_owned();
    let mut path = "value".to_owned();
    for level in 0..9 {
        let branches = (0..4).map(|branch| {
            let of = match branch {
                0 => text.clone(),
                _ => format!("\"L{level}B0\""),
            };
            let fields = format!(r#"[{{"name":"a","type":{of}}}]"#);
            format!(r#"{{"type":"record","name":"L{level}B{branch}","fields":{fields}}}"#)
        });
        text = format!("[{}]", branches.collect::<Vec<_>>().join(","));
        path.push_str(".a");
    }
    path.push_str(&".a".repeat(9));
    let of = [(path.as_str(), "json")];
    let mut decoder = decoder(&of, &text);
    let unready = decoder.look(&record(&framed(&[0])));
    let Some(crate::decode::Unready {
        because: crate::decode::Unreadiness::Mismatch(mismatch),
        ..
    }) = unready
    else {
        panic!("{unready:?}: {:?}", decoder.decode(&record(&framed(&[0]))));
    };
    assert!(mismatch.why.contains("more than 65536 steps"), "{mismatch}");
}
