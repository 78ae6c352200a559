//! A golden case: a file of `data/golden/TRANSFORM/`.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Case {
    pub(crate) about: String,
    #[serde(default = "no_config")]
    pub(crate) config: Value,
    pub(crate) input: Vec<Value>,
    pub(crate) expect: Expected,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Expected {
    pub(crate) rows: Vec<Value>,
    pub(crate) source_rows: Option<Vec<u32>>,
    #[serde(default)]
    pub(crate) rejections: Vec<Rejected>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rejected {
    pub(crate) row: u32,
    pub(crate) code: String,
    pub(crate) message: String,
}

fn no_config() -> Value {
    json!({})
}

/// What became of one input row.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Fate {
    pub(crate) rows: Vec<Value>,
    pub(crate) rejections: Vec<(String, String)>,
}

impl Expected {
    /// The input row of each expected row.
    pub(crate) fn source_rows(&self) -> Vec<u32> {
        self.source_rows
            .clone()
            .unwrap_or_else(|| (0..self.rows.len() as u32).collect())
    }

    /// What is expected of each input row.
    pub(crate) fn fates(&self, input_rows: usize) -> Result<Vec<Fate>> {
        let mut fates = vec![Fate::default(); input_rows];
        let sources = self.source_rows();
        ensure!(
            sources.len() == self.rows.len(),
            "expect: a source row for each row"
        );
        for (row, source) in self.rows.iter().zip(sources) {
            fates
                .get_mut(source as usize)
                .context("expect: no such row")?
                .rows
                .push(row.clone());
        }
        for Rejected { row, code, message } in &self.rejections {
            let fate = fates
                .get_mut(*row as usize)
                .context("expect: no such row")?;
            fate.rejections.push((code.clone(), message.clone()));
        }
        Ok(fates)
    }
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = self.rows.iter().map(Value::to_string);
        let rejections = self
            .rejections
            .iter()
            .map(|(code, message)| format!("{code}: {message}"));
        let all: Vec<String> = rows.chain(rejections).collect();
        f.write_str(if all.is_empty() { "nothing" } else { "" })?;
        f.write_str(&all.join(" and "))
    }
}

/// A file or folder of `data/`.
pub(crate) fn data(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../data")
        .join(path)
}

/// The cases of a transform by file, in the order of their names.
pub(crate) fn cases(name: &str) -> Result<BTreeMap<PathBuf, Case>> {
    let folder = data("golden").join(name);
    let entries = fs::read_dir(&folder).with_context(|| folder.display().to_string())?;
    let case = |entry: std::io::Result<fs::DirEntry>| {
        let path = entry?.path();
        let case = serde_json::from_slice(&fs::read(&path)?)
            .with_context(|| path.display().to_string())?;
        Ok((path, case))
    };
    entries.map(case).collect()
}
