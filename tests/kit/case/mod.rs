//! Cases: small files that say what is in a topic and a database, what happens, and what must be
//! found afterwards. `docs/internals/testing.md` lists their keys.

mod answer;
mod database;
mod expected;
mod kafka_step;
mod play;
mod step;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

pub use play::Played;

use expected::Expected;
use play::Play;
use step::Step;

/// The variable that plays one case, by name or by file, and shows everything; or those of another
/// folder.
pub const ONE: &str = "GRISTMILL_CASE";

/// One file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    #[serde(skip)]
    name: String,
    /// The situation, in a sentence.
    about: String,
    /// SQL that runs before `schema apply`.
    ddl: Option<String>,
    pipeline: String,
    #[serde(default)]
    env: BTreeMap<String, String>,
    #[serde(default)]
    topic: Topic,
    /// The longest wait for a case without steps of its own.
    #[serde(default = "twenty")]
    seconds: f64,
    #[serde(default, rename = "step")]
    steps: Vec<Step>,
    expect: Expected,
}

/// The source topic, and what is special of the one for dead letters.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Topic {
    #[serde(default = "one")]
    partitions: i32,
    #[serde(default)]
    config: BTreeMap<String, toml::Value>,
    #[serde(default)]
    dead_config: BTreeMap<String, toml::Value>,
}

impl Default for Topic {
    fn default() -> Self {
        Self {
            partitions: one(),
            config: BTreeMap::new(),
            dead_config: BTreeMap::new(),
        }
    }
}

fn one() -> i32 {
    1
}

fn twenty() -> f64 {
    20.0
}

impl Case {
    /// The case in the file at `path`.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        let mut case: Self =
            toml::from_str(&text).with_context(|| format!("in {}", path.display()))?;
        let stem = path.file_stem().and_then(|stem| stem.to_str());
        case.name = stem.context("a case without a name")?.to_owned();
        ensure!(!case.about.is_empty(), "{} says nothing", path.display());
        Ok(case)
    }

    /// All cases of a folder, those that sleep longest first: the others pass meanwhile.
    pub fn read_all(folder: &Path) -> Result<Vec<Self>> {
        let files = std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path()));
        let files: Vec<PathBuf> = files.collect::<Result<_>>()?;
        let is_case = |path: &&PathBuf| path.extension().is_some_and(|e| e == "toml");
        let mut cases: Vec<Self> = files
            .iter()
            .filter(is_case)
            .map(|path| Self::read(path))
            .collect::<Result<_>>()?;
        let slept = |case: &Self| case.steps.iter().map(|step| step.sleep).sum::<f64>();
        cases.sort_by(|a, b| slept(b).total_cmp(&slept(a)).then(a.name.cmp(&b.name)));
        Ok(cases)
    }

    /// The file's name without its ending.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Plays it on the servers that all tests share, with a database and topics of its own.
    pub fn play(&self) -> Result<Played> {
        Play::new(self)?.play()
    }
}
