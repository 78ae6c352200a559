//! A folder with a rule in Rust.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail, ensure};
use serde::Deserialize;

use super::cargo_build;
use super::guest_build::{self, Toolchain};
use gristmill_sandbox::{Component, Limits, Sandbox};

/// A crate that compiles to a transform.
#[derive(Clone, Debug)]
pub struct RuleCrate {
    dir: PathBuf,
    name: String,
    library: String,
    target_dir: PathBuf,
}

/// A rule as it was built.
pub struct Built {
    pub component: Component,
    /// `NAME.wasm` beside the crate's `Cargo.toml`.
    pub file: PathBuf,
}

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
}

impl RuleCrate {
    /// The crate whose `Cargo.toml` lies in `dir`. The error says what is missing for it to become
    /// a transform.
    pub fn open(dir: &Path) -> Result<Self> {
        ensure!(dir.is_dir(), "there is no folder {}", dir.display());
        let manifest = dir.join("Cargo.toml");
        ensure!(
            manifest.exists(),
            "there is no Cargo.toml in {}: go to the folder of a transform, or make one with \
             `gristmill transform new NAME`",
            dir.display()
        );
        let manifest = manifest.canonicalize()?;
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
            name: package.name,
            target_dir: metadata.target_directory,
        })
    }

    /// The package's name, and so the transform's.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The folder that holds `Cargo.toml`.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Where its component is written: `NAME.wasm` beside `Cargo.toml`.
    pub fn file(&self) -> PathBuf {
        // Not `./NAME.wasm`, for whoever stands in the folder.
        let dir = self.dir.strip_prefix(".").unwrap_or(&self.dir);
        dir.join(format!("{}.wasm", self.name))
    }

    /// The folder of its golden cases.
    pub fn cases(&self) -> PathBuf {
        self.dir.join("cases")
    }

    /// Compiles the crate and writes its component. What the compiler says of the source goes to
    /// standard error as cargo shows it.
    pub fn build(&self, sandbox: &Sandbox) -> Result<Built> {
        let toolchain = Toolchain::find().map_err(|why| anyhow!(why))?;
        let manifest = self.dir.join("Cargo.toml");
        let cargo = toolchain.cargo_build(&manifest, &self.target_dir);
        let mut cargo = cargo.map_err(|why| anyhow!(why))?;
        cargo_build::run(&self.name, cargo.args(["--package", &self.name]))?;
        let module = guest_build::module(&self.target_dir, &self.library);
        let bytes =
            fs::read(&module).with_context(|| format!("cannot read {}", module.display()))?;
        cargo_build::check(&self.name, &manifest, &bytes)?;
        let component = sandbox.load(&self.name, &bytes, &Limits::default())?;
        let file = self.file();
        write(&file, component.bytes())
            .with_context(|| format!("cannot write {}", file.display()))?;
        Ok(Built { component, file })
    }
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

/// Writes under another name first: whoever watches the file never sees half of it.
fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty());
    let mut file = tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))?;
    file.write_all(bytes)?;
    // Private by default; a component is for everybody who may see its folder.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        file.as_file()
            .set_permissions(fs::Permissions::from_mode(0o644))?;
    }
    file.persist(path)?;
    Ok(())
}
