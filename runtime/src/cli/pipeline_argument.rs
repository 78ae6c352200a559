//! The pipeline that a command is about: its file, and which of those that the file stands for.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail, ensure};

use crate::ops::opened::{Opened, matches};
use crate::ops::pipelines_of_file::PipelinesOfFile;

/// Names that an error lists.
const NAMED_MAX: usize = 5;

/// The first argument of every command that takes a pipeline.
#[derive(clap::Args)]
pub(super) struct PipelineArgument {
    /// The pipeline's TOML file
    #[arg(value_name = "FILE")]
    pub(super) path: PathBuf,
    /// Only the pipelines of this name, where the file stands for several; `*` stands for anything
    #[arg(long, value_name = "NAME|PATTERN")]
    only: Option<String>,
    /// All pipelines that the file stands for
    #[arg(long, conflicts_with = "only")]
    all: bool,
}

impl PipelineArgument {
    /// Reads the file. An error where it stands for several pipelines of which `--only` does not
    /// leave one.
    pub(super) async fn open(&self) -> Result<Opened> {
        let mut opened = self.open_all().await?.opened;
        match opened.pop() {
            Some(one) if opened.is_empty() => Ok(one),
            one => {
                let all = opened.into_iter().chain(one);
                let names: Vec<String> = all.map(|o| o.name().to_owned()).collect();
                bail!("{}", several(&self.path, &names))
            }
        }
    }

    /// Reads the file, for a command that only looks: all pipelines that it stands for, or those
    /// that `--only` leaves. There is one, at least.
    pub(super) async fn open_all(&self) -> Result<PipelinesOfFile> {
        let found = PipelinesOfFile::read(&self.path, self.only.as_deref()).await?;
        let pattern = self.only.as_deref();
        if let (false, [one]) = (found.is_template, found.opened.as_slice()) {
            only(&self.path, pattern, one.name())?;
        }
        if found.opened.is_empty() && found.refused.is_empty() {
            bail!("{}", none(&self.path, pattern));
        }
        Ok(found)
    }

    /// As [`PipelineArgument::open_all`], of a template only those that have run, at least one.
    pub(super) async fn open_those_that_ran(&self) -> Result<Vec<Opened>> {
        let found = self.open_all().await?;
        self.that_ran(found)
    }

    fn that_ran(&self, found: PipelinesOfFile) -> Result<Vec<Opened>> {
        let mut opened = found.opened;
        if found.is_template {
            opened.retain(|one| found.have_run.contains(one.name()));
            ensure!(
                !opened.is_empty(),
                "none of these pipelines has ever run on this database: start them with \
                 `gristmill run {}`",
                self.path.display()
            );
        }
        Ok(opened)
    }

    /// Reads the file, for a command that changes what has run: where the file stands for several
    /// pipelines, somebody has to say which.
    pub(super) async fn open_to_change(&self) -> Result<Vec<Opened>> {
        let found = self.open_said().await?;
        self.that_ran(found)
    }

    /// As [`PipelineArgument::open_to_change`], also those that have not run yet.
    pub(super) async fn open_to_create(&self) -> Result<Vec<Opened>> {
        Ok(self.open_said().await?.opened)
    }

    async fn open_said(&self) -> Result<PipelinesOfFile> {
        let found = self.open_all().await?;
        ensure!(
            !found.is_template || self.all || self.only.is_some(),
            "{} stands for {} pipelines: say which with --only NAME|PATTERN, or --all",
            self.path.display(),
            found.opened.len()
        );
        Ok(found)
    }
}

/// That a command is about one pipeline, and the file stands for several.
fn several(path: &Path, names: &[String]) -> String {
    let first: Vec<&str> = names.iter().take(NAMED_MAX).map(String::as_str).collect();
    let more = match names.len() > first.len() {
        true => ", ..",
        false => "",
    };
    format!(
        "{} stands for {} pipelines, and this command is about one: say --only NAME ({}{more})",
        path.display(),
        names.len(),
        first.join(", ")
    )
}

fn none(path: &Path, pattern: Option<&str>) -> String {
    let path = path.display();
    match pattern {
        Some(pattern) => format!("no pipeline that {path} stands for is called {pattern}"),
        None => format!(
            "{path} stands for no pipeline: there is no topic that its source.topics means, and \
             none of its pipelines has run"
        ),
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

    #[test]
    fn which_of_several_is_meant_has_to_be_said() {
        let names: Vec<String> = (0..7).map(|n| format!("app.t{n}")).collect();
        assert_eq!(
            several(Path::new("mirror.toml"), &names),
            "mirror.toml stands for 7 pipelines, and this command is about one: say --only NAME \
             (app.t0, app.t1, app.t2, app.t3, app.t4, ..)"
        );
    }
}
