//! `rule.toml`: what a rule's folder says of the rule, whatever language it is written in.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::Value;

/// The file's name.
pub(super) const NAME: &str = "rule.toml";

/// What the file says.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RuleFile {
    /// The component: a file in the folder, or `builtin:NAME`.
    pub component: Option<String>,
    /// The command that leaves the component there.
    pub build: Option<String>,
    /// What the rule is opened with where nobody says otherwise.
    pub config: Option<Value>,
}

impl RuleFile {
    /// The file at `path`; none where there is no such file. The error names the file and the line.
    pub(super) fn find(path: &Path) -> Result<Option<Self>> {
        if !path.exists() {
            return Ok(None);
        }
        let context = || path.display().to_string();
        let text = fs::read_to_string(path).with_context(context)?;
        toml::from_str(&text).map(Some).with_context(context)
    }
}
