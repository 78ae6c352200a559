//! In which formats a topic's values and keys are.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::frame::Framing;
use super::framed::OnMismatch;
use crate::column::LogicalType;
use crate::decode::path::Part;

/// How the bytes of a value or key are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// As JSON, alone or beside its schema in Connect's wrapper.
    #[default]
    Json,
    /// As JSON behind what a registry's serializer puts before it.
    JsonSchema,
    /// As Avro, by the schema that each record names.
    Avro,
}

/// The formats of a topic, and what is needed to tell their schemas.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Formats {
    pub value: Format,
    pub key: Format,
    pub framing: Framing,
    pub on_mismatch: OnMismatch,
}

impl Formats {
    /// Whether a part that is read whole as `logical_type` is a document, too, of a text or a
    /// number: where it has a type of its own.
    pub(crate) fn are_typed(&self, part: Part, logical_type: LogicalType) -> bool {
        let format = match part {
            Part::Value => self.value,
            Part::Key => self.key,
        };
        format == Format::Avro && logical_type != LogicalType::Bytes
    }
}
