//! Real records of Debezium through `normalize-debezium`, from the bytes on.

use std::fmt::Write;
use std::fs;

use anyhow::{Context, Result};
use gristmill::definition::builtin;
use gristmill_core::decode::{Decoder, Formats, JsonDecimals, JsonForms, Tombstone};
use gristmill_core::record::Records;
use gristmill_core::transform::Transform as _;
use gristmill_sandbox::{Limits, Sandbox};
use gristmill_tests::program::repository;
use gristmill_tests::rows;
use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::schema_samples::{avro, tell};

/// One line for each row and refusal of the records of `topic` in a file of `data/debezium/`.
pub(crate) fn rows_of(file: &str, topic: &str, config: Value) -> Result<String> {
    let path = repository()
        .join("data/debezium")
        .join(file)
        .with_extension("ndjson");
    let text = fs::read_to_string(path)?;
    let records = text.lines().map(serde_json::from_str::<Value>);
    let records: Vec<Value> = records.collect::<Result<_, _>>()?;
    let of_topic = |record: &&Value| record["topic"] == topic;
    let records: Vec<&Value> = records.iter().filter(of_topic).collect();
    said_of(topic, &records, config)
}

/// One line for each row and refusal of `records`.
fn said_of(topic: &str, records: &[&Value], config: Value) -> Result<String> {
    let component = builtin::component("normalize-debezium").context("it is gone")?;
    let component = Sandbox::new(None)?.load("normalize", component, &Limits::default())?;
    let mut rule = component.open(&config)?;
    let plan = rule.plan().clone();
    let records_of = as_records(records);
    let is_text = |part: &str| records.iter().all(|record| !record[part].is_object());
    let formats = match is_text("value") && is_text("key") {
        true => Formats::default(),
        false => avro(),
    };
    let decoder = Decoder::new(&plan.reads, topic, 0, Tombstone::Delete, 1 << 20)?;
    let mut decoder = decoder
        .with_formats(&formats)?
        .with_absent(Some("__debezium_unavailable_value"))
        .with_forms(JsonForms {
            decimals: JsonDecimals::Base64,
            ..JsonForms::default()
        })
        .with_missing(&plan);
    tell(&mut decoder, &records_of)?;
    let decoded = decoder.decode(&records_of);
    let offset = |record: u32| records[record as usize]["offset"].clone();
    let mut lines = Vec::new();
    for letter in decoded.dead_letters {
        let line = format!(
            "{} {}: {}",
            offset(letter.record),
            letter.code,
            letter.message
        );
        lines.push((letter.record, line));
    }
    let output = rule.apply(&decoded.batch)?;
    for refused in output.rejections {
        let record = decoded.records[refused.row as usize];
        let line = format!("{} {}: {}", offset(record), refused.code, refused.message);
        lines.push((record, line));
    }
    let sources = output.source_rows.unwrap_or_default();
    let found = rows::read(&plan.writes, &output.columns, output.rows);
    for (source, mut row) in sources.into_iter().zip(found) {
        let record = decoded.records[source as usize];
        if let Some(members) = row.as_object_mut() {
            members.retain(|name, value| match name.as_str() {
                "_truncate" => *value != json!(false),
                name => !name.starts_with("_old_") || !value.is_null(),
            });
        }
        lines.push((record, format!("{} {row}", offset(record))));
    }
    lines.sort_by_key(|(record, _)| *record);
    let mut said = String::new();
    for (_, line) in lines {
        writeln!(said, "{line}")?;
    }
    Ok(said)
}

fn as_records(lines: &[&Value]) -> Records {
    let mut records = Records::default();
    for line in lines {
        let (key, value) = (bytes(&line["key"]), bytes(&line["value"]));
        let offset = line["offset"].as_i64().unwrap_or_default();
        let headers = line["headers"].as_array().into_iter().flatten();
        let headers = headers.filter_map(|pair| Some((pair[0].as_str()?, bytes(&pair[1]))));
        let headers: Vec<_> = headers.collect();
        let headers = headers
            .iter()
            .map(|(name, value)| (*name, value.as_deref()));
        records.push(
            offset,
            line["timestamp"].as_i64(),
            key.as_deref(),
            value.as_deref(),
            headers,
        );
    }
    records
}

/// A part of a record: text as it stands, bytes in base64.
fn bytes(part: &Value) -> Option<Vec<u8>> {
    match part.get("b64").and_then(Value::as_str) {
        Some(base64) => Some(from_base64(base64)),
        None => part.as_str().map(|text| text.as_bytes().to_vec()),
    }
}

fn from_base64(text: &str) -> Vec<u8> {
    let sextet = |digit: u8| match digit {
        b'A'..=b'Z' => digit - b'A',
        b'a'..=b'z' => digit - b'a' + 26,
        b'0'..=b'9' => digit - b'0' + 52,
        b'+' => 62,
        _ => 63,
    };
    let digits = text.trim_end_matches('=').bytes().map(sextet);
    let digits: Vec<u32> = digits.map(u32::from).collect();
    let groups = digits.chunks(4).flat_map(|group| {
        let bits = group.iter().fold(0, |bits, digit| bits << 6 | digit) << (6 * (4 - group.len()));
        bits.to_be_bytes()[1..group.len()].to_vec()
    });
    groups.collect()
}

pub(crate) fn users() -> Value {
    json!({
        "key": ["user_id"],
        "columns": {
            "user_id": "bigint",
            "name": "text",
            "country_code": "text",
            "updated_at": "timestamp with time zone",
        },
    })
}

pub(crate) fn flat(mut config: Value, version: &str) -> Value {
    config["shape"] = json!("flat");
    config["version"] = json!(version);
    config
}

#[test]
fn users_in_every_shape() -> Result<()> {
    assert_snapshot!(
        "envelope",
        rows_of("debezium_json", "jn.public.users", users())?
    );
    assert_snapshot!(
        "schema",
        rows_of("debezium_json_schema", "js.public.users", users())?
    );
    let postgres = flat(users(), "postgres");
    assert_snapshot!(
        "flat",
        rows_of("debezium_flat", "fl.public.users", postgres)?
    );
    let offset = flat(users(), "offset");
    assert_snapshot!(
        "flat_defaults",
        rows_of("debezium_flat", "fd.public.users", offset)?
    );
    Ok(())
}

/// The table `everything`, as Postgres spells its types.
pub(crate) fn everything() -> Value {
    json!({
        "key": ["id"],
        "columns": {
            "id": "bigint",
            "c_int2": "smallint",
            "c_int4": "integer",
            "c_int8": "bigint",
            "c_numeric": "numeric",
            "c_numeric_12_2": "numeric(12,2)",
            "c_money": "money",
            "c_float4": "real",
            "c_float8": "double precision",
            "c_text": "text",
            "c_varchar": "character varying(40)",
            "c_char": "character(5)",
            "c_bool": "boolean",
            "c_timestamptz": "timestamp with time zone",
            "c_timestamp": "timestamp without time zone",
            "c_timestamp3": "timestamp(3) without time zone",
            "c_date": "date",
            "c_time": "time without time zone",
            "c_timetz": "time with time zone",
            "c_uuid": "uuid",
            "c_jsonb": "jsonb",
            "c_json": "json",
            "c_bytea": "bytea",
            "c_text_arr": "text[]",
            "c_int_arr": "integer[]",
            "c_enum": "text",
            "c_inet": "inet",
            "c_bit": "bit(4)",
            "c_point": "point",
            "c_tsrange": "tstzrange",
            "c_xml": "xml",
        },
    })
}

/// Every type of one row in every shape, with schemas and without.
#[test]
fn a_value_is_the_same_however_it_is_sent() -> Result<()> {
    let plain = rows_of("debezium_json", "jn.public.everything", everything())?;
    assert_snapshot!("everything", plain);
    let first = |rows: &str| -> Result<Value> {
        let line = rows.lines().next().context("no row")?;
        let (_, row) = line.split_once(' ').context("no offset")?;
        let mut row: Value = serde_json::from_str(row).with_context(|| line.to_owned())?;
        let members = row.as_object_mut().context("no row")?;
        members.retain(|name, _| name.starts_with("c_"));
        Ok(row)
    };
    let schema = rows_of("debezium_json_schema", "js.public.everything", everything())?;
    assert_eq!(first(&plain)?, first(&schema)?);
    Ok(())
}

#[test]
fn an_incremental_snapshot_has_places_in_the_log() -> Result<()> {
    let amid = rows_of("debezium_incremental", "jx.public.users", users())?;
    let long = rows_of("debezium_incremental", "jz.public.users", users())?;
    assert_snapshot!("incremental", amid + &long);
    Ok(())
}

#[test]
fn records_that_are_about_no_row_pass() -> Result<()> {
    for topic in ["jn.message", "jn.transaction", "__debezium-heartbeat.jn"] {
        assert_eq!(rows_of("debezium_json", topic, users())?, "", "{topic}");
    }
    Ok(())
}

/// Flat rows where envelopes should be, with a time of their own: not one passes in silence.
#[test]
fn a_row_with_a_time_is_no_notice() -> Result<()> {
    let of_ids = json!({ "key": ["id"], "columns": { "id": "text", "note": "text" } });
    let marks = rows_of("debezium_json", "jn.transaction", of_ids.clone())?;
    assert_eq!(marks, "", "a transaction has an `id`, too");
    let value = r#"{"id":"a","note":"n","ts_ms":1726531200000}"#;
    for key in [json!(r#"{"id":"a"}"#), json!("a"), Value::Null] {
        let record = json!({ "offset": 7, "key": key, "value": value });
        let said = said_of("t", &[&record], of_ids.clone())?;
        assert!(said.starts_with("7 unknown-op: "), "{key}: {said:?}");
        assert!(said.contains("set shape = \"flat\""), "{said}");
    }
    Ok(())
}

/// The source's key is `id`; of a deleted row it says that, and makes up the rest.
#[test]
fn a_delete_is_not_taken_by_a_key_that_may_be_made_up() -> Result<()> {
    let by_email = |before: &str| {
        json!({
            "key": ["email"], "columns": { "id": "bigint", "email": "text" }, "before": before,
        })
    };
    let value = r#"{"op":"d","before":{"id":7,"email":""},"after":null,
        "source":{"ts_us":1726531200000000,"lsn":5,"sequence":"[null,\"5\"]"}}"#;
    let said = |key: Value, before: &str| {
        let record = json!({ "offset": 7, "key": key, "value": value });
        said_of("t", &[&record], by_email(before))
    };
    let refused = said(json!(r#"{"id":7}"#), "key")?;
    let missing = "7 missing-key: the record's key has no `email`";
    assert!(refused.starts_with(missing), "{refused}");
    for (key, before) in [
        (json!(r#"{"id":7}"#), "full"),
        (json!(r#"{"email":""}"#), "key"),
        (Value::Null, "key"),
    ] {
        let taken = said(key, before)?;
        assert!(taken.contains(r#""_deleted":true"#), "{taken}");
    }
    Ok(())
}

/// The table `toasted`.
pub(crate) fn toasted() -> Value {
    json!({
        "key": ["id"],
        "columns": {
            "id": "integer",
            "note": "text",
            "big_text": "text",
            "big_bytea": "bytea",
            "big_jsonb": "jsonb",
            "big_text_arr": "text[]",
            "big_int_arr": "integer[]",
            "big_nn": "text",
        },
    })
}

#[test]
fn large_values_that_did_not_change_are_unknown() -> Result<()> {
    let enveloped = rows_of("debezium_json", "jn.public.toasted", toasted())?;
    assert_snapshot!("toasted", enveloped);
    let flattened = rows_of(
        "debezium_flat",
        "fl.public.toasted",
        flat(toasted(), "postgres"),
    )?;
    assert_snapshot!("toasted_flat", flattened);
    Ok(())
}

#[test]
fn a_full_image_and_the_end_of_all_rows() -> Result<()> {
    let image = json!({
        "key": ["tenant", "id"],
        "columns": { "tenant": "text", "id": "integer", "note": "text", "big_text": "text" },
        "before": "full",
    });
    let enveloped = rows_of("debezium_json", "jc.public.full_image", image.clone())?;
    assert_snapshot!("full_image", enveloped);
    let flattened = rows_of(
        "debezium_json_schema",
        "fs.public.full_image",
        flat(image, "offset"),
    )?;
    assert_snapshot!("full_image_flat", flattened);
    Ok(())
}
