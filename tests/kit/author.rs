//! The built program in the folder of a rule's author.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use crate::guests;
use crate::program::{gristmill, success};

/// The languages of rules whose tools come from PyPI and npm, by the names of `--lang`, and how the
/// source of a rule is called.
pub const OTHER_LANGUAGES: [(&str, &str); 3] =
    [("python", "rule.py"), ("js", "rule.js"), ("c", "rule.c")];

/// The first who uses a language's tools installs them, for all.
static TOOLS: [Mutex<()>; OTHER_LANGUAGES.len()] =
    [const { Mutex::new(()) }; OTHER_LANGUAGES.len()];

/// While it is held nobody else builds a rule in `language`.
pub fn tools(language: &str) -> Result<MutexGuard<'static, ()>> {
    let place = OTHER_LANGUAGES
        .iter()
        .position(|(name, _)| *name == language);
    let tools = &TOOLS[place.with_context(|| format!("no tools for {language}"))?];
    Ok(tools.lock().unwrap_or_else(PoisonError::into_inner))
}

/// A temporary folder, and in it the folder of a new rule called `name`.
pub fn new_rule(name: &str) -> Result<(TempDir, PathBuf)> {
    new_rule_in(name, "rust", "enricher")
}

/// The same in a language, begun as `template`.
pub fn new_rule_in(name: &str, language: &str, template: &str) -> Result<(TempDir, PathBuf)> {
    let folder = tempfile::tempdir()?;
    let new = [
        "transform",
        "new",
        name,
        "--lang",
        language,
        "--template",
        template,
    ];
    let printed = success(run(folder.path(), &new)?)?;
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
    let target = guests::target()?;
    command
        .env("GRISTMILL_TOOLS", target.join("languages"))
        .env("CARGO_TARGET_DIR", target)
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
