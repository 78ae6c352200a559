//! What text and numbers are by the declared type, where no schema says it.

use arrow_array::Array;
use arrow_array::types::Float64Type;

use super::*;
use crate::column::type_table::TYPES;

/// The one value of `json` as a batch shows it; `None` where it is a dead letter.
fn value(logical_type: T, forms: JsonForms, json: &str) -> Option<String> {
    let document = format!(r#"{{"a":{json}}}"#);
    let mut decoder = decoder(&[field("value.a", logical_type)]).with_forms(forms);
    let decoded = decoder.decode(&records(&[&document]));
    assert_eq!(decoded.batch.rows + decoded.dead_letters.len(), 1, "{json}");
    if decoded.batch.rows == 0 {
        assert_eq!(decoded.dead_letters[0].code, "wrong-type", "{json}");
        return None;
    }
    assert!(decoded.batch.is_well_formed());
    let values = &decoded.batch.columns[0].values;
    assert_eq!(values.null_count(), 0, "{json}");
    Some(match logical_type.data_type() {
        arrow_schema::DataType::Boolean => values.as_boolean().value(0).to_string(),
        arrow_schema::DataType::Int64 => values.as_primitive::<Int64Type>().value(0).to_string(),
        arrow_schema::DataType::Float64 => {
            values.as_primitive::<Float64Type>().value(0).to_string()
        }
        arrow_schema::DataType::Binary => format!("{:?}", values.as_binary::<i32>().value(0)),
        _ => values.as_string::<i32>().value(0).to_owned(),
    })
}

const PRICE: T = T::Decimal {
    precision: 12,
    scale: 2,
};

const BASE64: JsonForms = JsonForms {
    decimals: JsonDecimals::Base64,
    bytes: JsonBytes::Base64,
};

const HEX: JsonForms = JsonForms {
    decimals: JsonDecimals::Text,
    bytes: JsonBytes::Hex,
};

#[test]
fn text_is_taken_where_the_declared_type_has_a_text_form() {
    for (logical_type, json, expected) in [
        (T::Int64, r#""9007199254740993""#, "9007199254740993"),
        (T::Int64, r#""\u0031""#, "1"),
        (T::Boolean, "1", "true"),
        (T::Boolean, "0", "false"),
        (T::Boolean, r#""t""#, "true"),
        (T::Boolean, r#""False""#, "false"),
        (T::Float64, r#""NaN""#, "NaN"),
        (T::Float64, r#""-Infinity""#, "-inf"),
        (T::Float64, r#""1.5""#, "1.5"),
        (
            T::TimestampMs,
            r#""2024-09-17T00:00:00.000Z""#,
            "1726531200000",
        ),
        (
            T::TimestampUs,
            r#""2024-09-17 02:00:00.5+02""#,
            "1726531200500000",
        ),
        (T::TimestampUs, r#""infinity""#, "9223372036854775807"),
        (T::TimestampMs, r#""-infinity""#, "-9223372036854775808"),
        (T::Date, r#""2024-09-17Z""#, "19983"),
        (T::TimeUs, r#""12:34:56.789012Z""#, "45296789012"),
        (T::TimeMs, r#""12:34:56.789999""#, "45296789"),
        (T::TimeUs, "45296789012", "45296789012"),
        (PRICE, r#""1234567.89""#, "1234567.89"),
        (PRICE, r#"{"scale":2,"value":"B1vNFQ=="}"#, "1234567.89"),
        (PRICE, r#""NAN""#, "NaN"),
        (
            T::Numeric,
            r#"{"value" : "XODppWAV/sWq36MorjmBFQ==", "scale":9}"#,
            LONG,
        ),
        (T::Numeric, "1e-30", "1e-30"),
        (T::Numeric, r#""Infinity""#, "Infinity"),
        (T::Bytes, r#""AP8Q""#, "[0, 255, 16]"),
        (T::Bytes, r#""AP\/_""#, "[0, 255, 255]"),
        (T::Bytes, r#""""#, "[]"),
    ] {
        let found = value(logical_type, JsonForms::default(), json);
        assert_eq!(found.as_deref(), Some(expected), "{logical_type} {json}");
    }
    for (logical_type, json) in [
        (T::Int64, r#""1.0""#),
        (T::Int64, r#""""#),
        (T::Boolean, "2"),
        (T::Boolean, r#""yes, sir""#),
        (T::Float64, r#""1e400""#),
        (T::TimestampUs, r#""tomorrow""#),
        (T::Date, r#""2024-09-17T12:00:00Z""#),
        (T::TimeUs, r#""12:34:56+02""#),
        (PRICE, "0.001"),
        (PRICE, r#""0.001""#),
        (PRICE, r#"{"scale":3,"value":"AQ=="}"#),
        (PRICE, r#"{"scale":2,"value":"B1vNFQ==","other":1}"#),
        (PRICE, r#"{"scale":2}"#),
        (PRICE, r#""BNI=""#),
        (PRICE, r#""Infinity""#),
        (T::Bytes, r#""A""#),
        (T::Bytes, "1"),
        (T::TimestampUs, "9223372036854775807"),
        (T::Date, "-9223372036854775808"),
    ] {
        let found = value(logical_type, JsonForms::default(), json);
        assert_eq!(found, None, "{logical_type} {json}");
    }
}

const LONG: &str = "123456789012345678901234567890.123456789";

#[test]
fn numbers_that_debezium_writes_for_infinity_are_infinite() {
    let (most, least) = (i64::MAX.to_string(), i64::MIN.to_string());
    for (logical_type, json, expected) in [
        (T::TimestampUs, "9223372036825200000", &most),
        (T::TimestampUs, "-9223372036832400000", &least),
        (T::TimestampUs, r#""-290308-12-21T19:59:27.6Z""#, &least),
        (T::TimestampMs, "9223372036825200", &most),
        (T::TimestampMs, "-9223372036832400", &least),
        (T::Date, "-2147472692", &most),
        (T::Date, "-622191234", &most),
        (T::Date, "-2147472691", &least),
        (T::Date, r#""-5877611-06-21Z""#, &most),
    ] {
        let found = value(logical_type, JsonForms::default(), json);
        assert_eq!(found.as_ref(), Some(expected), "{logical_type} {json}");
    }
    for near in [
        "9223372036825199999",
        "-9223372036832400001",
        "-62135596800000000",
    ] {
        let found = value(T::TimestampUs, JsonForms::default(), near);
        assert_eq!(found.as_deref(), Some(near));
    }
    let plain = value(T::Int64, JsonForms::default(), "9223372036825200000");
    assert_eq!(plain.as_deref(), Some("9223372036825200000"));
}

#[test]
fn a_source_says_what_text_is_of_decimals_and_bytes() {
    assert_eq!(value(PRICE, BASE64, r#""B1vNFQ==""#).unwrap(), "1234567.89");
    assert_eq!(value(PRICE, BASE64, r#""+w==""#).unwrap(), "-0.05");
    // Four digits are base64, too: the source decides, not the look.
    assert_eq!(value(PRICE, BASE64, r#""1234""#).unwrap(), "-26588.24");
    assert_eq!(value(PRICE, BASE64, "12.5").unwrap(), "12.5");
    let variable = r#"{"scale":9,"value":"XODppWAV/sWq36MorjmBFQ=="}"#;
    assert_eq!(value(T::Numeric, BASE64, variable).unwrap(), LONG);
    for json in [r#""12.50""#, r#""XODppWAV/sWq36MorjmBFQ==""#, r#""""#] {
        assert_eq!(value(PRICE, BASE64, json), None, "{json}");
    }
    let read = [field("value.a", T::Numeric)];
    let mut decoder = decoder(&read).with_forms(BASE64);
    let decoded = decoder.decode(&records(&[r#"{"a":"BNI="}"#]));
    assert_eq!(
        decoded.dead_letters[0].message,
        "value.a: expected decimal, found text \"BNI=\" in base64, of which nothing says where its \
         point is: declare it decimal(p,s)"
    );
    assert_eq!(value(T::Bytes, HEX, r#""00fF10""#).unwrap(), "[0, 255, 16]");
    assert_eq!(value(T::Bytes, HEX, r#""\\x00ff""#).unwrap(), "[0, 255]");
    assert_eq!(value(T::Bytes, HEX, r#""AP8Q""#), None);
}

#[test]
fn a_bare_key_is_read_as_its_type_spells_it() {
    let mut records = Records::default();
    for (i, key) in ["2024-09-17", "\"2024-09-17\"", "19983", "soon"]
        .iter()
        .enumerate()
    {
        let value = Some(&b"{}"[..]);
        records.push(
            i as i64,
            None,
            Some(key.as_bytes()),
            value,
            std::iter::empty(),
        );
    }
    let decoded = decoder(&[field("key.day", T::Date)]).decode(&records);
    let days: Vec<_> = decoded.batch.columns[0]
        .values
        .as_primitive::<Int64Type>()
        .iter()
        .collect();
    assert_eq!(days, [Some(19_983), Some(19_983), Some(19_983), None]);
}

#[test]
fn the_whole_value_can_be_bytes() {
    let decoded = decoder(&[field("value", T::Bytes)]).decode(&records(&[b"\x00\xff"]));
    assert_eq!(
        decoded.batch.columns[0].values.as_binary::<i32>().value(0),
        b"\x00\xff"
    );
}

#[test]
fn the_table_of_types_says_what_is_read() {
    for entry in TYPES {
        let logical_type: T = entry.name.parse().unwrap();
        assert_eq!(logical_type.to_string(), entry.name);
        for (json, expected) in entry.examples {
            let found = value(logical_type, JsonForms::default(), json);
            let found = found.as_deref().unwrap_or("none");
            assert_eq!(found, *expected, "{} of {json}", entry.name);
        }
    }
}
