//! What the program brings for each language.

use anyhow::{Context, Result};

/// Kinds of rules that a new one begins as; the first where nobody says.
pub const TEMPLATES: [&str; 3] = ["enricher", "join", "normalizer"];

/// The language of a new rule where nobody says.
pub const RUST: &str = "rust";

/// Paths in a rule's folder, and what is in the files.
type Files = &'static [(&'static str, &'static [u8])];

/// What a new rule in a language is made of.
#[derive(Debug)]
pub(super) struct LanguageFiles {
    pub name: &'static str,
    /// The library that rules are written with, in [`LanguageFiles::sdk_folder`].
    pub sdk: Files,
    /// By template; `NAME` in a text stands for the rule's name.
    pub templates: &'static [(&'static str, Files)],
}

/// As the build script found them.
const LANGUAGES: &[LanguageFiles] = include!(concat!(env!("OUT_DIR"), "/languages.rs"));

impl LanguageFiles {
    pub(super) fn is_rust(&self) -> bool {
        self.name == RUST
    }

    /// Where the SDK lies in a rule's folder: of this version, so that a rule needs nothing of ours
    /// from anywhere else.
    pub(super) fn sdk_folder(&self) -> &'static str {
        match self.is_rust() {
            true => "vendor/gristmill-guest",
            false => "vendor/gristmill",
        }
    }

    /// The file that says what the rule does.
    pub(super) fn source(&self) -> String {
        match self.name {
            RUST => "src/lib.rs".to_owned(),
            "python" => "rule.py".to_owned(),
            other => format!("rule.{other}"),
        }
    }
}

/// The languages' names.
pub fn names() -> impl Iterator<Item = &'static str> {
    all().iter().map(|language| language.name)
}

pub(super) fn all() -> &'static [LanguageFiles] {
    LANGUAGES
}

pub(super) fn find(name: &str) -> Result<&'static LanguageFiles> {
    let found = LANGUAGES.iter().find(|language| language.name == name);
    found.with_context(|| {
        let names: Vec<&str> = names().collect();
        format!(
            "rules are not made in {name}: there are {}",
            names.join(", ")
        )
    })
}
