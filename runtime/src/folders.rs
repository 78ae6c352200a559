//! Where this user's files lie, by the XDG Base Directory Specification: a relative path counts as
//! none.

use std::path::{Path, PathBuf};

/// The folder for what is compiled, kept between runs: `$XDG_CACHE_HOME/gristmill` or
/// `~/.cache/gristmill`; none without a home.
pub fn cache_folder() -> Option<PathBuf> {
    let base = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")))?;
    Some(base.join("gristmill"))
}

/// The folders for what a process must find again after a crash, the best first:
/// `$XDG_STATE_HOME/gristmill`, `~/.local/state/gristmill` and, where there is no home that can be
/// written to, `/var/tmp/gristmill-UID`.
pub fn state_folders() -> Vec<PathBuf> {
    let set = absolute("XDG_STATE_HOME").map(|state| state.join("gristmill"));
    let home = absolute("HOME").map(|home| home.join(".local/state/gristmill"));
    let uid = rustix::process::geteuid().as_raw();
    let temporary = Path::new("/var/tmp").join(format!("gristmill-{uid}"));
    set.into_iter().chain(home).chain([temporary]).collect()
}

fn absolute(variable: &str) -> Option<PathBuf> {
    let path = PathBuf::from(std::env::var_os(variable)?);
    path.is_absolute().then_some(path)
}
