//! A pipeline's definition as a revision stores it: everything that decides about rows; no address,
//! no secret, no path.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::definition::file::{self, Config, Dimension, OnGap};
use gristmill_core::chain::Tombstone;
use gristmill_sandbox::Limits;

/// See the module. Two specs that are equal make the same rows of the same records, but for
/// dimensions that are queries.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Spec {
    pub pipeline: file::Pipeline,
    pub topic: String,
    pub on_gap: OnGap,
    pub tombstone: Tombstone,
    pub record_max_bytes: usize,
    /// In the order they run.
    pub transforms: Vec<TransformSpec>,
    pub dimensions: BTreeMap<String, DimensionSpec>,
    /// The target's table.
    pub target: String,
}

/// One rule of the chain.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct TransformSpec {
    pub name: String,
    /// SHA-256 of the component, lower-case hex: its bytes are in `gristmill.component`.
    pub digest: String,
    pub config: Value,
    pub limits: Limits,
}

/// Reference data: either a file, whose bytes are in `gristmill.component` too, or a query.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct DimensionSpec {
    /// SHA-256 of the file.
    pub digest: Option<String>,
    pub query: Option<String>,
    pub key: Vec<String>,
}

impl Spec {
    /// Every digest that it names.
    pub fn digests(&self) -> impl Iterator<Item = &str> {
        let components = self.transforms.iter().map(|t| t.digest.as_str());
        let files = self.dimensions.values().filter_map(|d| d.digest.as_deref());
        components.chain(files)
    }

    /// The rule called `name`.
    pub fn rule(&self, name: &str) -> Option<&TransformSpec> {
        self.transforms.iter().find(|t| t.name == name)
    }

    /// `host`'s configuration with all that the revision decides put in its place.
    pub fn overlay(&self, host: &Config) -> Config {
        let mut config = host.clone();
        config.pipeline = self.pipeline.clone();
        config.source.topic = self.topic.clone();
        config.source.on_gap = self.on_gap;
        config.source.tombstone = self.tombstone;
        config.limits.record_max_bytes = self.record_max_bytes;
        config.target.table = self.target.clone();
        let transform = |t: &TransformSpec| file::Transform {
            name: t.name.clone(),
            component: t.digest.clone(),
            config: t.config.clone(),
            limits: t.limits.clone(),
        };
        config.transform = self.transforms.iter().map(transform).collect();
        let dimension = |(name, d): (&String, &DimensionSpec)| {
            let dimension = Dimension {
                file: d.digest.clone(),
                query: d.query.clone(),
                key: d.key.clone(),
            };
            (name.clone(), dimension)
        };
        config.dimension = self.dimensions.iter().map(dimension).collect();
        config
    }
}
