//! Any schema, and any bytes as values of it or of a real one: the decoder ends, its columns are
//! well formed, and what is read of a value is what the whole value, shown as JSON, has there.
#![no_main]

use std::sync::{Arc, LazyLock};

use gristmill_core::chain::Tombstone;
use gristmill_core::column::{Field, LogicalType as T};
use gristmill_core::decode::{
    Decoder, Format, Formats, FoundSchema, Framing, Part, Schema, SchemaId, SchemaKind, SchemaText,
    WantedSchema,
};
use gristmill_core::record::Records;
use gristmill_core::rows;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

/// The schemas of real records.
static SCHEMAS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let text = include_str!("../../data/debezium/registry_schemas.json");
    let schemas: Value = serde_json::from_str(text).unwrap();
    let schemas = schemas.as_object().unwrap().values();
    schemas.map(Value::to_string).collect()
});

fn reads() -> Vec<Field> {
    [
        ("value.op", T::Text),
        ("value.after", T::Json),
        ("value.after.user_id", T::Int64),
        ("value.after.name", T::Text),
        ("value.source.lsn", T::Int64),
        ("value.tags.k", T::Text),
        ("value.tree.next.v", T::Int64),
        ("value.choice", T::Json),
        ("value.a", T::Text),
    ]
    .map(|(name, logical_type)| Field {
        name: name.to_owned(),
        logical_type,
        nullable: true,
    })
    .into()
}

fuzz_target!(|parts: (u8, &str, &[u8])| {
    let (which, text, value) = parts;
    let text = SCHEMAS.get(usize::from(which)).map_or(text, |known| known);
    let text = SchemaText {
        kind: SchemaKind::Avro,
        text: text.to_owned(),
        references: Vec::new(),
    };
    let Ok(schema) = Schema::parse(&text) else { return };
    let schema = Arc::new(schema);
    let formats = Formats {
        value: Format::Avro,
        framing: Framing::None,
        ..Formats::default()
    };
    let decoder = Decoder::new(&reads(), "t", 0, Tombstone::Ignore, 1 << 20).unwrap();
    let mut decoder = decoder.with_formats(&formats).unwrap();
    let wanted = WantedSchema {
        part: Part::Value,
        id: SchemaId::Given,
    };
    decoder.learn(wanted, &FoundSchema::Known(Arc::clone(&schema)));
    let mut records = Records::default();
    records.push(0, None, None, Some(value), std::iter::empty());
    let decoded = decoder.decode(&records);
    let batch = &decoded.batch;
    assert!(batch.is_well_formed());
    let passed_over = decoded.tombstones as usize;
    assert_eq!(batch.rows + decoded.dead_letters.len() + passed_over, 1);
    let Ok(whole) = schema.to_json(value) else { return };
    let Ok(whole) = serde_json::from_str::<Value>(&whole) else {
        // serde_json's own limit of depth is below the decoder's where lists lie in records.
        return;
    };
    for row in rows::read(&batch.fields, &batch.columns, batch.rows) {
        let op = row.get("value.op").filter(|op| op.is_string());
        if let (Some(op), true) = (op, whole["op"].is_string()) {
            assert_eq!(*op, whole["op"]);
        }
    }
});
