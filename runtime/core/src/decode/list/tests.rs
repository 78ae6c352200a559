use proptest::prelude::*;

use super::*;

fn written(json: &str, elements: Elements, style: ListStyle) -> Result<String, ListFault> {
    let mut out = String::from("before ");
    // What others have there stays.
    let mut bytes = b"kept".to_vec();
    write_list(json, elements, None, style, &mut out, &mut bytes)?;
    assert_eq!(bytes, b"kept");
    Ok(out["before ".len()..].to_owned())
}

fn array(json: &str, elements: Elements) -> String {
    written(json, elements, ListStyle::Array).unwrap_or_else(|fault| format!("{fault:?}"))
}

fn is_refused(json: &str, elements: Elements) -> bool {
    let refused = |style| matches!(written(json, elements, style), Err(ListFault::Element(_)));
    refused(ListStyle::Array)
}

#[test]
fn lists_are_arrays() {
    for (json, text) in [
        ("[]", "{}"),
        (r#" ["a", null ,"c,d"] "#, r#"{"a",NULL,"c,d"}"#),
        ("[[1,2],[3,4.50]]", r#"{{"1","2"},{"3","4.50"}}"#),
        (
            r#"["\"\\\n{}é", "null", ""]"#,
            "{\"\\\"\\\\\n{}é\",\"null\",\"\"}",
        ),
        (r#"[{"a":"}]\""},true]"#, r#"{"{\"a\":\"}]\\\"\"}","true"}"#),
    ] {
        assert_eq!(array(json, Elements::Plain), text, "{json}");
    }
    for json in [
        "1",
        "null",
        "{}",
        "[",
        "[1",
        "[1]]",
        "[\"",
        r#"["\ud800"]"#,
        "[{]",
        "",
    ] {
        let fault = written(json, Elements::Plain, ListStyle::Array);
        assert_eq!(fault, Err(ListFault::NoList), "{json}");
    }
}

#[test]
fn times_are_numbers_or_text() {
    let dates = r#"{"2024-09-17","-infinity","infinity","0044-03-15 BC","2068-11-19"}"#;
    let json = r#"[19983, -2147472691, -2147472692, -735160, "2068-11-19Z"]"#;
    assert_eq!(array(json, Elements::Dates), dates);
    let ms = Elements::Instants(Unit::Millis);
    assert_eq!(
        array("[1726576496789,-1]", ms),
        r#"{"2024-09-17 12:34:56.789000+00","1969-12-31 23:59:59.999000+00"}"#
    );
    let us = Elements::Instants(Unit::Micros);
    // The offset counts: a column without a zone drops it.
    assert_eq!(
        array(r#"[9223372036825200000,"2024-09-17T02:00:00+02:00"]"#, us),
        r#"{"infinity","2024-09-17 00:00:00.000000+00"}"#
    );
    let times = Elements::Times(Unit::Micros);
    assert_eq!(
        array(r#"[86400000000,"12:34Z"]"#, times),
        r#"{"24:00:00.000000","12:34:00.000000"}"#
    );
    for (json, elements) in [
        (r#"["today"]"#, Elements::Dates),
        ("[1.5]", Elements::Dates),
        (r#"["now"]"#, us),
        ("[true]", us),
        ("[86400000001]", times),
        (r#"["12:00+02"]"#, times),
    ] {
        assert!(is_refused(json, elements), "{json}");
    }
}

#[test]
fn bytes_are_what_the_source_says() {
    let base64 = Elements::Bytes(JsonBytes::Base64);
    let json = r#"["AP8Q","\\x00","",null]"#;
    assert_eq!(array(json, base64), r#"{"\\x00ff10","\\x00","\\x",NULL}"#);
    let hex = Elements::Bytes(JsonBytes::Hex);
    // The same letters are bytes in base64, and other ones.
    assert_eq!(
        array(r#"["deadbeef","\\x00"]"#, hex),
        r#"{"\\xdeadbeef","\\x00"}"#
    );
    assert_eq!(array(r#"["deadbeef"]"#, base64), r#"{"\\x75e69d6de79f"}"#);
    for (json, elements) in [
        (r#"["no base64"]"#, base64),
        (r#"["B1vNFQ=="]"#, hex),
        ("[1]", base64),
    ] {
        assert!(is_refused(json, elements), "{json}");
    }
}

#[test]
fn numbers_are_what_the_source_says() {
    let json = r#"[{"scale":2,"value":"BNI="},"7",8.0,null,"NaN"]"#;
    assert_eq!(
        array(json, Elements::Numbers),
        r#"{12.34,"7","8.0",NULL,"NaN"}"#
    );
    let cents = Elements::Unscaled { scale: 2 };
    // The letters of a number are an integer in base64, and another one.
    let json = r#"["B1vNFQ==","1234","/g==",null,1.5]"#;
    assert_eq!(
        array(json, cents),
        r#"{1234567.89,-26588.24,-0.02,NULL,"1.5"}"#
    );
    let list = written(json, cents, ListStyle::Json).unwrap();
    assert_eq!(list, "[1234567.89,-26588.24,-0.02,null,1.5]");
    // A list that is written once is the same list.
    assert_eq!(written(&list, cents, ListStyle::Json).unwrap(), list);
    for (json, elements) in [
        (r#"["B1vNFQ=="]"#, Elements::Numbers),
        (r#"["12.34"]"#, cents),
        (r#"["B1vNFQ=="]"#, Elements::UnscaledOnly),
        (r#"["1234"]"#, Elements::UnscaledOnly),
        (r#"[{"scale":2}]"#, Elements::Numbers),
    ] {
        assert!(is_refused(json, elements), "{json}");
    }
}

proptest! {
    #[test]
    fn any_text_is_written_or_refused(json in ".{0,40}", list in r#"\[[\[\],"\\{}a1n. ]{0,20}\]"#) {
        for elements in [
            Elements::Plain,
            Elements::Dates,
            Elements::Instants(Unit::Nanos),
            Elements::Bytes(JsonBytes::Hex),
            Elements::Unscaled { scale: 3 },
        ] {
            for style in [ListStyle::Json, ListStyle::Array] {
                let _ = written(&json, elements, style);
                let _ = written(&list, elements, style);
            }
        }
    }

    #[test]
    fn instants_come_back(us in -211_813_488_000_000_000_i64..9_223_371_331_200_000_000) {
        let instants = Elements::Instants(Unit::Micros);
        let once = written(&format!("[{us}]"), instants, ListStyle::Json).unwrap();
        prop_assert_eq!(super::time::instant(&once[2..once.len() - 2]), Some(us));
    }
}
