//! A rule in a language whose tools this program does not know: a command of its author builds it.

use std::env;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

/// In the command's environment: this program, so that a build can run it whatever it is called.
const PROGRAM: &str = "GRISTMILL";

/// Runs `build` in the rule's folder. What it says goes to standard error, because standard output
/// has what the caller prints.
///
/// # Errors
///
/// Where it fails, or leaves no `component`.
pub(in crate::authoring) fn run(dir: &Path, build: &str, component: &Path) -> Result<()> {
    let folder = match dir.as_os_str().is_empty() {
        true => Path::new("."),
        false => dir,
    };
    let mut command = Command::new("sh");
    command.args(["-c", build]).current_dir(folder);
    command.env(
        PROGRAM,
        env::current_exe().context("where this program lies")?,
    );
    let said = std::io::stderr();
    command.stdin(Stdio::null()).stdout(said_to(&said)?);
    let ended = command
        .status()
        .with_context(|| format!("cannot start `sh -c '{build}'` in {}", folder.display()))?;
    ensure!(
        ended.success(),
        "{} does not build: `{build}` ends with {ended}: see above",
        folder.display()
    );
    ensure!(
        component.is_file(),
        "`{build}` leaves no {}: write the component there, or say in rule.toml what it is called",
        component.display()
    );
    Ok(())
}

fn said_to(stderr: &std::io::Stderr) -> Result<Stdio> {
    use std::os::fd::AsFd;
    Ok(stderr.as_fd().try_clone_to_owned()?.into())
}
