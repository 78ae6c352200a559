//! A pipeline's definition as a revision stores it: everything that decides about rows; no address,
//! no secret, no path.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::definition::encoding::Encoding;
use crate::definition::file::{
    Config, DimensionSection, OnGap, PipelineSection, TransformSection, absent,
};
use gristmill_core::chain::{Delete, Tombstone, Truncate};
use gristmill_core::decode::{JsonBytes, JsonDecimals, JsonForms};
use gristmill_core::dedup::{Guard, VersionRule};
use gristmill_core::digest::sha256;
use gristmill_core::plan::Roles;
use gristmill_sandbox::Limits;

/// See the module. Two specs that are equal make the same rows of the same records, but for
/// dimensions that are queries.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Spec {
    /// The layout of this document: [`VERSION`], or 1 where it has nothing that came later.
    /// Revisions from before it was written have none, and are of version 1.
    #[serde(default = "first_version")]
    pub version: u32,
    pub pipeline: PipelineSection,
    pub topic: String,
    pub on_gap: OnGap,
    pub tombstone: Tombstone,
    #[serde(default = "absent", skip_serializing_if = "is_absent_by_default")]
    pub absent: String,
    #[serde(default, skip_serializing_if = "is_default")]
    pub json_decimals: JsonDecimals,
    #[serde(default, skip_serializing_if = "is_default")]
    pub json_bytes: JsonBytes,
    #[serde(default, skip_serializing_if = "is_default")]
    pub encoding: Encoding,
    pub record_max_bytes: usize,
    /// In the order they run.
    pub transforms: Vec<TransformSpec>,
    pub dimensions: BTreeMap<String, DimensionSpec>,
    /// The target's table.
    pub target: String,
    #[serde(default, skip_serializing_if = "is_default")]
    pub delete: Delete,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub truncate: Option<Truncate>,
    /// What tells the table's rows apart by age. Of what the table had when the revision was made:
    /// no part of what a file says.
    #[serde(default, skip_serializing_if = "is_default")]
    pub guard: Guard,
}

/// One rule of the chain.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct TransformSpec {
    pub name: String,
    /// SHA-256 of the component, lower-case hex: its bytes are in `gristmill.component`.
    pub digest: String,
    pub config: Value,
    /// Properties of `config` that the target's table said when the revision was made.
    #[serde(default, skip_serializing_if = "is_default")]
    pub filled: Vec<String>,
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

/// The layout that this program writes, and the latest that it reads.
pub const VERSION: u32 = 5;

/// The layout of a definition whose rows `guard` and `roles` tell apart, that leaves of a deleted
/// row what `delete` says, takes the text `absent` for no value, whose JSON is written in `forms`,
/// and whose records are read as `encoding` says. A program that does not know one of them must not
/// run it: it would write that text over a value.
pub fn version(
    guard: Guard,
    roles: &Roles,
    delete: Delete,
    absent: &str,
    forms: JsonForms,
    encoding: &Encoding,
) -> u32 {
    let has_versions = roles.version != VersionRule::default() || delete != Delete::default();
    match guard {
        _ if *encoding != Encoding::default() => VERSION,
        _ if forms != JsonForms::default() => 4,
        _ if has_versions || !absent.is_empty() => 3,
        Guard::Columns => first_version(),
        Guard::Version => 2,
    }
}

fn first_version() -> u32 {
    1
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

fn is_absent_by_default(text: &String) -> bool {
    *text == absent()
}

/// Why a stored definition cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum UnreadableSpec {
    #[error(
        "it is a definition of version {version}, and this gristmill reads up to {VERSION}: \
         update gristmill on this host"
    )]
    Newer { version: u32 },
    #[error("this version of gristmill cannot read it: update gristmill on this host")]
    Strange(#[from] serde_json::Error),
}

impl Spec {
    /// Reads what a revision stores.
    pub fn from_stored(stored: &Value) -> Result<Self, UnreadableSpec> {
        let version = stored.get("version").and_then(Value::as_u64).unwrap_or(1);
        match u32::try_from(version) {
            Ok(version) if version <= VERSION => Ok(Self::deserialize(stored)?),
            version => Err(UnreadableSpec::Newer {
                version: version.unwrap_or(u32::MAX),
            }),
        }
    }

    /// How JSON without a schema spells decimals and bytes.
    pub fn forms(&self) -> JsonForms {
        JsonForms {
            decimals: self.json_decimals,
            bytes: self.json_bytes,
        }
    }

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

    /// Whether `file` says the same, as far as that shows without its components, the files of its
    /// dimensions and the table.
    pub fn is_as_written(&self, file: &Config) -> bool {
        let (source, target) = (&file.source, &file.target);
        let is_as_written = |(stored, written): (&TransformSpec, &TransformSection)| {
            let mut config = stored.config.clone();
            if let Some(properties) = config.as_object_mut() {
                properties.retain(|name, _| !stored.filled.contains(name));
            }
            stored.name == written.name
                && config == written.config
                && stored.limits == written.limits
        };
        self.topic == source.topic
            && self.on_gap == source.on_gap
            && self.json_decimals == source.json_decimals
            && self.json_bytes == source.json_bytes
            && self.encoding == source.encoding()
            && (self.tombstone, self.absent.as_str()) == (source.tombstone, source.absent.as_str())
            && self.record_max_bytes == file.limits.record_max_bytes
            && self.target == target.table
            && (self.delete, self.truncate) == (target.delete, target.truncate)
            && self.transforms.len() == file.transform.len()
            && self
                .transforms
                .iter()
                .zip(&file.transform)
                .all(is_as_written)
            && self.dimensions.len() == file.dimension.len()
            && self.dimensions.iter().all(|(name, stored)| {
                let written = file.dimension.get(name);
                written.is_some_and(|d| (&d.query, &d.key) == (&stored.query, &stored.key))
            })
    }

    /// `host`'s configuration with all that the revision decides put in its place.
    pub fn overlay(&self, host: &Config) -> Config {
        let mut config = host.clone();
        config.pipeline = self.pipeline.clone();
        config.source.topic = self.topic.clone();
        config.source.on_gap = self.on_gap;
        config.source.tombstone = self.tombstone;
        config.source.absent = self.absent.clone();
        config.source.json_decimals = self.json_decimals;
        config.source.json_bytes = self.json_bytes;
        config.source.value_format = self.encoding.value;
        config.source.key_format = self.encoding.key;
        if let Some(registry) = &mut config.source.registry {
            registry.on_mismatch = self.encoding.on_mismatch;
        }
        config.limits.record_max_bytes = self.record_max_bytes;
        config.target.table = self.target.clone();
        config.target.delete = self.delete;
        config.target.truncate = self.truncate;
        let transform = |t: &TransformSpec| TransformSection {
            name: t.name.clone(),
            component: t.digest.clone(),
            config: t.config.clone(),
            filled: t.filled.clone(),
            limits: t.limits.clone(),
        };
        config.transform = self.transforms.iter().map(transform).collect();
        let dimension = |(name, d): (&String, &DimensionSpec)| {
            let dimension = DimensionSection {
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

/// The hash under which `gristmill.pipeline.spec_hash` knows what a pipeline file said. The guard
/// is no part of it: the table decides it. Neither is the version that comes with what it says:
/// definitions were stored before they had either.
pub fn spec_hash(spec: &Value) -> String {
    let mut spec = spec.clone();
    if let Some(fields) = spec.as_object_mut() {
        fields.remove("guard");
        if fields
            .get("version")
            .is_some_and(|v| *v == 1 || *v == 2 || *v == 3)
        {
            fields.remove("version");
        }
    }
    sha256(spec.to_string().as_bytes())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn stored() -> Value {
        json!({
            "pipeline": {"name": "users"}, "topic": "t", "on_gap": "halt", "tombstone": "ignore",
            "record_max_bytes": 1, "transforms": [], "dimensions": {}, "target": "users",
        })
    }

    #[test]
    fn a_definition_is_as_written_until_its_file_says_something_else() {
        let text = r#"
            [pipeline]
            name = "users"
            [source]
            bootstrap = "localhost:9092"
            topic = "users_cdc"
            [[transform]]
            name = "normalize"
            component = "builtin:normalize-debezium"
            [transform.config]
            shape = "envelope"
            [target]
            url = "postgresql://localhost/app"
            table = "users"
        "#;
        let file = |text: &str| crate::definition::file::parse(text, |_| None).unwrap();
        let written = file(text);
        let spec = json!({
            "pipeline": {"name": "users"}, "topic": "users_cdc", "on_gap": "halt",
            "tombstone": written.source.tombstone, "target": "users", "dimensions": {},
            "record_max_bytes": written.limits.record_max_bytes,
            "transforms": [{
                "name": "normalize", "digest": "", "filled": ["columns"],
                "config": {"shape": "envelope", "columns": {"id": "bigint"}},
                "limits": written.transform[0].limits,
            }],
        });
        let spec = Spec::from_stored(&spec).unwrap();
        assert!(spec.is_as_written(&written));
        for (old, new) in [
            ("\"envelope\"", "\"flat\""),
            ("table = \"users\"", "table = \"people\""),
            (
                "topic = \"users_cdc\"",
                "topic = \"users_cdc\"\ntombstone = \"delete\"",
            ),
            ("[target]", "[target]\ndelete = \"hard\""),
        ] {
            assert!(!spec.is_as_written(&file(&text.replace(old, new))), "{new}");
        }
    }

    #[test]
    fn a_definition_from_before_there_were_versions_is_of_version_1() {
        let spec = Spec::from_stored(&stored()).unwrap();
        assert_eq!(spec.version, 1);
        assert_eq!(serde_json::to_value(&spec).unwrap()["version"], 1);
    }

    #[test]
    fn a_newer_definition_is_refused_by_its_version_and_not_by_what_is_strange_in_it() {
        let refused = Spec::from_stored(&json!({"version": 6, "target": ["strange"]}));
        let message = refused.unwrap_err().to_string();
        assert!(message.contains("version 6"), "{message}");
    }

    /// Else an update of gristmill would look like a changed file, and take swapped rules back.
    #[test]
    fn the_version_does_not_change_the_hash_of_what_a_file_said_before() {
        let spec = Spec::from_stored(&stored()).unwrap();
        let mut with_version = serde_json::to_value(&spec).unwrap();
        let mut without = with_version.clone();
        without.as_object_mut().unwrap().remove("version");
        assert_eq!(
            spec_hash(&with_version),
            sha256(without.to_string().as_bytes())
        );
        with_version["version"] = json!(4);
        assert_ne!(spec_hash(&with_version), spec_hash(&without));
    }

    /// The same, of a column that was added to the table.
    #[test]
    fn the_guard_does_not_change_the_hash_and_is_not_read_by_older_programs() {
        let mut spec = Spec::from_stored(&stored()).unwrap();
        let before = serde_json::to_value(&spec).unwrap();
        assert!(
            before.get("guard").is_none(),
            "stored definitions stay equal"
        );
        spec.guard = Guard::Version;
        let of = |absent| {
            let (roles, forms) = (Roles::default(), spec.forms());
            version(
                spec.guard,
                &roles,
                spec.delete,
                absent,
                forms,
                &spec.encoding,
            )
        };
        assert_eq!((of(""), of("__unavailable")), (2, 3));
        spec.version = of("");
        let after = serde_json::to_value(&spec).unwrap();
        assert_eq!(spec_hash(&before), spec_hash(&after));
        assert_eq!(Spec::from_stored(&after).unwrap().guard, Guard::Version);
    }
}
