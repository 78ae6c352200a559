//! The built program in the folder of a rule's author.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use crate::guests;
use crate::program::{gristmill, success};

/// A temporary folder, and in it the folder of a new rule called `name`.
pub fn new_rule(name: &str) -> Result<(TempDir, PathBuf)> {
    let folder = tempfile::tempdir()?;
    let printed = success(run(folder.path(), &["transform", "new", name])?)?;
    ensure!(printed.contains(&format!("cd {name}")), "{printed}");
    let rule = folder.path().join(name);
    Ok((folder, rule))
}

/// `gristmill ARGUMENTS` in `folder`, to its end.
pub fn run(folder: &Path, arguments: &[&str]) -> Result<Output> {
    Ok(command(folder, arguments)?.output()?)
}

/// `gristmill ARGUMENTS` in `folder`, not yet started.
pub fn command(folder: &Path, arguments: &[&str]) -> Result<Command> {
    let mut command = Command::new(gristmill()?);
    command.args(arguments).current_dir(folder);
    as_author(&mut command)?;
    Ok(command)
}

/// A script with the built program on its path.
pub fn bash(folder: &Path, script: &str) -> Result<Command> {
    let program = gristmill()?.parent().context("a program has a folder")?;
    let path = format!("{}:{}", program.display(), std::env::var("PATH")?);
    let mut bash = Command::new("bash");
    bash.args(["-c", script])
        .current_dir(folder)
        .env("PATH", path);
    as_author(&mut bash)?;
    Ok(bash)
}

/// Compiles rules beside the shipped transforms, so that what they share is compiled once, and from
/// the crates that are here already.
fn as_author(command: &mut Command) -> Result<()> {
    command
        .env("CARGO_TARGET_DIR", guests::target()?)
        .env("CARGO_NET_OFFLINE", "true")
        .env_remove("RUSTC_BOOTSTRAP");
    Ok(())
}

/// Replaces the first `from` in a file, which must have it.
pub fn edit(path: &Path, from: &str, to: &str) -> Result<()> {
    let text = std::fs::read_to_string(path)?;
    ensure!(text.contains(from), "no {from:?} in {}", path.display());
    Ok(std::fs::write(path, text.replacen(from, to, 1))?)
}
