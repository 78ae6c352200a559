//! Who is measured: gristmill, the ceilings, and what lies under `benches/rivals/`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use gristmill_tests::process::{Folder, Process, output};
use gristmill_tests::program::repository;

use crate::traffic::TOPIC;

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Contender {
    Gristmill,
    /// Gristmill with the shipped rules linked into the process.
    Native,
    /// Rows that are finished beforehand, written as gristmill's sink writes them.
    WriteCeiling,
    /// Records counted and thrown away.
    ReadCeiling,
    /// A folder with the programs `setup`, `run` and `about`; `benches/rivals/README.md` says what
    /// they do.
    Rival {
        name: String,
        about: String,
    },
}

/// Who cannot be measured here, and why.
pub(crate) type Absent = Vec<(String, String)>;

/// What a contender works on.
pub(crate) struct Place<'a> {
    pub(crate) bootstrap: String,
    pub(crate) database_url: String,
    /// Empty, its own.
    pub(crate) folder: &'a Folder,
    pub(crate) topic: &'a str,
    /// The part of a group's name that differs from run to run.
    pub(crate) run: String,
}

impl Place<'_> {
    /// `gristmill ARGS` in its folder.
    pub(crate) fn gristmill(&self, args: &[&str]) -> Result<Command> {
        let mut command = self.command(&sibling("gristmill")?);
        command.args(args);
        Ok(command)
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(self.folder.path())
            .env("KAFKA_BOOTSTRAP", &self.bootstrap)
            .env("DATABASE_URL", &self.database_url);
        command
    }

    /// Makes the table, and the pipeline file of those who read one.
    pub(crate) fn prepare(&self) -> Result<()> {
        self.prepare_changed(|shipped| Ok(shipped.to_owned()))
    }

    /// This job with another pipeline, made of the shipped file.
    pub(crate) fn prepare_changed(
        &self,
        change: impl FnOnce(&str) -> Result<String>,
    ) -> Result<()> {
        let shipped = std::fs::read_to_string(repository().join("pipelines/users.toml"))?;
        let own = change(&shipped)?
            .replace(
                "name = \"users\"",
                &format!("name = \"users-{}\"", self.run),
            )
            .replace(&format!("\"{TOPIC}\""), &format!("\"{}\"", self.topic));
        std::fs::write(self.folder.path().join("users.toml"), own)?;
        output(&mut self.gristmill(&["schema", "apply", "users.toml"])?)
            .context("cannot make the table")?;
        Ok(())
    }
}

impl Contender {
    /// All that can be had, or those of them that `only` names, and the rivals that cannot be had.
    pub(crate) fn all(only: &[String]) -> Result<(Vec<Self>, Absent)> {
        let mut all = vec![
            Self::Gristmill,
            Self::Native,
            Self::WriteCeiling,
            Self::ReadCeiling,
        ];
        let mut absent = Vec::new();
        let wanted = |name: &str| only.is_empty() || only.iter().any(|o| o == name);
        for folder in rivals()? {
            let name = folder
                .file_name()
                .and_then(|n| n.to_str())
                .unwrap_or_default();
            if !wanted(name) {
                continue;
            }
            println!("setting up {name}");
            let mut setup = Command::new(folder.join("setup"));
            match output(setup.arg(fetched(name))) {
                Ok(_) => all.push(Self::Rival {
                    name: name.to_owned(),
                    about: output(&mut Command::new(folder.join("about")))?
                        .trim()
                        .to_owned(),
                }),
                Err(error) => {
                    println!("{name} cannot be had: {error:#}");
                    absent.push((name.to_owned(), format!("{error:#}")));
                }
            }
        }
        all.retain(|contender| wanted(contender.name()));
        if all.is_empty() {
            bail!("there is no contender called {}", only.join(" or "));
        }
        Ok((all, absent))
    }

    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Gristmill => "gristmill",
            Self::Native => "gristmill-native",
            Self::WriteCeiling => "ceiling-write",
            Self::ReadCeiling => "ceiling-read",
            Self::Rival { name, .. } => name,
        }
    }

    /// What it is, for the results.
    pub(crate) fn about(&self) -> &str {
        match self {
            Self::Gristmill => "gristmill as shipped: `pipelines/users.toml`, rules in the sandbox",
            Self::Native => {
                "the same with the same rules compiled into the process instead of components"
            }
            Self::WriteCeiling => {
                "a client that writes the finished rows by gristmill's own statements, two \
                 connections, nothing else"
            }
            Self::ReadCeiling => "a client that reads both partitions and counts",
            Self::Rival { about, .. } => about,
        }
    }

    /// Whether the table is its work.
    pub(crate) fn writes(&self) -> bool {
        *self != Self::ReadCeiling
    }

    /// Whether it says itself when its measured part begins and ends.
    pub(crate) fn is_ceiling(&self) -> bool {
        matches!(self, Self::WriteCeiling | Self::ReadCeiling)
    }

    /// Starts it on an empty table. Its log is `log` in its folder.
    pub(crate) fn start(&self, place: &Place<'_>) -> Result<Process> {
        self.start_program(place, "run", &[])
    }

    /// Starts it on an empty table `accounts` that is to mirror what Debezium captured: of a rival
    /// that can, its program `mirror`. `has_schemas` says whether each record has its schema.
    pub(crate) fn start_mirror(&self, place: &Place<'_>, has_schemas: bool) -> Result<Process> {
        self.start_program(place, "mirror", &[("SCHEMAS", &has_schemas.to_string())])
    }

    fn start_program(
        &self,
        place: &Place<'_>,
        program: &str,
        variables: &[(&str, &str)],
    ) -> Result<Process> {
        let folder = place.folder.path();
        let mut command = match self {
            Self::Gristmill => place.gristmill(&["run", "users.toml"])?,
            Self::Native => {
                let mut command = place.command(&std::env::current_exe()?);
                command.args(["native", "users.toml"]);
                command
            }
            Self::WriteCeiling | Self::ReadCeiling => {
                let mut command = place.command(&std::env::current_exe()?);
                command.args(["ceiling", self.name(), "users.toml"]);
                command
            }
            Self::Rival { name, .. } => {
                let program = repository().join("benches/rivals").join(name).join(program);
                let mut command = place.command(&program);
                command.arg(fetched(name));
                command.env("WORK", folder).env("TOPIC", place.topic);
                command.envs(variables.iter().copied());
                command
            }
        };
        // Another process of the same place writes to it too.
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(folder.join("log"))?;
        command.stdin(Stdio::null()).stderr(log.try_clone()?);
        let stdout = if self.is_ceiling() {
            Stdio::piped()
        } else {
            log.into()
        };
        Process::spawn(command.stdout(stdout), "KILL")
    }
}

/// A program that was built beside this one.
fn sibling(name: &str) -> Result<PathBuf> {
    let path = std::env::current_exe()?.with_file_name(name);
    if !path.exists() {
        bail!("there is no {}: `make bench` builds it", path.display());
    }
    Ok(path)
}

/// The folders of `benches/rivals/`, by name.
fn rivals() -> Result<Vec<PathBuf>> {
    let folder = repository().join("benches/rivals");
    let mut rivals: Vec<PathBuf> = match std::fs::read_dir(&folder) {
        Ok(entries) => entries.map(|e| Ok(e?.path())).collect::<Result<_>>()?,
        Err(_) => return Ok(Vec::new()),
    };
    rivals.retain(|path| path.join("run").is_file());
    rivals.sort();
    Ok(rivals)
}

/// The folder into which a rival's `setup` puts what it fetches.
fn fetched(name: &str) -> PathBuf {
    Path::new(&repository().join("target/rivals")).join(name)
}
