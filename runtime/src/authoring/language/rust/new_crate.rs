//! The crate that a new rule begins as.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

/// Paths and texts; NAME stands for the rule's name.
const TEMPLATE: [(&str, &str); 6] = [
    (
        "Cargo.toml",
        include_str!("../../../../template/Cargo.toml"),
    ),
    (
        "src/lib.rs",
        include_str!("../../../../template/src/lib.rs"),
    ),
    (
        "cases/first.json",
        include_str!("../../../../template/cases/first.json"),
    ),
    (
        "events.json",
        include_str!("../../../../template/events.json"),
    ),
    ("README.md", include_str!("../../../../template/README.md")),
    (".gitignore", include_str!("../../../../template/gitignore")),
];

/// The SDK of this version, so that a rule needs nothing of ours from anywhere else.
const SDK: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/sdk_files.rs"));

/// Where the SDK lies in the crate.
const SDK_FOLDER: &str = "vendor/gristmill-guest";

/// Longest name: as long as a name in Postgres.
const NAME_MAX_BYTES: usize = 63;

/// Names that cargo or the language keep for themselves, as far as they are words of one piece in
/// lower case. `syn` knows the language's, not cargo's, and would be compiled a second time for
/// them: as a library beside the one that macros use.
const RESERVED: [&str; 51] = [
    "abstract",
    "alloc",
    "as",
    "async",
    "await",
    "become",
    "box",
    "break",
    "build",
    "const",
    "continue",
    "core",
    "crate",
    "deps",
    "do",
    "dyn",
    "else",
    "enum",
    "examples",
    "extern",
    "false",
    "final",
    "fn",
    "for",
    "if",
    "impl",
    "in",
    "incremental",
    "let",
    "loop",
    "macro",
    "match",
    "mod",
    "move",
    "mut",
    "priv",
    "pub",
    "ref",
    "return",
    "self",
    "static",
    "std",
    "struct",
    "super",
    "test",
    "trait",
    "true",
    "try",
    "type",
    "typeof",
    "use",
];

/// Makes the folder `parent/name` with a small rule, a case and the SDK, and returns its path.
/// Refuses a name that is no package's, and a folder that is there.
pub fn create(parent: &Path, name: &str) -> Result<PathBuf> {
    check_name(name)?;
    let dir = parent.join(name);
    if dir.exists() {
        bail!(
            "{} exists: choose another name, or remove it first",
            dir.display()
        );
    }
    for (path, text) in TEMPLATE {
        write(&dir.join(path), &text.replace("NAME", name))?;
    }
    for (path, text) in SDK {
        write(&dir.join(SDK_FOLDER).join(path), text)?;
    }
    Ok(dir)
}

fn check_name(name: &str) -> Result<()> {
    let is_part = |part: &str| {
        part.bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
            && !part.is_empty()
    };
    ensure!(
        name.split('-').all(is_part) && name.starts_with(|c: char| c.is_ascii_lowercase()),
        "`{name}` is no name for a transform: lower-case letters, digits and single hyphens, \
         beginning with a letter, such as enrich-age"
    );
    ensure!(
        name.len() <= NAME_MAX_BYTES,
        "`{name}` is too long: at most {NAME_MAX_BYTES} letters"
    );
    let is_taken =
        RESERVED.contains(&name) || ["gristmill-guest", "schemars", "serde"].contains(&name);
    ensure!(
        !is_taken,
        "`{name}` means something else in Rust: choose another name, such as enrich-{name}"
    );
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new(""));
    let written = fs::create_dir_all(folder).and_then(|()| fs::write(path, text));
    written.with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_packages() {
        for good in ["a", "enrich-age", "v2", "enrich-2-things"] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "-",
            "a-",
            "-a",
            "a--b",
            "2a",
            "Age",
            "age_of",
            "äge",
            "a b",
            "../a",
            "a/b",
            "type",
            "serde",
            &"a".repeat(64),
        ] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_sdk_stands_alone() {
        let text = |name: &str| SDK.iter().find(|(path, _)| *path == name).unwrap().1;
        let manifest = text("Cargo.toml");
        assert!(
            manifest.contains("wit-bindgen = {") && !manifest.contains("workspace"),
            "{manifest}"
        );
        assert!(text("src/wit.rs").contains("path: \"wit\""));
        assert!(text("wit/transform.wit").contains("world transform"));
    }
}
