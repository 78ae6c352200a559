//! The schemas of the samples in `data/debezium/`, as a registry would tell them.

use std::fs;

use anyhow::{Context, Result, bail};
use gristmill_core::decode::{
    Decoder, Format, Formats, FoundSchema, Schema, SchemaId, SchemaKind, SchemaText, Unreadiness,
};
use gristmill_core::record::Records;
use gristmill_tests::program::repository;
use serde_json::{Map, Value};

/// Tells a decoder the schemas of the samples that records name.
pub(crate) fn tell(decoder: &mut Decoder, records: &Records) -> Result<()> {
    let path = repository().join("data/debezium/registry_schemas.json");
    let registry: Map<String, Value> = serde_json::from_str(&fs::read_to_string(path)?)?;
    while let Some(unready) = decoder.look(records) {
        let Unreadiness::Missing(wanted) = unready.because else {
            bail!("{unready:?}");
        };
        for wanted in wanted {
            let name = match wanted.id {
                SchemaId::Id(id) => format!("contentIds/{id}"),
                SchemaId::Content(id) => format!("contentIds/{id}"),
                SchemaId::Long(id) | SchemaId::Global(id) => format!("globalIds/{id}"),
                other => bail!("{other}"),
            };
            let text = registry.get(&name).with_context(|| name.clone())?;
            let schema = Schema::parse(&SchemaText {
                kind: SchemaKind::Avro,
                text: text.to_string(),
                references: Vec::new(),
            })?;
            decoder.learn(wanted, &FoundSchema::Known(schema.into()));
        }
    }
    Ok(())
}

pub(crate) fn avro() -> Formats {
    Formats {
        value: Format::Avro,
        key: Format::Avro,
        ..Formats::default()
    }
}
