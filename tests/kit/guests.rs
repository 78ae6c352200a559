//! Components for tests only, from `tests/guests/`.

use std::path::PathBuf;

use anyhow::Result;

use crate::program::{built, repository};

#[path = "../../runtime/guest_build.rs"]
mod guest_build;

/// The folder where guests are built. The shipped transforms are built there, too, so that what
/// they share is compiled once.
pub fn target() -> Result<PathBuf> {
    Ok(built()?.join("guests"))
}

/// The core modules of `packages` as the compiler leaves them, in the same order.
pub fn build_all(packages: &[&str]) -> Result<Vec<PathBuf>> {
    let toolchain = guest_build::Toolchain::find().map_err(anyhow::Error::msg)?;
    let modules = toolchain.build(&repository().join("Cargo.toml"), packages, &target()?);
    modules.map_err(anyhow::Error::msg)
}

/// The path of the core module of one guest, as an argument of a command.
pub fn build(package: &str) -> Result<String> {
    Ok(build_all(&[package])?.remove(0).display().to_string())
}
