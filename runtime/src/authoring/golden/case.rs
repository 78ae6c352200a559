//! A golden case as it stands in its file.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Rows, and what a rule makes of them.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// What it shows, in a sentence.
    #[serde(default)]
    pub about: String,
    /// In a file that has none the rule's own.
    #[serde(default)]
    pub config: Value,
    pub input: Vec<Value>,
    /// Missing until somebody has looked at the answer and written it down.
    pub expect: Option<Expected>,
}

/// An answer, in the order in which the rule gives it.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    pub rows: Vec<Value>,
    /// The input row of each row. `None`: row `i` comes from row `i`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_rows: Option<Vec<u32>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rejections: Vec<Rejected>,
}

/// A row that the rule refuses.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Rejected {
    /// Its number in the input, from 0.
    pub row: u32,
    pub code: String,
    pub message: String,
}

impl Case {
    /// Reads a case; the error names the file and the line. `config` is the rule's own.
    pub fn read(path: &Path, config: &Value) -> Result<Self> {
        let text =
            fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let mut case: Self =
            serde_json::from_str(&text).with_context(|| path.display().to_string())?;
        if case.config.is_null() {
            case.config = config.clone();
        }
        if let Some(expect) = &case.expect {
            expect
                .check(case.input.len())
                .with_context(|| path.display().to_string())?;
        }
        Ok(case)
    }
}

impl Expected {
    /// The input row of each row.
    pub fn source_rows(&self) -> Vec<u32> {
        self.source_rows
            .clone()
            .unwrap_or_else(|| (0..self.rows.len() as u32).collect())
    }

    fn check(&self, input_rows: usize) -> Result<()> {
        let sources = self.source_rows();
        ensure!(
            sources.len() == self.rows.len(),
            "expect: {} rows and {} source_rows: there is one for each row",
            self.rows.len(),
            sources.len()
        );
        let rejected = self.rejections.iter().map(|r| r.row);
        for row in sources.into_iter().chain(rejected) {
            ensure!(
                (row as usize) < input_rows,
                "expect: there is no input row {row}: the first of {input_rows} is 0; where rows \
                 are rejected or split, `source_rows` says where each comes from"
            );
        }
        Ok(())
    }
}

/// The cases in `folder`, files named `.json`, in the order of their names. `config` is the rule's
/// own.
pub fn cases(folder: &Path, config: &Value) -> Result<BTreeMap<PathBuf, Case>> {
    let mut cases = BTreeMap::new();
    let entries = fs::read_dir(folder)
        .with_context(|| format!("cannot read the cases in {}", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|e| e == "json") {
            let case = Case::read(&path, config)?;
            cases.insert(path, case);
        }
    }
    ensure!(
        !cases.is_empty(),
        "there is no case in {}: write one, {{\"about\": \"..\", \"input\": [{{..}}]}}, and let \
         `gristmill transform test --update` write what it expects",
        folder.display()
    );
    Ok(cases)
}
