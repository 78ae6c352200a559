//! How the bytes of records are read.

use gristmill_core::decode::{Format, Formats, Framing, OnMismatch};
use serde::{Deserialize, Serialize};

/// How the bytes of values and keys are read. By default as JSON.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct Encoding {
    pub value: Format,
    /// Without it as values are, but a key that is read whole is its bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Format>,
    /// What happens at a schema in which something read has an impossible type.
    pub on_mismatch: OnMismatch,
}

impl Encoding {
    /// As the decoder takes it. `has_whole_key`: a rule reads a key's bytes as one text.
    pub(super) fn formats(&self, has_whole_key: bool) -> Formats {
        let key = match (self.key, has_whole_key) {
            (Some(said), _) => said,
            // Most who write a bare key write it as text.
            (None, true) => Format::Json,
            (None, _) => self.value,
        };
        Formats {
            value: self.value,
            key,
            framing: Framing::Auto,
            on_mismatch: self.on_mismatch,
        }
    }

    /// Whether a registry has to be asked: JSON Schema says nothing that reading needs.
    pub fn needs_schemas(&self) -> bool {
        self.value == Format::Avro || self.key == Some(Format::Avro)
    }
}
