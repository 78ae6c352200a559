//! Decoding equals a slow and simple reading of the same message, column by column.

use arrow_array::Array;
use arrow_array::types::Float64Type;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::Value;

use super::documents::{json, number, quoted, scalar};
use super::*;

const UUID: &str = "\"123e4567-e89b-12d3-a456-426614174000\"";

fn reads() -> Vec<Field> {
    vec![
        field("value.after.count", T::Int64),
        field("value.op", T::Text),
        field("value.after.name", T::Text),
        field("value.before.name", T::Text),
        field(
            "value.after.price",
            T::Decimal {
                precision: 7,
                scale: 2,
            },
        ),
        field("value.after.weight", T::Float64),
        field("value.after.ok", T::Boolean),
        field("value.after.id", T::Uuid),
        field("value.after.tags", T::Json),
        field("value.after.tags.a", T::Int64),
        field("value.ts", T::TimestampMs),
    ]
}

/// A value that is mostly of the right type.
fn mostly(right: impl Strategy<Value = String> + 'static) -> BoxedStrategy<String> {
    prop_oneof![20 => right, 2 => Just("null".to_owned()), 1 => scalar(), 1 => json()].boxed()
}

fn object(members: Vec<(&'static str, BoxedStrategy<String>)>) -> BoxedStrategy<String> {
    let members = prop::collection::vec(select(members), 0..12);
    let text = members.prop_flat_map(|chosen| {
        let members: Vec<_> = chosen
            .into_iter()
            .map(|(name, value)| value.prop_map(move |v| format!("\"{name}\":{v}")))
            .collect();
        members.prop_map(|m| format!("{{{}}}", m.join(", ")))
    });
    text.boxed()
}

fn event() -> BoxedStrategy<String> {
    let integer = || any::<i32>().prop_map(|n| n.to_string());
    let tags = object(vec![("a", mostly(integer())), ("b", json().boxed())]);
    let image = || {
        object(vec![
            (
                "count",
                mostly(prop_oneof![
                    integer(),
                    Just("3.0".to_owned()),
                    Just("-0".to_owned())
                ]),
            ),
            ("name", mostly(quoted())),
            (
                "price",
                mostly(prop_oneof![
                    number(),
                    integer().prop_map(|n| format!("\"{n}\""))
                ]),
            ),
            ("weight", mostly(number())),
            ("ok", mostly(any::<bool>().prop_map(|b| b.to_string()))),
            ("id", mostly(Just(UUID.to_owned()))),
            (
                "tags",
                mostly(tags.clone())
                    .prop_filter("U+0000 under a duplicate name", |t| tells_zero(t))
                    .boxed(),
            ),
            ("other", json().boxed()),
        ])
    };
    object(vec![
        ("op", mostly(quoted())),
        ("after", mostly(image())),
        ("after", mostly(image())),
        ("before", mostly(image())),
        ("ts", mostly(integer())),
        ("source", json().boxed()),
    ])
}

/// Whether a `Value` still tells what the text does about U+0000: it has only the last of a
/// duplicate name.
fn tells_zero(text: &str) -> bool {
    !text.contains("\\u0000") || has_zero(&serde_json::from_str(text).unwrap())
}

/// What a read should find.
#[derive(Clone, Debug, PartialEq)]
enum Wanted {
    Absent,
    Value(Value),
    Fault(&'static str),
}

fn expected(message: &Value, read: &Field) -> Wanted {
    let names: Vec<&str> = read.name.split('.').skip(1).collect();
    let mut at = message;
    for name in names {
        at = match at {
            Value::Null => return Wanted::Absent,
            Value::Object(members) => match members.get(name) {
                Some(value) => value,
                None => return Wanted::Absent,
            },
            _ => return Wanted::Fault("wrong-type"),
        };
    }
    if at.is_null() {
        return Wanted::Value(Value::Null);
    }
    let fits = match read.logical_type {
        T::Boolean => boolean(at).is_some(),
        T::Int64 => integer(at).is_some(),
        T::TimestampMs => at.is_number() && integer(at).is_some(),
        T::Float64 => at.is_number(),
        T::Text => at.is_string(),
        T::Uuid => at.as_str().is_some_and(|s| *s == UUID[1..37]),
        T::Json => true,
        T::Decimal { .. } => match at {
            Value::Number(n) => fits_price(n.as_f64().unwrap()),
            Value::String(s) => s.parse().is_ok_and(fits_price),
            _ => false,
        },
        other => unreachable!("{other}"),
    };
    match (fits, read.logical_type) {
        (false, _) => Wanted::Fault("wrong-type"),
        (true, T::Text | T::Json) if has_zero(at) => Wanted::Fault("zero-byte"),
        _ => Wanted::Value(at.clone()),
    }
}

/// Whether a `decimal(7,2)` holds a number: no digit is lost.
fn fits_price(number: f64) -> bool {
    let digits = number.to_string();
    let decimals = digits.split_once('.').map_or(0, |(_, behind)| behind.len());
    number.abs() < 100_000.0 && decimals <= 2
}

fn boolean(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(is_true) => Some(*is_true),
        Value::Number(_) => match integer(value) {
            Some(0) => Some(false),
            Some(1) => Some(true),
            _ => None,
        },
        Value::String(s) => match s.as_str() {
            "1" => Some(true),
            "0" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

fn integer(value: &Value) -> Option<i64> {
    if let Value::String(s) = value {
        return s.trim_ascii().parse().ok();
    }
    // Of one digit and zeros, a double is exact; `numbers` has the others.
    let whole = |f: &f64| f.fract() == 0.0 && f.abs() < i64::MAX as f64;
    let number = value.as_number()?;
    match number.is_f64() {
        true => number.as_f64().filter(whole).map(|f| f as i64),
        false => number.as_i64(),
    }
}

fn has_zero(value: &Value) -> bool {
    match value {
        Value::String(s) => s.contains('\0'),
        Value::Array(items) => items.iter().any(has_zero),
        Value::Object(members) => members.iter().any(|(k, v)| k.contains('\0') || has_zero(v)),
        _ => false,
    }
}

/// Whether row `row` of `column` holds `expected`.
fn holds(column: &crate::column::Column, row: usize, read: &Field, expected: &Wanted) -> bool {
    let present = column.presence.as_ref().is_none_or(|p| p.value(row));
    let values = &column.values;
    let value = match expected {
        Wanted::Fault(_) => return false,
        Wanted::Absent => return !present && values.is_null(row),
        Wanted::Value(Value::Null) => return present && values.is_null(row),
        Wanted::Value(value) => value,
    };
    if !present || values.is_null(row) {
        return false;
    }
    let text = || values.as_string::<i32>().value(row);
    match read.logical_type {
        T::Boolean => boolean(value) == Some(values.as_boolean().value(row)),
        T::Float64 => value.as_f64() == Some(values.as_primitive::<Float64Type>().value(row)),
        T::Text | T::Uuid => value.as_str() == Some(text()),
        // A document may name a thing twice, which a `Value` cannot: compared is what it means.
        T::Json => serde_json::from_str::<Value>(text()).unwrap() == *value,
        T::Decimal { .. } => match value {
            Value::String(s) => s == text(),
            number => text().parse::<f64>().ok() == number.as_f64(),
        },
        _ => integer(value) == Some(values.as_primitive::<Int64Type>().value(row)),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn columns_equal_a_naive_reading(messages in prop::collection::vec(event(), 1..12)) {
        let reads = reads();
        let mut decoder = decoder(&reads);
        // The second time round with all that the first left behind.
        decoder.decode(&records(&messages));
        let decoded = decoder.decode(&records(&messages));
        prop_assert!(decoded.batch.is_well_formed());
        let (mut rows, mut letters) = (0, decoded.dead_letters.iter());
        for (i, message) in messages.iter().enumerate() {
            let value: Value = serde_json::from_str(message).unwrap();
            let expected: Vec<_> = reads.iter().map(|r| expected(&value, r)).collect();
            let faults: Vec<_> = expected.iter().filter_map(|e| match e {
                Wanted::Fault(code) => Some(*code),
                _ => None,
            }).collect();
            if !faults.is_empty() {
                let letter = letters.next().unwrap();
                prop_assert_eq!(letter.record, i as u32);
                prop_assert!(faults.contains(&letter.code.as_str()), "{} {:?}", message, letter);
                continue;
            }
            let letters = &decoded.dead_letters;
            prop_assert_eq!(decoded.records[rows], i as u32, "{} {:?}", message, letters);
            let columns = decoded.batch.columns.iter();
            for ((column, read), expected) in columns.zip(&reads).zip(&expected) {
                let holds = holds(column, rows, read, expected);
                prop_assert!(holds, "{} {:?} {:?}", message, read, column);
            }
            rows += 1;
        }
        prop_assert_eq!((rows, letters.next()), (decoded.batch.rows, None));
        for column in &decoded.batch.columns {
            let absent = column.presence.as_ref().map(|p| p.count_set_bits() < p.len());
            prop_assert!(absent != Some(false), "presence without an absent value");
        }
    }
}
