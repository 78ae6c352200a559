//! Where a rule's component comes from.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use gristmill_sandbox::{Component, Limits, Sandbox};

use super::component_file;
use super::language::command_build;
use super::language::rust::RuleCrate;
use super::rule_file::{self, RuleFile};
use crate::definition::builtin;

/// A transform, before anything is built or loaded.
#[derive(Clone, Debug)]
pub(super) enum RuleSource {
    /// A folder with its source in Rust.
    Crate(RuleCrate),
    /// A command that is run in `dir` and leaves `file`.
    Command {
        dir: PathBuf,
        build: String,
        file: PathBuf,
    },
    /// Its component, `NAME.wasm`.
    File(PathBuf),
    /// The shipped one called `component`, as the rule `name`.
    Builtin { component: String, name: String },
}

/// What stands before the name of a shipped transform.
pub(super) const BUILTIN: &str = "builtin:";

impl RuleSource {
    /// What the folder `dir` holds, as `said` in its `rule.toml`.
    pub(super) fn of_folder(dir: &Path, said: Option<&RuleFile>) -> Result<Self> {
        let is_crate = dir.join("Cargo.toml").exists();
        let Some(said) = said else {
            ensure!(
                is_crate,
                "there is no {} and no Cargo.toml in {}: go to the folder of a rule, or make one \
                 with `gristmill transform new NAME`",
                rule_file::NAME,
                dir.display()
            );
            return Ok(Self::Crate(RuleCrate::open(dir)?));
        };
        let path = below(dir, rule_file::NAME);
        let path = path.display();
        match (said.component.as_deref(), &said.build) {
            (Some(component), build) if component.starts_with(BUILTIN) => {
                ensure!(
                    build.is_none(),
                    "{path}: nothing builds `{component}`, which this program brings: leave \
                     `build` out, or name the file that the command leaves"
                );
                Ok(Self::Builtin {
                    component: component[BUILTIN.len()..].to_owned(),
                    name: folder_name(dir)?,
                })
            }
            (Some(component), Some(build)) => Ok(Self::Command {
                dir: dir.to_owned(),
                build: build.clone(),
                file: below(dir, component),
            }),
            (None, Some(build)) => bail!(
                "{path} does not say which file `{build}` leaves: add the line \
                 `component = \"NAME.wasm\"`"
            ),
            (component, None) if is_crate => {
                let rule = RuleCrate::open(dir)?;
                let built = rule.file();
                if let Some(other) = component.filter(|name| below(dir, name) != built) {
                    bail!(
                        "{path} names the component {other}, and cargo builds {}: leave \
                         `component` out, or say in `build` how it is built",
                        built.display()
                    );
                }
                Ok(Self::Crate(rule))
            }
            (Some(component), None) => Ok(Self::File(below(dir, component))),
            (None, None) => bail!(
                "{path} does not say what the rule is: add the line `component = \"NAME.wasm\"`, \
                 or `component = \"builtin:sql\"`"
            ),
        }
    }

    /// The shipped transform called `name`.
    pub(super) fn builtin(name: &str) -> Self {
        Self::Builtin {
            component: name.to_owned(),
            name: name.to_owned(),
        }
    }

    /// How a pipeline file names the component: `builtin:NAME`, or a file, which may have to be
    /// built.
    pub(super) fn component(&self) -> String {
        match self {
            Self::Crate(rule) => rule.file().display().to_string(),
            Self::Command { file, .. } | Self::File(file) => file.display().to_string(),
            Self::Builtin { component, .. } => format!("{BUILTIN}{component}"),
        }
    }

    /// Builds what is built, and loads the component.
    pub(super) fn load(&self, sandbox: &Sandbox) -> Result<Component> {
        match self {
            Self::Crate(rule) => rule.build(sandbox),
            Self::Command { dir, build, file } => {
                command_build::run(dir, build, file)?;
                component_file::settle(sandbox, &stem(file), file)
            }
            Self::File(file) => {
                ensure!(
                    file.exists(),
                    "there is no {}: build it, or say in {} how it is built (build = \"..\")",
                    file.display(),
                    rule_file::NAME
                );
                component_file::load(sandbox, &stem(file), file)
            }
            Self::Builtin { component, name } => {
                let bytes = builtin::named_component(component)?;
                Ok(sandbox.load(name, bytes, &Limits::default())?)
            }
        }
    }
}

/// A path in the folder; not `./NAME.wasm`, for whoever stands in it.
pub(super) fn below(dir: &Path, file: &str) -> PathBuf {
    dir.strip_prefix(".").unwrap_or(dir).join(file)
}

fn stem(file: &Path) -> String {
    let stem = file.file_stem().unwrap_or_default();
    stem.to_string_lossy().into_owned()
}

/// The folder's own name, also for whoever stands in it.
fn folder_name(dir: &Path) -> Result<String> {
    let whole = dir
        .canonicalize()
        .with_context(|| format!("cannot read {}", dir.display()))?;
    let name = whole.file_name().unwrap_or_default();
    Ok(name.to_string_lossy().into_owned())
}
