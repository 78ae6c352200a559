//! The built program in an author's folder.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};
use gristmill_tests::program::gristmill;
use tempfile::TempDir;

/// A folder with a new rule in it.
pub(crate) fn new_rule(name: &str) -> Result<(TempDir, PathBuf)> {
    let folder = tempfile::tempdir()?;
    let said = good(run(folder.path(), &["transform", "new", name])?)?;
    ensure!(said.contains(&format!("cd {name}")), "{said}");
    let rule = folder.path().join(name);
    Ok((folder, rule))
}

pub(crate) fn run(folder: &Path, arguments: &[&str]) -> Result<Output> {
    let mut command = Command::new(gristmill()?);
    command.args(arguments).current_dir(folder);
    Ok(environment(&mut command).output()?)
}

/// Compiles into the folder of the shipped transforms, so that what rules share is compiled once, and from the crates that are here already.
pub(crate) fn environment(command: &mut Command) -> &mut Command {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("release/guests");
    command
        .env("CARGO_TARGET_DIR", target)
        .env("CARGO_NET_OFFLINE", "true")
}

/// A script with the built program on its path.
pub(crate) fn bash(folder: &Path, script: &str) -> Result<Command> {
    let program = gristmill()?.parent().context("a program has a folder")?;
    let path = format!("{}:{}", program.display(), std::env::var("PATH")?);
    let mut bash = Command::new("bash");
    bash.args(["-c", script])
        .current_dir(folder)
        .env("PATH", path);
    environment(&mut bash);
    Ok(bash)
}

/// What a command printed, which has to succeed.
pub(crate) fn good(output: Output) -> Result<String> {
    let (code, said) = both(output);
    ensure!(code == Some(0), "{code:?}\n{said}");
    Ok(said)
}

pub(crate) fn both(
    Output {
        status,
        stdout,
        stderr,
    }: Output,
) -> (Option<i32>, String) {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    (status.code(), text(&stdout) + &text(&stderr))
}

pub(crate) fn output_ok(command: &mut Command) -> Result<()> {
    good(command.output()?).map(|_| ())
}

pub(crate) fn edit(path: &Path, from: &str, to: &str) -> Result<()> {
    let text = std::fs::read_to_string(path)?;
    ensure!(text.contains(from), "no {from:?} in {}", path.display());
    Ok(std::fs::write(path, text.replacen(from, to, 1))?)
}
