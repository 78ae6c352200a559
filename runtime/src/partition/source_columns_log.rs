//! The warning that the source's rows have other columns than those that are read.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use gristmill_core::chain::SourceColumns;
use gristmill_kafka::TopicPartition;

use crate::handles::standing::Standings;

/// Between two lines of the log: rows of two tables in one topic may differ from batch to batch.
const LOGGED_EVERY: Duration = Duration::from_secs(60);

/// Names that are told, and characters of one, which is as many as Postgres takes: a record may
/// have any number.
const NAMES_MAX: usize = 8;
const NAME_CHARS_MAX: usize = 63;

/// Tells a person of a partition whose rows have other columns, once for each change.
#[derive(Debug, Default)]
pub(super) struct SourceColumnsLog {
    /// What the first rows had and was not read: somebody has left it out.
    left_out: Option<BTreeSet<String>>,
    /// What `status` tells.
    told: SourceColumns,
    /// What the log told last, and when.
    logged: SourceColumns,
    logged_at: Option<Instant>,
}

impl SourceColumnsLog {
    /// Notes what a committed batch found.
    pub(super) fn add(
        &mut self,
        pipeline: &str,
        partition: &TopicPartition,
        standings: &Standings,
        found: &SourceColumns,
    ) {
        let told = self.differences(found);
        if told != self.told {
            standings.notes(partition, notice(&told));
            self.told.clone_from(&told);
        }
        let is_soon = self.logged_at.is_some_and(|at| at.elapsed() < LOGGED_EVERY);
        if told == self.logged || is_soon {
            return;
        }
        match notice(&told) {
            Some(notice) => tracing::warn!(
                pipeline,
                topic = %partition.topic,
                partition = partition.partition,
                "{notice}"
            ),
            None => tracing::info!(
                pipeline,
                topic = %partition.topic,
                partition = partition.partition,
                "the newest records have the columns again that are read"
            ),
        }
        (self.logged, self.logged_at) = (told, Some(Instant::now()));
    }

    /// Without what has been left out from the beginning, unless the rows lack something: that may
    /// have got another name.
    fn differences(&mut self, found: &SourceColumns) -> SourceColumns {
        let first = || match found.lacking.is_empty() {
            true => found.new.iter().cloned().collect(),
            false => BTreeSet::new(),
        };
        let left_out = self.left_out.get_or_insert_with(first);
        let mut told = found.clone();
        told.new.retain(|name| !left_out.contains(name));
        told
    }
}

/// What a person is told; `None`: there is nothing to tell.
fn notice(columns: &SourceColumns) -> Option<String> {
    let (lacking, new) = (listed(&columns.lacking), listed(&columns.new));
    Some(match (lacking.is_empty(), new.is_empty()) {
        (true, true) => return None,
        (true, false) => format!(
            "the newest records have {new}, which is not taken: where the source table has got the \
             column, add it to the target's, and take it in by `gristmill evolve`"
        ),
        (false, true) => format!(
            "the newest records do not have {lacking}, which is taken from them, so that what rows \
             had there counts as unknown: where the source table has lost the column, leave it out \
             by `columns_except`, or drop it from the target's, and run `gristmill evolve`"
        ),
        (false, false) => format!(
            "the newest records do not have {lacking}, which is taken from them, but {new}, which \
             is not, so that what rows had in {lacking} counts as unknown: where the source table \
             has renamed the column, do so in the target's, or say so by `rename`, and run \
             `gristmill evolve`"
        ),
    })
}

/// The names, or the first of them, and how many there are beyond.
fn listed(names: &[String]) -> String {
    let short = |name: &String| name.chars().take(NAME_CHARS_MAX).collect::<String>();
    let told: Vec<String> = names.iter().take(NAMES_MAX).map(short).collect();
    let beyond = match names.len() - told.len() {
        0 => String::new(),
        beyond => format!(" and {beyond} more"),
    };
    told.join(", ") + &beyond
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(lacking: &[&str], new: &[&str]) -> SourceColumns {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        SourceColumns {
            lacking: owned(lacking),
            new: owned(new),
        }
    }

    #[test]
    fn what_was_left_out_from_the_beginning_is_not_told() {
        let mut log = SourceColumnsLog::default();
        let beginning = columns(&[], &["nick"]);
        assert_eq!(notice(&log.differences(&beginning)), None);
        let added = log.differences(&columns(&[], &["age", "nick"]));
        let told = notice(&added).unwrap();
        assert!(
            told.starts_with("the newest records have age, which is not taken"),
            "{told}"
        );
        let renamed = log.differences(&columns(&["mail"], &["email", "nick"]));
        let told = notice(&renamed).unwrap();
        assert!(
            told.contains("do not have mail, which is taken from them, but email"),
            "{told}"
        );
        assert!(
            notice(&columns(&["mail"], &[]))
                .unwrap()
                .contains("columns_except")
        );
        // Of a process that began when it was so all of it is told.
        let mut log = SourceColumnsLog::default();
        assert_eq!(
            log.differences(&columns(&["mail"], &["email"])).new,
            ["email"]
        );
    }

    #[test]
    fn a_record_of_many_names_makes_a_short_sentence() {
        let many: Vec<String> = (0..50_000).map(|n| format!("c{n:05}")).collect();
        let columns = SourceColumns {
            new: many,
            ..SourceColumns::default()
        };
        let told = notice(&columns).unwrap();
        assert!(
            told.contains("c00006, c00007 and 49992 more, which"),
            "{told}"
        );
        let columns = SourceColumns {
            new: vec!["n".repeat(1_000_000)],
            ..SourceColumns::default()
        };
        assert!(notice(&columns).unwrap().len() < 400);
    }

    #[test]
    fn rows_that_differ_from_batch_to_batch_are_logged_once() {
        let mut log = SourceColumnsLog::default();
        let standings = Standings::new(std::sync::Arc::default());
        let partition = TopicPartition::new("t", 0);
        standings.begins(&partition);
        standings.goes_on(&partition);
        let mut told = |found: &SourceColumns| {
            log.add("p", &partition, &standings, found);
            (log.logged.lacking.len(), standings.waiting().len())
        };
        let renamed = columns(&["mail"], &["email"]);
        assert_eq!(told(&renamed), (1, 1));
        assert_eq!(told(&columns(&[], &[])), (1, 0));
        assert_eq!(told(&renamed), (1, 1));
    }
}
