//! A schema as a registry, or a file, has it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::avro::{self, AvroTypes};
use crate::column::Field;

/// Longest text of a schema with all that it refers to, in bytes: a table of 1,600 columns has one
/// of 300 KB.
const TEXT_MAX_BYTES: usize = 1 << 20;

/// The language of a schema, as registries call it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum SchemaKind {
    /// What it is where a registry says nothing.
    #[default]
    Avro,
    Protobuf,
    Json,
}

/// A schema with all that it refers to.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct SchemaText {
    pub kind: SchemaKind,
    pub text: String,
    /// Each once; what is referred to comes before what refers to it.
    #[serde(default)]
    pub references: Vec<SchemaReference>,
}

/// What another schema refers to.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct SchemaReference {
    /// As the other one calls it: a type of Avro, a file of Protobuf.
    pub name: String,
    pub text: String,
}

/// A schema that has been read. It is read once, and shared by all partitions.
#[derive(Debug)]
pub struct Schema {
    pub(crate) types: SchemaTypes,
}

/// What a schema says of values.
#[derive(Debug)]
pub(crate) enum SchemaTypes {
    Avro(Arc<AvroTypes>),
}

/// A schema that nobody can read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    #[error(
        "the schema has {bytes} bytes with all that it refers to: the limit is {TEXT_MAX_BYTES}"
    )]
    TooLong { bytes: usize },
    #[error("the schema is no schema of Avro: {why}")]
    NoAvro { why: String },
    #[error("values of a schema of {kind:?} are not read by it")]
    Unread { kind: SchemaKind },
}

impl Schema {
    /// Reads a schema.
    pub fn parse(text: &SchemaText) -> Result<Self, SchemaError> {
        let references = text.references.iter();
        let bytes = text.text.len() + references.map(|r| r.text.len()).sum::<usize>();
        if bytes > TEXT_MAX_BYTES {
            return Err(SchemaError::TooLong { bytes });
        }
        let types = match text.kind {
            SchemaKind::Avro => {
                let references: Vec<&str> = text.references.iter().map(|r| &*r.text).collect();
                let types = avro::parse(&text.text, &references);
                let types = types.map_err(|why| SchemaError::NoAvro { why })?;
                SchemaTypes::Avro(Arc::new(types))
            }
            kind => return Err(SchemaError::Unread { kind }),
        };
        Ok(Self { types })
    }

    /// Its language.
    pub fn kind(&self) -> SchemaKind {
        match self.types {
            SchemaTypes::Avro(_) => SchemaKind::Avro,
        }
    }

    /// What the record at `path` below the whole value has, each field as the type that its values
    /// are read as: of an event of Debezium's the row is at `after`. `None`: there is no record.
    pub fn columns(&self, path: &[&str]) -> Option<Vec<Field>> {
        match &self.types {
            SchemaTypes::Avro(types) => types.columns(path),
        }
    }

    /// A whole value as JSON, for people. The error says why it is no value of the schema.
    pub fn to_json(&self, value: &[u8]) -> Result<String, String> {
        match &self.types {
            SchemaTypes::Avro(types) => types.to_json(value),
        }
    }
}
