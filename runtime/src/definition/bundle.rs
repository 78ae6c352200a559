//! What a pipeline is made of, as bytes: from a file and what lies beside it, or from a revision in
//! Postgres.

use std::collections::{BTreeMap, HashMap};

use anyhow::{Context, Result, anyhow, ensure};

use crate::definition::builtin;
use crate::definition::file::Config;
use crate::definition::spec::Spec;
use gristmill_core::dedup::Guard;
use gristmill_core::digest::sha256;
use gristmill_postgres::fleet::definition_store;
use gristmill_postgres::table::catalogue::Catalogue;
use gristmill_postgres::wire::connection::Connection;

/// A definition, with the bytes of all that it names.
#[derive(Clone, Debug)]
pub struct Bundle {
    pub config: Config,
    /// In the transforms' order.
    pub components: Vec<Vec<u8>>,
    /// The CSV files, by dimension.
    pub files: BTreeMap<String, Vec<u8>>,
    /// The SQL that creates the table, where the host's file names some: no part of a revision.
    pub ddl: Option<String>,
    /// What tells the table's rows apart by age. A file does not say it.
    pub guard: Guard,
    /// What takes the place of the target's columns where the database cannot say them.
    pub catalogue: Option<Catalogue>,
}

impl Bundle {
    /// Reads what the pipeline file names.
    pub fn read(config: Config) -> Result<Self> {
        let read = |t: &crate::definition::file::TransformSection| {
            component(&config, &t.component).with_context(|| format!("transform `{}`", t.name))
        };
        let components = config.transform.iter().map(read).collect::<Result<_>>()?;
        let mut files = BTreeMap::new();
        for (name, dimension) in &config.dimension {
            if let Some(file) = &dimension.file {
                let bytes = data(&config, file).with_context(|| format!("dimension `{name}`"))?;
                files.insert(name.clone(), bytes);
            }
        }
        let ddl = config.target.ddl.as_deref();
        let ddl = ddl.map(|file| read_ddl(&config, file)).transpose()?;
        Ok(Self {
            config,
            components,
            files,
            ddl,
            guard: Guard::default(),
            catalogue: None,
        })
    }

    /// Reads revision `number` of the pipeline that `host` names; what a revision does not decide
    /// is as `host` says.
    pub async fn stored(connection: &Connection, host: &Config, number: i32) -> Result<Self> {
        let name = &host.pipeline.name;
        let revision = definition_store::revision(connection, name, number).await?;
        let revision =
            revision.with_context(|| format!("the pipeline {name} has no revision {number}"))?;
        let spec = Spec::from_stored(&revision.spec);
        let spec = spec.with_context(|| format!("cannot run revision {number}"))?;
        let digests: Vec<&str> = spec.digests().collect();
        let blobs = definition_store::blobs(connection, &digests).await?;
        Self::of(host, &spec, &blobs)
    }

    /// `blobs` holds the bytes that `spec` names, by digest.
    fn of(host: &Config, spec: &Spec, blobs: &HashMap<String, Vec<u8>>) -> Result<Self> {
        let blob = |digest: &str| {
            let bytes = blobs.get(digest).cloned().with_context(|| {
                format!(
                    "gristmill.component has no {digest}, which the revision needs: restore the \
                     row, or swap the transform again"
                )
            })?;
            check_digest(&bytes, digest)?;
            anyhow::Ok(bytes)
        };
        let components = spec.transforms.iter().map(|t| blob(&t.digest));
        let files = spec.dimensions.iter().filter_map(|(name, d)| {
            let digest = d.digest.as_deref()?;
            Some(blob(digest).map(|bytes| (name.clone(), bytes)))
        });
        Ok(Self {
            config: spec.overlay(host),
            components: components.collect::<Result<_>>()?,
            files: files.collect::<Result<_>>()?,
            ddl: None,
            guard: spec.guard,
            catalogue: None,
        })
    }

    /// The position of the transform called `name`.
    pub fn position(&self, name: &str) -> Result<usize> {
        let names = || self.config.transform.iter().map(|t| t.name.as_str());
        names().position(|n| n == name).ok_or_else(|| {
            let names = names().collect::<Vec<_>>().join(", ");
            anyhow!(
                "the pipeline {} has no transform `{name}`: it has {names}",
                self.config.pipeline.name
            )
        })
    }
}

/// What runs is what the revision names, also when somebody changed the row.
fn check_digest(bytes: &[u8], digest: &str) -> Result<()> {
    let found = sha256(bytes);
    ensure!(
        found == digest,
        "the bytes of {digest} in gristmill.component were changed (they are those of {found}): \
         restore the row, or swap the transform again"
    );
    Ok(())
}

/// The bytes of `builtin:NAME`, or of a file.
pub fn component(config: &Config, component: &str) -> Result<Vec<u8>> {
    match component.strip_prefix("builtin:") {
        Some(name) => Ok(builtin::named_component(name)?.to_vec()),
        None => {
            let path = config.resolve(component);
            std::fs::read(&path)
                .with_context(|| format!("cannot read the component {}", path.display()))
        }
    }
}

fn data(config: &Config, file: &str) -> Result<Vec<u8>> {
    match file.strip_prefix("builtin:") {
        Some(name) => builtin::data(name)
            .map(<[u8]>::to_vec)
            .ok_or_else(|| anyhow!("there is no builtin data `{name}`")),
        None => {
            let path = config.resolve(file);
            std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))
        }
    }
}

fn read_ddl(config: &Config, file: &str) -> Result<String> {
    let bytes = data(config, file).context("`ddl` under [target]")?;
    String::from_utf8(bytes).with_context(|| format!("`ddl` under [target]: {file} is no text"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_not_their_digests_are_refused() {
        let digest = sha256(b"a rule");
        check_digest(b"a rule", &digest).unwrap();
        let message = check_digest(b"another", &digest).unwrap_err().to_string();
        assert!(
            message.contains(&format!(
                "the bytes of {digest} in gristmill.component were changed"
            )),
            "{message}"
        );
    }

    #[test]
    fn the_file_that_creates_the_table_is_found_beside_the_pipeline_file() {
        let text = include_str!("../../../pipelines/users.toml");
        let read = |ddl: &str| {
            let text = text.replace("builtin:users_enriched", ddl);
            let mut config = crate::definition::file::parse(&text, |_| None).unwrap();
            config.folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../pipelines").into();
            Bundle::read(config)
        };
        let shipped = read("builtin:users_enriched").unwrap().ddl.unwrap();
        assert!(shipped.contains("create table users_enriched"), "{shipped}");
        let beside = read("../schema/users_enriched.sql").unwrap();
        assert_eq!(beside.ddl, Some(shipped));
        let missing = format!("{:#}", read("none.sql").unwrap_err());
        assert!(missing.contains("`ddl` under [target]"), "{missing}");
        assert!(missing.contains("none.sql"), "{missing}");
    }
}
