//! A pipeline file that an operation works on.

use std::path::{Path, PathBuf};

use anyhow::{Context, Error, Result};
use gristmill_core::fault::SinkFault;
use gristmill_postgres::fleet::definition_store;
use gristmill_postgres::fleet::rollout::{self, Rollout};
use gristmill_postgres::wire::connection::{Connection, Database};
use gristmill_postgres::wire::database_error::DatabaseError;
use gristmill_sandbox::Sandbox;

use crate::definition::file::{self, Config};
use crate::definition::pipeline::Pipeline;
use crate::definition::spec::Spec;

/// A pipeline file with the database that it names. Nothing is connected yet.
#[derive(Clone)]
pub struct Opened {
    /// As whoever asks called it: messages that tell people commands name it.
    pub path: PathBuf,
    pub config: Config,
    pub database: Database,
}

impl Opened {
    /// Reads the pipeline file at `path`.
    pub fn read(path: &Path) -> Result<Self> {
        Self::new(path, file::load(path)?)
    }

    /// Takes a pipeline file that has been read from `path`. The error says what is wrong with the
    /// address of its database.
    pub fn new(path: &Path, config: Config) -> Result<Self> {
        let application = format!("gristmill/{}", config.pipeline.name);
        let database = Database::new(&config.target.url, &application).context("target.url")?;
        Ok(Self {
            path: path.to_owned(),
            config,
            database,
        })
    }

    /// The pipeline's name.
    pub fn name(&self) -> &str {
        &self.config.pipeline.name
    }

    /// Loads everything that the file names.
    pub async fn load(self, sandbox: &Sandbox) -> Result<(Pipeline, Database)> {
        let pipeline = Pipeline::load(self.config, sandbox, &self.database).await?;
        Ok((pipeline, self.database))
    }

    /// What the fleet runs. An error where the pipeline has never run.
    pub async fn rollout(&self, connection: &Connection) -> Result<Rollout> {
        let rollout = rollout::read(connection, self.name()).await;
        let rollout = rollout.map_err(|error| self.explain(error))?;
        rollout.with_context(|| {
            format!(
                "the pipeline {} has never run on this database: start it with `gristmill run {}`",
                self.name(),
                self.path.display()
            )
        })
    }

    /// Whether the file, as far as that shows without its components, says something else than the
    /// revision `active`. One that this program cannot read says nothing.
    pub async fn differs(&self, connection: &Connection, active: i32) -> Result<bool> {
        let stored = definition_store::revision(connection, self.name(), active).await?;
        let spec = stored.and_then(|stored| Spec::from_stored(&stored.spec).ok());
        Ok(spec.is_some_and(|spec| !spec.is_as_written(&self.config)))
    }

    /// Says what to do where gristmill's own tables are not there, or older than this program.
    fn explain(&self, error: DatabaseError) -> Error {
        let SinkFault::Answered(state) = error.fault() else {
            return error.into();
        };
        match state.as_str() {
            // No such schema, table or column.
            "3F000" | "42P01" | "42703" => Error::new(error).context(format!(
                "the schema gristmill is missing or older than this program: run `gristmill \
                 schema apply {}` first",
                self.path.display()
            )),
            _ => error.into(),
        }
    }

    /// The run and the revision that are active. An error where the pipeline has never run.
    pub async fn active(&self, connection: &Connection) -> Result<(i64, i32)> {
        let name = self.name();
        let active = definition_store::active(connection, name).await;
        let active = active.map_err(|error| self.explain(error))?;
        active.with_context(|| format!("the pipeline `{name}` has never run on this database"))
    }
}

/// Whether `name` matches `pattern`, in which `*` stands for any characters and `?` for one.
pub fn matches(pattern: &str, name: &str) -> bool {
    let mut of_pattern = pattern.chars();
    match of_pattern.next() {
        None => name.is_empty(),
        Some('*') => {
            let rest = of_pattern.as_str();
            let mut ends = name.char_indices().map(|(at, _)| at).chain([name.len()]);
            ends.any(|at| matches(rest, &name[at..]))
        }
        Some(wanted) => {
            let mut of_name = name.chars();
            let found = of_name.next();
            found.is_some_and(|c| wanted == '?' || wanted == c)
                && matches(of_pattern.as_str(), of_name.as_str())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns_match_as_a_shell_matches_them() {
        for (pattern, name) in [
            ("users", "users"),
            ("*", ""),
            ("*", "users"),
            ("u*s", "users"),
            ("*us*", "bus-users"),
            ("u?ers", "users"),
            ("ä*", "äö"),
        ] {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [
            ("user", "users"),
            ("u*x", "users"),
            ("?", ""),
            ("", "users"),
        ] {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
    }
}
