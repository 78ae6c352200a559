//! The built program.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Result, anyhow};

use crate::process::output;

/// `target/release/gristmill`, built first: `cargo test` builds a program only for the tests of its own package.
pub fn gristmill() -> Result<&'static Path> {
    static BUILT: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    BUILT
        .get_or_init(|| build().map_err(|e| format!("{e:#}")))
        .as_deref()
        .map_err(|e| anyhow!("{e}"))
}

/// The top of the repository.
pub fn repository() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

fn build() -> Result<PathBuf> {
    let mut cargo = Command::new(env!("CARGO"));
    // What cargo tells a test about its package: some build scripts (ring's) run again when it changes, and with them everything that stands on TLS.
    let about_us = |name: &str| {
        [
            "CARGO_PKG_",
            "CARGO_MANIFEST_",
            "CARGO_CRATE_",
            "CARGO_BIN_",
            "CARGO_PRIMARY_",
        ]
        .iter()
        .any(|p| name.starts_with(p))
    };
    for (name, _) in std::env::vars().filter(|(name, _)| about_us(name)) {
        cargo.env_remove(name);
    }
    // The same choice of packages as the tests': with another one some features differ, and everything is compiled again.
    cargo
        .args([
            "build",
            "--quiet",
            "--release",
            "--locked",
            "--workspace",
            "--bins",
        ])
        .current_dir(repository());
    output(&mut cargo)?;
    Ok(repository()
        .join("target/release/gristmill")
        .canonicalize()?)
}
