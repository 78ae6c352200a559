//! The built program, and what it printed.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use anyhow::{Context, Result, anyhow, ensure};

use crate::process::output;

/// `gristmill` beside this test, built first: `cargo test` builds a program only for the tests of
/// its own package.
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

/// The folder that this program was built into: `target/release`, wherever `target` is.
pub fn built() -> Result<PathBuf> {
    let program = std::env::current_exe()?;
    let folder = program.ancestors().find(|path| path.ends_with("release"));
    let folder = folder.with_context(|| format!("{} is no release build", program.display()))?;
    Ok(folder.to_owned())
}

fn build() -> Result<PathBuf> {
    let mut cargo = Command::new(env!("CARGO"));
    // What cargo tells a test about its package, and what turns on the unstable options of a test:
    // some build scripts run again when these change (ring's does), and all that stands on them is
    // compiled again.
    let about_us = |name: &str| {
        [
            "CARGO_PKG_",
            "CARGO_MANIFEST_",
            "CARGO_CRATE_",
            "CARGO_BIN_",
            "CARGO_PRIMARY_",
            "RUSTC_BOOTSTRAP",
        ]
        .iter()
        .any(|p| name.starts_with(p))
    };
    for (name, _) in std::env::vars().filter(|(name, _)| about_us(name)) {
        cargo.env_remove(name);
    }
    // The same choice of packages as the tests': with another one some features differ, and
    // everything is compiled again.
    cargo
        .args(["build", "--quiet", "--release", "--locked"])
        .args(["--workspace", "--bins"])
        .current_dir(repository());
    output(&mut cargo)?;
    Ok(built()?.join("gristmill").canonicalize()?)
}

/// The exit code and what was printed, standard output before standard error.
pub fn printed(output: Output) -> (Option<i32>, String) {
    let both = text(&output.stdout) + &text(&output.stderr);
    (output.status.code(), both)
}

/// What a command printed, which has to succeed.
pub fn success(output: Output) -> Result<String> {
    let (code, printed) = printed(output);
    ensure!(code == Some(0), "{code:?}\n{printed}");
    Ok(printed)
}

/// What a command printed as text, whatever it is.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The error of what had to fail, with its causes.
pub fn refusal<T>(result: Result<T>) -> Result<String> {
    let error = result.err().context("it was accepted")?;
    Ok(format!("{error:#}"))
}
