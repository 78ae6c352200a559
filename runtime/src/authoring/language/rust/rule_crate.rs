//! A folder with a rule in Rust.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use serde::Deserialize;

use super::cargo_build;
use super::guest_build::{self, Toolchain};
use super::shared_crates::SharedCrates;
use crate::authoring::component_file;
use gristmill_sandbox::{Component, Limits, Sandbox};

/// A crate that compiles to a transform.
#[derive(Clone, Debug)]
pub(crate) struct RuleCrate {
    dir: PathBuf,
    name: String,
    library: String,
    /// The file with the rule's own documentation.
    source: PathBuf,
    target_dir: PathBuf,
}

/// In the environment of a build: the rule's summary, for the library's `transform!`.
const SUMMARY: &str = "GRISTMILL_SUMMARY";

/// What `cargo metadata` says.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    target_directory: PathBuf,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    manifest_path: PathBuf,
    targets: Vec<Target>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    crate_types: Vec<String>,
    src_path: PathBuf,
}

impl RuleCrate {
    /// The crate whose `Cargo.toml` lies in `dir`. The error says what is missing for it to become
    /// a transform.
    pub(crate) fn open(dir: &Path) -> Result<Self> {
        let manifest = dir.join("Cargo.toml").canonicalize()?;
        let metadata = metadata(&manifest)?;
        let package = metadata
            .packages
            .into_iter()
            .find(|p| p.manifest_path.canonicalize().is_ok_and(|p| p == manifest))
            .with_context(|| {
                format!(
                    "{} is a workspace and no transform: go to the folder of one of its packages",
                    manifest.display()
                )
            })?;
        let is_component = |t: &&Target| t.crate_types.iter().any(|kind| kind == "cdylib");
        let library = package.targets.iter().find(is_component).with_context(|| {
            format!(
                "{} makes no component: add the lines `[lib]` and `crate-type = [\"cdylib\", \
                 \"rlib\"]`",
                manifest.display()
            )
        })?;
        Ok(Self {
            dir: dir.to_owned(),
            library: library.name.clone(),
            source: library.src_path.clone(),
            name: package.name,
            target_dir: metadata.target_directory,
        })
    }

    /// Where its component is written: `NAME.wasm` beside `Cargo.toml`.
    pub(crate) fn file(&self) -> PathBuf {
        // Not `./NAME.wasm`, for whoever stands in the folder.
        let dir = self.dir.strip_prefix(".").unwrap_or(&self.dir);
        dir.join(format!("{}.wasm", self.name))
    }

    /// Compiles the crate and writes its component. What the compiler says of the source goes to
    /// standard error as cargo shows it.
    pub(crate) fn build(&self, sandbox: &Sandbox) -> Result<Component> {
        let toolchain = Toolchain::find().map_err(|why| anyhow!(why))?;
        let manifest = self.dir.join("Cargo.toml");
        let cargo = toolchain.cargo_build(&manifest, &self.target_dir);
        let mut cargo = cargo.map_err(|why| anyhow!(why))?;
        if let Some(summary) = summary(&self.source) {
            cargo.env(SUMMARY, summary);
        }
        cargo.args(["--package", &self.name]);
        // Where nothing can be lent or kept, the build takes longer, and is the same.
        let shared = SharedCrates::of(&self.dir, &self.target_dir);
        let _ = shared.as_ref().map(SharedCrates::lend);
        cargo_build::run(&self.name, &manifest, &mut cargo)?;
        if let (Some(shared), Ok(lock)) = (shared, fs::read_to_string(self.dir.join("Cargo.lock")))
        {
            let _ = shared.keep(&lock);
        }
        let module = guest_build::module(&self.target_dir, &self.library);
        let bytes =
            fs::read(&module).with_context(|| format!("cannot read {}", module.display()))?;
        cargo_build::check(&self.name, &manifest, &bytes)?;
        let component = sandbox.load(&self.name, &bytes, &Limits::default())?;
        component_file::write(&self.file(), component.bytes())?;
        Ok(component)
    }
}

/// The first paragraph of the documentation of a crate, `//! ..`, in one line.
fn summary(source: &Path) -> Option<String> {
    let text = fs::read_to_string(source).ok()?;
    let said = text.lines().map_while(|line| line.strip_prefix("//!"));
    let words = said.map(str::trim).take_while(|words| !words.is_empty());
    let words: Vec<&str> = words.collect();
    (!words.is_empty()).then(|| words.join(" "))
}

fn metadata(manifest: &Path) -> Result<Metadata> {
    let output = cargo_build::cargo()
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .arg("--manifest-path")
        .arg(manifest)
        .output()
        .map_err(cargo_build::no_cargo)?;
    if !output.status.success() {
        bail!("{}", String::from_utf8_lossy(&output.stderr).trim_end());
    }
    serde_json::from_slice(&output.stdout)
        .context("cargo metadata answers in a way this gristmill does not know")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_is_the_first_paragraph() {
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join("lib.rs");
        for (text, expected) in [
            (
                "//! Ages\n//! of people.\n//!\n//! More.\n",
                Some("Ages of people."),
            ),
            ("use a::b;\n//! No.\n", None),
            ("//!\n", None),
        ] {
            fs::write(&source, text).unwrap();
            assert_eq!(summary(&source).as_deref(), expected, "{text}");
        }
        assert_eq!(summary(Path::new("/gone")), None);
    }
}
