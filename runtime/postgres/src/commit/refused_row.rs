//! A row that Postgres refuses.

use gristmill_core::chain::Computed;
use gristmill_core::dead_letter::{DeadLetter, Stage};

use crate::commit::commit_step::source;

/// A row that Postgres refuses, and its words for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedRow {
    /// Index into [`Computed::earlier`]; the number of those: the newest rows.
    pub layer: usize,
    /// Index into the rows of the layer.
    pub row: usize,
    /// Empty: gristmill refuses it.
    pub sqlstate: String,
    pub message: String,
    /// The constraint, else the column, that Postgres names.
    pub subject: Option<String>,
}

impl RefusedRow {
    pub(crate) fn new(layer: usize, row: usize, error: &tokio_postgres::Error) -> Self {
        let answer = error.as_db_error();
        let subject = answer
            .and_then(|a| a.constraint().or(a.column()))
            .map(str::to_owned);
        Self {
            layer,
            row,
            sqlstate: answer.map_or_else(String::new, |a| a.code().code().to_owned()),
            message: answer.map_or_else(|| error.to_string(), |a| a.message().to_owned()),
            subject,
        }
    }

    /// The dead letter that the row's record becomes.
    pub fn dead_letter(&self, batch: &Computed) -> DeadLetter {
        let source = source(batch, self.layer, self.row);
        let subject = self
            .subject
            .as_ref()
            .map_or(String::new(), |s| format!(" ({s})"));
        DeadLetter {
            record: source.record,
            ordinal: source.rank + 1,
            stage: Stage::Sink,
            code: "refused".to_owned(),
            message: match self.sqlstate.as_str() {
                "" => self.message.clone(),
                state => format!(
                    "postgres refuses the row with SQLSTATE {state}: {}{subject}",
                    self.message
                ),
            },
        }
    }
}
