//! What must be found after a case, and how what was found differs.

use std::fmt::Debug;

use anyhow::{Context, Result};
use fancy_regex::Regex;
use serde::Deserialize;

/// What is left out is not looked at.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Expected {
    pub(super) query: Option<String>,
    /// What the query gives, as text.
    rows: Vec<Vec<String>>,
    /// Of all dead letters, in the order of partition and offset.
    codes: Option<Vec<String>>,
    /// Of all partitions.
    state: Option<String>,
    /// Exit codes of `check`, and of the last process.
    check: Option<i32>,
    exit: Option<i32>,
    check_says: Patterns,
    log_says: Patterns,
    log_lacks: Option<String>,
    reason_says: Patterns,
    letter_says: Patterns,
    /// By the last command.
    said: Patterns,
}

/// All of them must be there.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Patterns {
    One(String),
    Many(Vec<String>),
}

impl Default for Patterns {
    fn default() -> Self {
        Self::Many(Vec::new())
    }
}

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// What the query gave.
    pub(super) rows: Vec<Vec<String>>,
    /// Code and message of each dead letter.
    pub(super) letters: Vec<Vec<String>>,
    /// Partition, state, next offset and reason of each checkpoint.
    pub(super) checkpoints: Vec<Vec<String>>,
    pub(super) check: (Option<i32>, String),
    pub(super) exit: Option<i32>,
    /// What the last command printed.
    pub(super) said: String,
    pub(super) log: String,
}

impl Expected {
    /// One line for each difference.
    pub(super) fn differences(&self, found: &Found) -> Result<Vec<String>> {
        let mut lines = Vec::new();
        let mut differ = |what: &str, expected: &dyn Debug, actual: &dyn Debug, same: bool| {
            if !same {
                lines.push(format!("{what}: expected {expected:?}, found {actual:?}"));
            }
        };
        if self.query.is_some() {
            differ("query", &self.rows, &found.rows, self.rows == found.rows);
        }
        if let Some(codes) = &self.codes {
            let actual: Vec<_> = found.letters.iter().map(|letter| &letter[0]).collect();
            let same = codes.iter().eq(actual.iter().copied());
            differ("codes", codes, &actual, same);
        }
        if let Some(state) = &self.state {
            let mut states: Vec<_> = found.checkpoints.iter().map(|c| &*c[1]).collect();
            states.sort_unstable();
            states.dedup();
            let states = states.join(", ");
            differ("state", state, &states, *state == states);
        }
        for (what, expected, actual) in [
            ("check", self.check, found.check.0),
            ("exit", self.exit, found.exit),
        ] {
            let same = expected.is_none() || expected == actual;
            differ(what, &expected, &actual, same);
        }
        lines.extend(self.unsaid(found)?);
        if !lines.is_empty() && found.check.0 != Some(0) {
            lines.push(format!("check said: {}", found.check.1.trim_end()));
        }
        Ok(lines)
    }

    fn unsaid(&self, found: &Found) -> Result<Vec<String>> {
        let mut lines = Vec::new();
        let letters = format!("{:?}", found.letters);
        let checkpoints = format!("{:?}", found.checkpoints);
        for (what, patterns, text) in [
            ("check_says", &self.check_says, &found.check.1),
            ("log_says", &self.log_says, &found.log),
            ("reason_says", &self.reason_says, &checkpoints),
            ("letter_says", &self.letter_says, &letters),
            ("said", &self.said, &found.said),
        ] {
            for pattern in patterns.iter() {
                if !is_in(pattern, text)? {
                    lines.push(format!("{what}: {pattern:?} is not there"));
                }
            }
        }
        if let Some(pattern) = &self.log_lacks
            && is_in(pattern, &found.log)?
        {
            lines.push(format!("the log says {pattern:?}"));
        }
        Ok(lines)
    }
}

impl Patterns {
    fn iter(&self) -> std::slice::Iter<'_, String> {
        match self {
            Self::One(pattern) => std::slice::from_ref(pattern).iter(),
            Self::Many(patterns) => patterns.iter(),
        }
    }
}

fn is_in(pattern: &str, text: &str) -> Result<bool> {
    let regex = Regex::new(pattern).with_context(|| format!("the pattern {pattern:?}"))?;
    Ok(regex.is_match(text)?)
}
