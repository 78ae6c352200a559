//! What a connector is told beside its shape.

use std::collections::BTreeMap;

use rand::Rng;
use rand::rngs::SmallRng;
use serde::{Deserialize, Serialize};

use super::shape::Shape;

/// Properties of a connector, by name.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Modes(BTreeMap<String, String>);

/// Properties of every shape, each with values to draw from.
const OF_ALL: [(&str, &[&str]); 7] = [
    ("decimal.handling.mode", &["precise", "precise", "string"]),
    ("time.precision.mode", &Modes::TIMES),
    (
        "binary.handling.mode",
        &["bytes", "bytes", "base64", "base64-url-safe", "hex"],
    ),
    ("hstore.handling.mode", &["json", "map"]),
    ("provide.transaction.metadata", &["false", "true"]),
    ("tombstones.on.delete", &["true", "true", "false"]),
    ("key.converter.schemas.enable", &["false", "true"]),
];

/// What the row alone has added to it. The first has all that versions of Postgres' log need.
const ADDED: [&str; 4] = [
    "op,lsn,source.sequence",
    "op,table,lsn,source.ts_us,source.sequence,ts_ms",
    "op",
    "source.ts_ms",
];

impl Modes {
    /// Nanoseconds are left out: those of 2262 and later are beyond 64 bits.
    const TIMES: [&'static str; 6] = [
        "adaptive",
        "adaptive",
        "adaptive_time_microseconds",
        "microseconds",
        "isostring",
        "connect",
    ];

    /// Draws those of a connector that writes `shape`.
    pub fn draw(random: &mut SmallRng, shape: Shape) -> Self {
        let mut modes = Self::default();
        for (name, values) in OF_ALL {
            modes.put(random, name, values);
        }
        match shape {
            Shape::Plain | Shape::Schema => {}
            // Bytes are bytes, unless they are asked to be text.
            Shape::Avro => modes.put(random, "binary.handling.mode", &["bytes"]),
            Shape::Flat => {
                let handling = ["rewrite", "rewrite-with-tombstone"];
                modes.put(random, Self::ADDED, &ADDED);
                modes.put(random, Self::DELETES, &handling);
            }
            Shape::Bare | Shape::BareSchema => {
                modes.put(random, Self::DELETES, &["tombstone", "delete-to-tombstone"]);
            }
        }
        modes
    }

    const ADDED: &'static str = "transforms.unwrap.add.fields";
    const DELETES: &'static str = "transforms.unwrap.delete.tombstone.handling.mode";

    fn put(&mut self, random: &mut SmallRng, name: &str, values: &[&str]) {
        let value = values[random.random_range(0..values.len())];
        self.0.insert(name.to_owned(), value.to_owned());
    }

    /// The value of a property, where it was drawn.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// How times are written.
    pub fn times(&self) -> &str {
        self.get("time.precision.mode").unwrap_or("adaptive")
    }

    /// Whether a decimal number of a known scale is an integer in base64.
    pub fn has_unscaled(&self) -> bool {
        self.get("decimal.handling.mode") != Some("string")
    }

    /// Whether bytes are hexadecimal digits.
    pub fn has_hex(&self) -> bool {
        self.get("binary.handling.mode") == Some("hex")
    }

    /// Whether the row alone has its place in Postgres' log.
    pub fn has_log_places(&self) -> bool {
        let added = self.get(Self::ADDED);
        added.is_some_and(|added| added.contains("lsn") && added.contains("sequence"))
    }

    /// A line each, as the connector's file has them.
    pub(super) fn properties(&self) -> String {
        let lines = self.0.iter();
        lines
            .map(|(name, value)| format!("{name}={value}\n"))
            .collect()
    }
}
