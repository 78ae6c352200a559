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
    output(
        Command::new(env!("CARGO"))
            .args([
                "build",
                "--quiet",
                "--release",
                "--locked",
                // The same choice of packages as the tests': with another one some features differ, and everything is compiled again.
                "--workspace",
                "--bins",
            ])
            .current_dir(repository()),
    )?;
    Ok(repository()
        .join("target/release/gristmill")
        .canonicalize()?)
}
