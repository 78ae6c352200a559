//! The repository that holds this crate.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The top folder: cargo tells a test where its crate lies.
fn top() -> PathBuf {
    let here = std::env::var_os("CARGO_MANIFEST_DIR").expect("run by cargo");
    Path::new(&here).join("../..")
}

/// The text of a file, named from the top. What is not UTF-8 has replacement characters.
///
/// # Panics
///
/// When the file cannot be read.
pub fn read(file: &str) -> String {
    let bytes = std::fs::read(top().join(file));
    let bytes = bytes.unwrap_or_else(|error| panic!("cannot read {file}: {error}"));
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The names and texts of the wanted files.
pub fn read_all(is_wanted: impl Fn(&str) -> bool) -> Vec<(String, String)> {
    let files = tracked(is_wanted).into_iter();
    files.map(|file| (file.clone(), read(&file))).collect()
}

/// The wanted files that git knows or would add, named from the top, in order.
///
/// # Panics
///
/// When git cannot list them.
pub fn tracked(is_wanted: impl Fn(&str) -> bool) -> Vec<String> {
    let mut git = Command::new("git");
    git.args([
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ]);
    let output = git.current_dir(top()).output();
    let output = output.unwrap_or_else(|error| panic!("cannot start git: {error}"));
    assert!(
        output.status.success(),
        "git ls-files: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let listed = String::from_utf8_lossy(&output.stdout);
    let mut files: Vec<_> = listed
        .split_terminator('\0')
        .filter(|file| is_wanted(file) && top().join(file).is_file())
        .map(str::to_owned)
        .collect();
    files.sort();
    files.dedup();
    files
}

/// Each package of the workspace and what it is made of, with its features, one a line. `edges`
/// are the kinds of dependencies to follow.
///
/// # Panics
///
/// When cargo cannot tell.
pub fn features(edges: &str) -> String {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["tree", "--locked", "--workspace", "--prefix=none"]);
    cargo.args(["--format={p} [{f}]", "--edges", edges]);
    let output = cargo.current_dir(top()).output();
    let output = output.unwrap_or_else(|error| panic!("cannot start cargo: {error}"));
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo tree: {told}");
    // A package that stood there before is marked.
    String::from_utf8_lossy(&output.stdout).replace(" (*)", "")
}
