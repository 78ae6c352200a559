//! The rule that a command is for.

use std::path::PathBuf;

use anyhow::Result;

use crate::authoring::Subject;

#[derive(clap::Args)]
pub(super) struct RuleArgument {
    /// The rule's folder (which is built first), a component's file, or builtin:NAME
    #[arg(default_value = ".")]
    what: String,
    /// The config to open it with, JSON or TOML, instead of the one in its rule.toml
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The folder of its cases, and in it `dimensions`; without one `cases` in the rule's folder
    #[arg(long, value_name = "DIR")]
    cases: Option<PathBuf>,
}

impl RuleArgument {
    pub(super) fn subject(&self) -> Result<Subject> {
        Subject::parse(&self.what)?.with(self.cases.clone(), self.config.as_deref())
    }
}
