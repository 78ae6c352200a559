//! How the connector writes a change.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a record of the topic looks like. All but one are JSON.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Shape {
    /// Before, after, source, operation.
    Plain,
    /// The same with the schema beside each key and value.
    Schema,
    /// The row alone, with some fields of the source; a delete is a row, then a tombstone.
    Flat,
    /// The row alone, as `ExtractNewRecordState` writes it where nothing is configured: a delete is
    /// the JSON `null`.
    Bare,
    /// The row alone, with its schema: a delete is the payload `null`.
    BareSchema,
    /// As [`Shape::Plain`], in Avro.
    Avro,
}

impl Shape {
    /// Those in JSON.
    pub const ALL: [Self; 5] = [
        Self::Plain,
        Self::Schema,
        Self::Flat,
        Self::Bare,
        Self::BareSchema,
    ];

    /// Whether a record says what was done, and where in the source's log.
    pub fn is_envelope(self) -> bool {
        matches!(self, Self::Plain | Self::Schema | Self::Avro)
    }

    /// Whether a record carries its schema, or names it.
    pub fn has_schema(self) -> bool {
        matches!(self, Self::Schema | Self::BareSchema | Self::Avro)
    }

    /// Properties beside those, of a connector whose schemas go to Apicurio, whose own API is at
    /// `url`: records begin with a zero and the number of their schema, as Confluent has it.
    pub fn avro_properties(url: &str) -> String {
        // By default a converter asks again for what it knows after half a minute, and fails where
        // nobody answers.
        let of = |part: &str| {
            let converter = format!("{part}.converter");
            let registry = format!("{converter}.apicurio.registry");
            format!(
                "{converter}=io.apicurio.registry.utils.converter.AvroConverter\n\
                 {registry}.url={url}\n{registry}.auto-register=true\n\
                 {registry}.find-latest=false\n{registry}.headers.enabled=false\n\
                 {registry}.as-confluent=true\n{registry}.use-id=contentId\n\
                 {registry}.check-period-ms=86400000\n"
            )
        };
        // Names of Avro have letters, digits and `_`.
        let names = "schema.name.adjustment.mode=avro\n";
        of("key") + &of("value") + names
    }

    /// The connector's properties that make records look so.
    pub(super) fn properties(self) -> String {
        let schemas = self.has_schema();
        let mut text = format!(
            "key.converter=org.apache.kafka.connect.json.JsonConverter\n\
             value.converter=org.apache.kafka.connect.json.JsonConverter\n\
             key.converter.schemas.enable={schemas}\nvalue.converter.schemas.enable={schemas}\n"
        );
        text.push_str(match self {
            // Truncates are left out by default.
            Self::Plain | Self::Schema | Self::Avro => "skipped.operations=none\n",
            Self::Flat => {
                "transforms=unwrap\n\
                 transforms.unwrap.type=io.debezium.transforms.ExtractNewRecordState\n\
                 transforms.unwrap.delete.tombstone.handling.mode=rewrite-with-tombstone\n"
            }
            Self::Bare | Self::BareSchema => {
                "transforms=unwrap\n\
                 transforms.unwrap.type=io.debezium.transforms.ExtractNewRecordState\n"
            }
        });
        text
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain => "plain",
            Self::Schema => "schema",
            Self::Flat => "flat",
            Self::Bare => "bare",
            Self::BareSchema => "bareschema",
            Self::Avro => "avro",
        })
    }
}
