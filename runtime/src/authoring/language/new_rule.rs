//! The folder that a new rule begins as.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use super::languages::{self, LanguageFiles};

/// What is in every template of a language.
const COMMON: &str = "common";

/// Which files a new rule begins with.
#[derive(Clone, Debug)]
pub struct NewRule<'a> {
    /// The rule's name, and the folder's.
    pub name: &'a str,
    /// One of [`languages::names`].
    pub language: &'a str,
    /// One of [`languages::TEMPLATES`].
    pub template: &'a str,
}

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

impl NewRule<'_> {
    /// Makes the folder `parent/NAME` with a small rule, a case and the SDK, and returns the path
    /// of the rule's source in it. Refuses a name that is no package's, and a folder that is there.
    pub fn create(&self, parent: &Path) -> Result<PathBuf> {
        let language = languages::find(self.language)?;
        check_name(self.name)?;
        if language.is_rust() {
            check_unreserved(self.name)?;
        }
        let dir = parent.join(self.name);
        if dir.exists() {
            bail!(
                "{} exists: choose another name, or remove it first",
                dir.display()
            );
        }
        for (path, bytes) in files(language, COMMON)?
            .iter()
            .chain(files(language, self.template)?)
        {
            let text = String::from_utf8_lossy(bytes).replace("NAME", self.name);
            write(&dir.join(visible(path)), text.as_bytes())?;
        }
        for (path, bytes) in language.sdk {
            write(&dir.join(language.sdk_folder()).join(path), bytes)?;
        }
        Ok(dir.join(language.source()))
    }
}

fn files(
    language: &LanguageFiles,
    template: &str,
) -> Result<&'static [(&'static str, &'static [u8])]> {
    let mut templates = language.templates.iter();
    let found = templates.find(|(name, _)| *name == template);
    let (_, files) = found.with_context(|| {
        format!(
            "there is no template `{template}` for {}: there are {}",
            language.name,
            languages::TEMPLATES.join(", ")
        )
    })?;
    Ok(files)
}

/// A file that is to be hidden has a name here that is not.
fn visible(path: &str) -> &str {
    match path {
        "gitignore" => ".gitignore",
        path => path,
    }
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
    Ok(())
}

/// Refuses a name that means something else to cargo or to Rust.
fn check_unreserved(name: &str) -> Result<()> {
    let is_taken =
        RESERVED.contains(&name) || ["gristmill-guest", "schemars", "serde"].contains(&name);
    ensure!(
        !is_taken,
        "`{name}` means something else in Rust: choose another name, such as enrich-{name}"
    );
    Ok(())
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new(""));
    let written = fs::create_dir_all(folder).and_then(|()| fs::write(path, bytes));
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
            &"a".repeat(64),
        ] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
        for taken in ["type", "serde"] {
            assert!(check_unreserved(taken).is_err(), "{taken}");
        }
    }

    #[test]
    fn every_language_has_every_template_and_a_source() {
        for language in languages::all() {
            for template in languages::TEMPLATES {
                let of_template = files(language, template).unwrap();
                let source = |(path, _): &(&str, _)| *path == language.source();
                assert!(
                    of_template.iter().any(source),
                    "{} {template}",
                    language.name
                );
            }
        }
    }

    #[test]
    fn the_sdk_stands_alone() {
        let rust = languages::find("rust").unwrap();
        let text = |name: &str| {
            let (_, bytes) = rust.sdk.iter().find(|(path, _)| *path == name).unwrap();
            std::str::from_utf8(bytes).unwrap()
        };
        let manifest = text("Cargo.toml");
        assert!(
            manifest.contains("wit-bindgen = {") && !manifest.contains("workspace"),
            "{manifest}"
        );
        assert!(text("src/wit.rs").contains("path: \"wit\""));
        assert!(text("wit/transform.wit").contains("world transform"));
    }
}
