//! What came of an expression.

use std::fmt;

use sql::Type;
use sql::probe::probe;

use crate::server::Oracle;
use crate::values::{Kind, Row};

/// Differences that a message shows.
const SHOWN_MAX: usize = 3;

/// Said of times that PostgreSQL compares without making a value of them.
const RANGES: [&str; 2] = ["date out of range for timestamp", "timestamp out of range"];

/// How many values both agree about.
#[derive(Default)]
pub(crate) struct Tally {
    same: usize,
    /// Both fail.
    failed: usize,
    /// An error here that says so, where PostgreSQL has a value.
    honest: Vec<String>,
    /// Both fail, in other words.
    worded: Vec<String>,
    pub(crate) wrong: Vec<String>,
}

impl Tally {
    /// Runs `text` on rows of `columns`, here and there.
    pub(crate) fn of(
        text: &str,
        columns: &[(&str, Kind)],
        rows: &[Row],
        oracle: &mut Oracle,
    ) -> Self {
        let typed: Vec<(&str, Type)> = columns
            .iter()
            .map(|(name, kind)| (*name, kind.of_type()))
            .collect();
        let mut tally = Self::default();
        tally.check_never_null(text, &typed, rows);
        match (probe(text, &typed, rows), oracle.ask(text, &typed, rows)) {
            (Ok(here), Ok((of_type, there))) => {
                if of_type != here.of_type.name() && of_type != "character varying" {
                    let wrong = format!("{text}: of type {} here, {of_type} there", here.of_type);
                    tally.wrong.push(wrong);
                }
                for (row, values) in rows.iter().zip(here.rows.into_iter().zip(there)) {
                    tally.compare(&format!("{text}: {row:?}"), values);
                }
            }
            // A constant that fails is found before a row flows.
            (Err(_), Ok((_, there))) if there.iter().all(Result::is_err) => tally.failed += 1,
            (Err(_), Err(_)) if columns.is_empty() => tally.failed += 1,
            (here, there) => {
                let here = here.map(|here| here.of_type);
                let there = there.map(|(of_type, _)| of_type);
                tally
                    .wrong
                    .push(format!("{text}: {here:?} here, {there:?} there"));
            }
        }
        tally
    }

    /// Whether what the types say can never be null is null of none of the rows without a null.
    fn check_never_null(&mut self, text: &str, columns: &[(&str, Type)], rows: &[Row]) {
        let whole = |row: &&Row| row.iter().all(Option::is_some);
        let rows: Vec<Row> = rows.iter().filter(whole).cloned().collect();
        let Ok(here) = probe(text, columns, &rows) else {
            return;
        };
        for (row, value) in rows.iter().zip(here.rows) {
            if value == Ok(None) && !here.is_nullable {
                let wrong = format!("{text}: {row:?}: null, and its column is never null");
                self.wrong.push(wrong);
            }
        }
    }

    fn compare(&mut self, row: &str, values: (Answer, Answer)) {
        match values {
            (Ok(here), Ok(there)) if here == there => self.same += 1,
            (Err(here), Err(there)) if here == there => self.failed += 1,
            (Err(here), Err(there)) => self.worded.push(format!("{row}: {here} | {there}")),
            (Err(here), Ok(_)) if here.contains(" here") || RANGES.contains(&here.as_str()) => {
                self.honest.push(format!("{row}: {here}"));
            }
            (here, there) => {
                let wrong = format!("{row}: {here:?} here, {there:?} there");
                self.wrong.push(wrong);
            }
        }
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.same += other.same;
        self.failed += other.failed;
        self.honest.extend(other.honest);
        self.worded.extend(other.worded);
        self.wrong.extend(other.wrong);
    }

    /// Whether there is more to say than that all is alike.
    pub(crate) fn is_noteworthy(&self) -> bool {
        !(self.honest.is_empty() && self.worded.is_empty() && self.wrong.is_empty())
    }
}

/// A value of a row as text, or why there is none.
type Answer = Result<Option<String>, String>;

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { same, failed, .. } = self;
        let (honest, worded) = (self.honest.len(), self.worded.len());
        write!(
            f,
            "{same} alike, {failed} fail alike, {honest} refused here alone, {worded} fail in \
             other words, {} differ",
            self.wrong.len()
        )?;
        for list in [&self.honest, &self.worded, &self.wrong] {
            for shown in list.iter().take(SHOWN_MAX) {
                write!(f, "\n    {shown}")?;
            }
        }
        Ok(())
    }
}
