//! Records of Debezium in Avro give the rows that the same changes give in JSON.

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};

use crate::debezium::{everything, flat, rows_of, toasted, users};

/// The rows of a topic without what the log's place and the clock made of them: both connectors
/// read the same changes at different times.
fn said(file: &str, topic: &str, config: &Value) -> Result<Vec<Map<String, Value>>> {
    let lines = rows_of(file, topic, config.clone())?;
    let rows = lines.lines().map(|line| {
        let (_, row) = line.split_once(' ').context("no offset")?;
        let mut row: Map<String, Value> =
            serde_json::from_str(row).with_context(|| line.to_owned())?;
        row.retain(|name, _| !matches!(&**name, "_commit_lsn" | "_lsn" | "_event_time"));
        Ok(row)
    });
    rows.collect()
}

/// Each row of Avro, in its order, among those of JSON.
fn are_among(avro: &[Map<String, Value>], json: &[Map<String, Value>], topic: &str) {
    let mut rest = json.iter();
    for row in avro {
        let found = rest.any(|other| other == row);
        assert!(found, "{topic}: {row:?}\nis none of\n{json:#?}");
    }
}

#[test]
fn a_value_is_the_same_in_avro() -> Result<()> {
    let json = said("debezium_json", "jn.public.everything", &everything())?;
    let avro = said("avro", "cv.public.everything", &everything())?;
    // The row had changed when the other connector read it.
    let later = json!({"c_numeric": "7", "c_numeric_12_2": "-0.05", "c_text": null});
    let columns = |rows: &[Map<String, Value>]| {
        let mut row = rows.first().cloned().unwrap_or_default();
        row.retain(|name, _| name.starts_with("c_"));
        row
    };
    let mut expected = columns(&json);
    expected.extend(later.as_object().cloned().unwrap_or_default());
    assert_eq!(columns(&avro), expected);
    assert!(expected.len() > 25);
    Ok(())
}

#[test]
fn large_values_that_did_not_change_are_unknown_in_avro() -> Result<()> {
    let avro = said("avro", "cv.public.toasted", &toasted())?;
    assert_eq!(
        avro,
        [json!({"id": 5, "note": "second", "_deleted": false})
            .as_object()
            .cloned()
            .unwrap_or_default()]
    );
    Ok(())
}

#[test]
fn users_in_avro() -> Result<()> {
    let mut config = users();
    config["columns"]
        .as_object_mut()
        .context("no columns")?
        .remove("country_code");
    let json = said("debezium_json", "jn.public.users", &config)?;
    for topic in ["av.public.users", "a8.public.users"] {
        let avro = said("avro", topic, &config)?;
        assert!(!avro.is_empty());
        // The time of the last two is that of the statement that made them.
        let same: Vec<_> = avro
            .iter()
            .filter(|row| row["user_id"] != 505)
            .cloned()
            .collect();
        are_among(&same, &json, topic);
    }
    insta::assert_snapshot!("avro", rows_of("avro", "cv.public.users", users())?);
    let flattened = flat(users(), "offset");
    insta::assert_snapshot!("avro_flat", rows_of("avro", "fa.public.users", flattened)?);
    Ok(())
}
