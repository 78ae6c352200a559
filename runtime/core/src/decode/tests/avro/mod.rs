//! Avro: real records, schemas that nobody should trust, bytes that are none.

mod fastavro;
mod limits;
mod mutated;
mod samples;
mod schema_texts;
mod types;

use std::sync::Arc;

use serde_json::Value;

use crate::column::Field;
use crate::decode::{
    Decoded, Decoder, Format, Formats, FoundSchema, Part, Schema, SchemaId, SchemaKind, SchemaText,
    Tombstone, Unreadiness, WantedSchema,
};
use crate::record::Records;
use crate::rows;

const SCHEMAS: &str = include_str!("../../../../../../data/debezium/registry_schemas.json");
const SAMPLES: &str = include_str!("../../../../../../data/debezium/avro.ndjson");

fn read(path: &str, of: &str) -> Field {
    Field {
        name: path.to_owned(),
        logical_type: of.parse().unwrap(),
        nullable: true,
    }
}

fn reads(of: &[(&str, &str)]) -> Vec<Field> {
    of.iter().map(|(path, of)| read(path, of)).collect()
}

fn schema(text: &str) -> Result<Schema, String> {
    let text = SchemaText {
        kind: SchemaKind::Avro,
        text: text.to_owned(),
        references: Vec::new(),
    };
    Schema::parse(&text).map_err(|error| error.to_string())
}

fn avro() -> Formats {
    Formats {
        value: Format::Avro,
        key: Format::Avro,
        ..Formats::default()
    }
}

/// A decoder of values that all are of one schema, with the id 1.
fn decoder(of: &[(&str, &str)], text: &str) -> Decoder {
    let decoder = Decoder::new(&reads(of), "t", 0, Tombstone::Ignore, usize::MAX).unwrap();
    let mut decoder = decoder.with_formats(&avro()).unwrap();
    let found = FoundSchema::Known(Arc::new(schema(text).unwrap()));
    for part in [Part::Value, Part::Key] {
        let id = SchemaId::Id(1);
        decoder.learn(WantedSchema { part, id }, &found);
    }
    decoder
}

/// The value with its frame.
fn framed(value: &[u8]) -> Vec<u8> {
    [&[0, 0, 0, 0, 1], value].concat()
}

/// One record with this value.
fn record(value: &[u8]) -> Records {
    let mut records = Records::default();
    records.push(7, None, None, Some(value), std::iter::empty());
    records
}

/// The row of a value, or the code and message of its dead letter.
fn row(of: &[(&str, &str)], text: &str, value: &[u8]) -> Result<Value, String> {
    let mut decoder = decoder(of, text);
    said(&decoder.decode(&record(&framed(value))))
}

fn said(decoded: &Decoded) -> Result<Value, String> {
    if let Some(letter) = decoded.dead_letters.first() {
        return Err(format!("{}: {}", letter.code, letter.message));
    }
    let batch = &decoded.batch;
    let mut rows = rows::read(&batch.fields, &batch.columns, batch.rows);
    Ok(rows.pop().unwrap_or_default())
}

/// A number as Avro writes it.
fn long(value: i64) -> Vec<u8> {
    let mut rest = (value << 1 ^ value >> 63).cast_unsigned();
    let mut bytes = Vec::new();
    while rest >= 0x80 {
        bytes.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    bytes.push(rest as u8);
    bytes
}

fn text(value: &str) -> Vec<u8> {
    [long(value.len() as i64), value.as_bytes().to_vec()].concat()
}

/// The schemas of the samples, by their names.
fn registry() -> Value {
    serde_json::from_str(SCHEMAS).unwrap()
}

/// The samples of a topic: the bytes of key and value, and the headers that say of which schema
/// both are.
struct Sample {
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<(String, Vec<u8>)>,
}

fn samples(topic: &str) -> Vec<Sample> {
    let lines = SAMPLES
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let of_topic = lines.filter(|line| line["topic"] == topic);
    of_topic
        .map(|line| Sample {
            key: bytes(&line["key"]),
            value: bytes(&line["value"]),
            headers: line["headers"]
                .as_array()
                .unwrap()
                .iter()
                .map(|header| {
                    let name = header[0].as_str().unwrap().to_owned();
                    (name, bytes(&header[1]).unwrap())
                })
                .collect(),
        })
        .collect()
}

fn bytes(part: &Value) -> Option<Vec<u8>> {
    match part {
        Value::String(text) => Some(text.as_bytes().to_vec()),
        Value::Object(object) => {
            let mut out = Vec::new();
            let text = object["b64"].as_str()?;
            crate::decode::spelling::bytes::base64(text, &mut out)?;
            Some(out)
        }
        _ => None,
    }
}

fn pushed(samples: &[Sample]) -> Records {
    let mut records = Records::default();
    for (offset, sample) in samples.iter().enumerate() {
        let headers = sample.headers.iter();
        let headers = headers.map(|(name, value)| (name.as_str(), Some(value.as_slice())));
        records.push(
            offset as i64,
            Some(0),
            sample.key.as_deref(),
            sample.value.as_deref(),
            headers,
        );
    }
    records
}

/// Tells what the records want, as a registry with the samples' schemas does.
fn tell(decoder: &mut Decoder, records: &Records) {
    let registry = registry();
    while let Some(unready) = decoder.look(records) {
        let Unreadiness::Missing(wanted) = unready.because else {
            panic!("{unready:?}");
        };
        for wanted in wanted {
            let name = match wanted.id {
                SchemaId::Id(id) => format!("contentIds/{id}"),
                SchemaId::Content(id) => format!("contentIds/{id}"),
                SchemaId::Long(id) | SchemaId::Global(id) => format!("globalIds/{id}"),
                other => panic!("{other}"),
            };
            let found = schema(&registry[&name].to_string()).unwrap();
            decoder.learn(wanted, &FoundSchema::Known(Arc::new(found)));
        }
    }
}

/// Whether both are the same values: of floats the last digit is not serde_json's to tell, and one
/// of single precision is the shortest number here, and the nearest double elsewhere.
fn is_same(ours: &Value, theirs: &Value) -> bool {
    match (ours, theirs) {
        (Value::Number(a), Value::Number(b)) if a.is_f64() || b.is_f64() => {
            let (a, b) = (a.as_f64().unwrap(), b.as_f64().unwrap());
            a == b || a as f32 == b as f32 || (a - b).abs() <= a.abs() * 1e-15
        }
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| is_same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            let is_there =
                |(name, a): (&String, &Value)| b.get(name).is_some_and(|b| is_same(a, b));
            a.len() == b.len() && a.iter().all(is_there)
        }
        _ => ours == theirs,
    }
}
