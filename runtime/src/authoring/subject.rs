//! What a command was pointed at.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use gristmill_sandbox::{Component, Sandbox};
use serde_json::{Value, json};

use super::read_config;
use super::rule_file::{self, RuleFile};
use super::rule_source::{BUILTIN, RuleSource, below};

/// A rule: where its component comes from, where its cases are, and what it is opened with.
#[derive(Clone, Debug)]
pub struct Subject {
    source: RuleSource,
    cases: Option<PathBuf>,
    config: Option<Value>,
}

impl Subject {
    /// `builtin:NAME`, a rule's folder, or else a file.
    pub fn parse(text: &str) -> Result<Self> {
        if let Some(name) = text.strip_prefix(BUILTIN) {
            return Ok(Self::alone(RuleSource::builtin(name)));
        }
        let path = Path::new(text);
        if path.is_dir() {
            return Self::of_folder(path);
        }
        ensure!(
            path.exists(),
            "there is no {text}: name a rule's folder, a .wasm file or builtin:NAME"
        );
        Ok(Self::alone(RuleSource::File(path.to_owned())))
    }

    /// The rule whose folder is `dir`.
    pub fn of_folder(dir: &Path) -> Result<Self> {
        ensure!(dir.is_dir(), "there is no folder {}", dir.display());
        let said = RuleFile::find(&below(dir, rule_file::NAME))?;
        Ok(Self {
            source: RuleSource::of_folder(dir, said.as_ref())?,
            cases: Some(below(dir, "cases")),
            config: said.and_then(|said| said.config),
        })
    }

    fn alone(source: RuleSource) -> Self {
        Self {
            source,
            cases: None,
            config: None,
        }
    }

    /// With its cases in another folder, and another file's config, where these are given.
    pub fn with(mut self, cases: Option<PathBuf>, config: Option<&Path>) -> Result<Self> {
        if let Some(cases) = cases {
            self.cases = Some(cases);
        }
        if config.is_some() {
            self.config = Some(read_config(config)?);
        }
        Ok(self)
    }

    /// The folder of its golden cases. A component alone has one where that was named.
    pub fn cases(&self) -> Option<&Path> {
        self.cases.as_deref()
    }

    /// Writes a case called after `what`, and returns its file. Refuses to replace one.
    pub fn keep_case(&self, what: &str, text: &str) -> Result<PathBuf> {
        let folder = self.cases().context("a component alone has no cases")?;
        let name = what.replace(|c: char| !c.is_ascii_alphanumeric() && c != '_', "-");
        let file = folder.join(format!("{name}.json"));
        ensure!(
            !file.exists(),
            "{} exists: it was captured before",
            file.display()
        );
        let written = fs::create_dir_all(folder).and_then(|()| fs::write(&file, text));
        written.with_context(|| format!("cannot write {}", file.display()))?;
        Ok(file)
    }

    /// Where rows of the dimensions are that it joins.
    pub fn dimensions(&self) -> Option<PathBuf> {
        self.cases.as_ref().map(|cases| cases.join("dimensions"))
    }

    /// The config that was given, or that its `rule.toml` says.
    pub fn config(&self) -> Option<&Value> {
        self.config.as_ref()
    }

    /// The config for which nobody says another.
    pub fn config_or_none(&self) -> Value {
        self.config.clone().unwrap_or_else(|| json!({}))
    }

    /// The component as it is called on a command line: `builtin:NAME`, or a file.
    pub fn shown(&self) -> String {
        self.source.component()
    }

    /// How a pipeline file names the component: `builtin:NAME`, or an absolute path. It has been
    /// built.
    pub fn component(&self) -> Result<String> {
        let name = self.source.component();
        if name.starts_with(BUILTIN) {
            return Ok(name);
        }
        let absolute = Path::new(&name).canonicalize();
        let absolute = absolute.with_context(|| format!("cannot read {name}"))?;
        Ok(absolute.display().to_string())
    }

    /// Loads the component, which is built first where its folder says how.
    pub fn load(&self, sandbox: &Sandbox) -> Result<Component> {
        self.source.load(sandbox)
    }
}
