//! What a command was pointed at.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::language::rust::RuleCrate;
use crate::definition::builtin;
use gristmill_sandbox::{Component, Limits, Sandbox};

/// A transform, before anything is loaded.
#[derive(Clone, Debug)]
pub enum Subject {
    /// A folder with its source.
    Crate(RuleCrate),
    /// Its component, `NAME.wasm`.
    File(PathBuf),
    /// A shipped one, by name.
    Builtin(String),
}

impl Subject {
    /// `builtin:NAME`, a folder, or else a file.
    pub fn parse(text: &str) -> Result<Self> {
        if let Some(name) = text.strip_prefix("builtin:") {
            return Ok(Self::Builtin(name.to_owned()));
        }
        let path = Path::new(text);
        if path.is_dir() {
            return Ok(Self::Crate(RuleCrate::open(path)?));
        }
        ensure!(
            path.exists(),
            "there is no {text}: name a rule's folder, a .wasm file or builtin:NAME"
        );
        Ok(Self::File(path.to_owned()))
    }

    /// The folder of its golden cases. Only a crate has one.
    pub fn cases(&self) -> Option<PathBuf> {
        match self {
            Self::Crate(rule) => Some(rule.cases()),
            Self::File(_) | Self::Builtin(_) => None,
        }
    }

    /// How a pipeline file names the component: `builtin:NAME`, or an absolute path. A crate has
    /// been built.
    pub fn component(&self) -> Result<String> {
        let file = match self {
            Self::Builtin(name) => return Ok(format!("builtin:{name}")),
            Self::Crate(rule) => rule.file(),
            Self::File(file) => file.clone(),
        };
        let absolute = file
            .canonicalize()
            .with_context(|| format!("cannot read {}", file.display()))?;
        Ok(absolute.display().to_string())
    }

    /// Loads the component; a crate is built first.
    pub fn load(&self, sandbox: &Sandbox) -> Result<Component> {
        match self {
            Self::Crate(rule) => Ok(rule.build(sandbox)?.component),
            Self::File(path) => {
                let bytes = std::fs::read(path)
                    .with_context(|| format!("cannot read {}", path.display()))?;
                let name = path.file_stem().unwrap_or_default().to_string_lossy();
                Ok(sandbox.load(&name, &bytes, &Limits::default())?)
            }
            Self::Builtin(name) => {
                let bytes = builtin::named_component(name)?;
                Ok(sandbox.load(name, bytes, &Limits::default())?)
            }
        }
    }
}
