//! Components that are there for tests only, from `tests/guests/`.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::program::repository;

#[path = "../../runtime/guest_build.rs"]
mod guest_build;

/// The core module of a guest, built beside the shipped transforms so that what they share is compiled once. `tmp` is the caller's `CARGO_TARGET_TMPDIR`.
pub fn build(package: &str, tmp: &str) -> Result<PathBuf> {
    let target = Path::new(tmp).with_file_name("release/guests");
    let toolchain = guest_build::Toolchain::find().map_err(anyhow::Error::msg)?;
    let built = toolchain.build(&repository().join("Cargo.toml"), &[package], &target);
    Ok(built.map_err(anyhow::Error::msg)?.remove(0))
}
