//! What the registry says, as JSON.

use gristmill_core::decode::SchemaKind;
use serde::Deserialize;

/// A schema by Confluent's API.
#[derive(Debug, Deserialize)]
pub(crate) struct ConfluentSchema {
    pub(crate) schema: String,
    #[serde(rename = "schemaType")]
    schema_type: Option<String>,
    #[serde(default)]
    pub(crate) references: Option<Vec<ConfluentReference>>,
}

/// What a schema refers to, by Confluent's API.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct ConfluentReference {
    pub(crate) name: String,
    pub(crate) subject: String,
    pub(crate) version: i64,
}

/// What a schema refers to, by Apicurio's API.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct ApicurioReference {
    pub(crate) name: String,
    #[serde(rename = "groupId")]
    pub(crate) group: Option<String>,
    #[serde(rename = "artifactId")]
    pub(crate) artifact: String,
    pub(crate) version: String,
}

/// What is wrong, by either API.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Trouble {
    #[serde(default)]
    error_code: i64,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    pub(crate) message: Option<String>,
}

impl ConfluentSchema {
    /// What kind it is. Avro is what was there before there were others, and goes without a word.
    /// The error is the word that nobody knows.
    pub(crate) fn kind(&self) -> Result<SchemaKind, String> {
        match self.schema_type.as_deref() {
            None | Some("AVRO") => Ok(SchemaKind::Avro),
            Some("PROTOBUF") => Ok(SchemaKind::Protobuf),
            Some("JSON") => Ok(SchemaKind::Json),
            Some(other) => Err(other.to_owned()),
        }
    }
}

impl Trouble {
    /// What a body tells; nothing where it is none of ours.
    pub(crate) fn of(body: &[u8]) -> Self {
        serde_json::from_slice(body).unwrap_or_default()
    }

    /// Whether the registry says that there is no such schema. Without such a word a 404 is a wrong
    /// path, and says nothing of schemas.
    pub(crate) fn is_unknown(&self) -> bool {
        // Confluent's codes: no subject, no version, no schema.
        let is_confluents = matches!(self.error_code, 40401..=40403);
        // Apicurio's: ArtifactNotFoundException and its like. The bare one is about a path.
        let name = self.name.as_deref().unwrap_or_default();
        let what = name.strip_suffix("NotFoundException");
        is_confluents || what.is_some_and(|what| !what.is_empty())
    }
}
