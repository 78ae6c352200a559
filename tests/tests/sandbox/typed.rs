//! A component written with the SDK: what its types become on the way, and what a panic in it says.

use gristmill_core::transform::{Fault, Transform};
use gristmill_sandbox::SandboxedTransform;
use gristmill_tests::rows;
use serde_json::{Value, json};

use crate::guest::{load, typed};

const SOURCE: &str = include_str!("../../guests/typed/src/lib.rs");

fn open() -> SandboxedTransform {
    load(typed()).unwrap().open(&json!({})).unwrap()
}

fn apply(rows: &[Value]) -> Result<Vec<Value>, Fault> {
    let mut transform = open();
    let output = transform.apply(&rows::batch(&transform.plan().reads, rows).unwrap())?;
    Ok(rows::read(
        &transform.plan().writes,
        &output.columns,
        output.rows,
    ))
}

#[test]
fn each_type_is_declared_as_what_it_is() {
    let transform = open();
    let types: Vec<String> = transform
        .plan()
        .reads
        .iter()
        .map(|field| field.logical_type.to_string())
        .collect();
    let expected =
        "boolean int64 float64 text bytes timestamp(us) timestamp(ms) date uuid decimal(10,2) json";
    assert_eq!(types.join(" "), expected);
    assert_eq!(transform.plan().reads, transform.plan().writes);
}

#[test]
fn values_nulls_and_absent_values_of_each_type_come_back() {
    let values = json!({
        "boolean": true, "int64": i64::MIN, "float64": -0.5, "text": "é", "bytes": "b",
        "timestamp_us": 1, "timestamp_ms": -2, "date": 3,
        "uuid": "67e55044-10b1-426f-9247-bb680e5fe0c8", "decimal": "99999999.99",
        "json": "{\"a\":1}",
    });
    let keys = values.as_object().unwrap().keys();
    let nulls: Value = keys.map(|key| (key.clone(), Value::Null)).collect();
    let rows = [values, json!({}), nulls, json!({ "text": "" })];
    assert_eq!(apply(&rows).unwrap(), rows);
}

#[test]
fn a_panic_says_what_and_where_however_long_it_is() {
    let line = 1 + SOURCE.lines().position(|l| l.contains("panic!(")).unwrap();
    let place = format!("(tests/guests/typed/src/lib.rs:{line})");
    let panic = |text: &str| match apply(&[json!({ "text": text })]) {
        Err(Fault::Trapped(message)) => message,
        answer => panic!("{answer:?}"),
    };
    let expected = format!("transform `rule` trapped in apply: panic on row 7 {place}");
    assert_eq!(panic("panic on row 7"), expected);
    let long = panic(&format!("panic{}", "!".repeat(1 << 20)));
    assert!(
        long.ends_with(&format!("!... (1048581 bytes) {place}")),
        "{long}"
    );
    assert!(long.len() < 1_300, "{}", long.len());
}

#[test]
fn a_config_is_checked_against_the_type() {
    let error = load(typed())
        .unwrap()
        .open(&json!({ "a": 1 }))
        .err()
        .unwrap();
    let expected = "transform `rule`: config: there is nothing to configure: leave it out";
    assert_eq!(error.to_string(), expected);
}
