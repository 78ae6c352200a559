//! The pipeline that a command is about: its file, and which of those that the file stands for.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

use crate::definition::file::Config;
use crate::ops::opened::{Opened, matches};

/// The first argument of every command that takes a pipeline.
#[derive(clap::Args)]
pub(super) struct PipelineArgument {
    /// The pipeline's TOML file
    #[arg(value_name = "FILE")]
    pub(super) path: PathBuf,
    /// Only the pipelines of this name, where the file stands for several; `*` stands for anything
    #[arg(long, value_name = "NAME|PATTERN")]
    only: Option<String>,
}

impl PipelineArgument {
    /// Reads the file.
    pub(super) fn open(&self) -> Result<Opened> {
        let opened = Opened::read(&self.path)?;
        self.check(&opened.config)?;
        Ok(opened)
    }

    /// An error where `--only` leaves out the one pipeline that the file stands for.
    pub(super) fn check(&self, config: &Config) -> Result<()> {
        only(&self.path, self.only.as_deref(), &config.pipeline.name)
    }
}

fn only(path: &Path, pattern: Option<&str>, name: &str) -> Result<()> {
    let pattern = pattern.unwrap_or("*");
    ensure!(
        matches(pattern, name),
        "{} holds the pipeline {name} alone, and --only says {pattern}",
        path.display()
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_the_file_does_not_hold_is_an_error_that_says_what_it_holds() {
        let path = Path::new("users.toml");
        for pattern in [None, Some("users"), Some("u*")] {
            only(path, pattern, "users").unwrap();
        }
        assert_eq!(
            only(path, Some("orders"), "users").unwrap_err().to_string(),
            "users.toml holds the pipeline users alone, and --only says orders"
        );
    }
}
