//! How the pipelines of a file are doing: a line each, and a line for each cause that stops some.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use anyhow::Result;

use super::out::Out;
use super::status_words::{duration, state};
use super::table;
use crate::ops::status::{PartitionStatus, RunState, Status};

/// Partitions that a cause names.
const NAMED_MAX: usize = 3;

/// `gone`: the names of those whose topic Kafka does not have; `refused`: why topics that the file
/// means have no pipeline.
pub(super) fn render(
    all: &[(String, Result<Status>)],
    gone: &BTreeSet<String>,
    refused: &[String],
    out: Out<'_>,
) -> io::Result<()> {
    let mut table = table::borderless();
    table.set_header(["pipeline", "partitions", "lag", "behind", "rows", "letters"]);
    for (name, status) in all {
        let row = match status {
            Ok(status) => row(name, status, gone),
            Err(_) => [name.clone(), "?".to_owned()].into_iter().collect(),
        };
        table.add_row(row);
    }
    writeln!(out, "{table}")?;
    for (cause, of) in causes(all, gone) {
        let (first, count) = (&of[..of.len().min(NAMED_MAX)], of.len());
        let more = match count > first.len() {
            true => ", ..",
            false => "",
        };
        writeln!(out, "{count} {cause}\n    {}{more}", first.join(", "))?;
    }
    for problem in refused {
        writeln!(out, "{problem}")?;
    }
    Ok(())
}

fn row(name: &str, status: &Status, gone: &BTreeSet<String>) -> Vec<String> {
    let partitions = &status.partitions;
    let known = |of: fn(&PartitionStatus) -> Option<i64>| -> Option<Vec<i64>> {
        partitions.iter().map(of).collect()
    };
    let sum = |of: fn(&PartitionStatus) -> i64| partitions.iter().map(of).sum::<i64>();
    let lag = known(|p| p.lag).map(|lags| lags.into_iter().sum::<i64>());
    let behind = known(|p| p.behind_seconds).and_then(|b| b.into_iter().max());
    let unknown = || "?".to_owned();
    vec![
        name.to_owned(),
        match gone.contains(name) {
            true => "gone".to_owned(),
            false => states(partitions),
        },
        lag.map_or_else(unknown, |lag| lag.to_string()),
        behind.map_or_else(unknown, duration),
        sum(|p| p.rows).to_string(),
        status.letters_waiting.to_string(),
    ]
}

/// How many partitions are in each state: `3 running, 1 halted`.
fn states(partitions: &[PartitionStatus]) -> String {
    let all = [
        RunState::Running,
        RunState::Waiting,
        RunState::Paused,
        RunState::NotRunning,
        RunState::Halted,
    ];
    let count = |of: RunState| partitions.iter().filter(|p| p.state == of).count();
    let counts = all.into_iter().map(|of| (of, count(of)));
    let counts = counts.filter(|(_, count)| *count > 0);
    let counts: Vec<String> = counts
        .map(|(of, count)| format!("{count} {}", state(of)))
        .collect();
    match counts.is_empty() {
        true => "none".to_owned(),
        false => counts.join(", "),
    }
}

/// What stands for the names of pipelines, topics and tables, so that one cause is one line.
const ANY: &str = "..";

/// `reason` without the names of its pipeline.
fn alike(reason: &str, status: &Status) -> String {
    let mut names = [&status.topic, &status.table, &status.pipeline];
    names.sort_by_key(|name| std::cmp::Reverse(name.len()));
    let mask = |reason: String, name: &&String| without(&reason, name);
    names.iter().fold(reason.to_owned(), mask)
}

/// `text` with [`ANY`] for `name`, where that is not a part of a longer word.
fn without(text: &str, name: &str) -> String {
    let is_of_word = |c: char| c.is_alphanumeric() || c == '_';
    let (mut masked, mut rest) = (String::new(), text);
    while let Some(at) = rest.find(name).filter(|_| !name.is_empty()) {
        let (before, found) = rest.split_at(at);
        let after = &found[name.len()..];
        let begins =
            !(before.ends_with(is_of_word) || before.is_empty() && masked.ends_with(is_of_word));
        let is_whole = begins && !after.starts_with(is_of_word);
        masked += before;
        masked += if is_whole { ANY } else { name };
        rest = after;
    }
    masked + rest
}

/// What stands still, by its cause: those that have one cause are one line.
fn causes(
    all: &[(String, Result<Status>)],
    gone: &BTreeSet<String>,
) -> BTreeMap<String, Vec<String>> {
    let mut causes: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut add = |cause: String, of: String| causes.entry(cause).or_default().push(of);
    for (name, status) in all {
        let status = match status {
            Ok(status) => status,
            Err(error) => {
                let why = without(&format!("{error:#}"), name);
                add(format!("cannot be asked about: {why}"), name.clone());
                continue;
            }
        };
        if status.processes == 0 && gone.contains(name) {
            let cause = "have no topic any more: `gristmill pipeline forget FILE NAME` forgets one";
            add(cause.to_owned(), name.clone());
            continue;
        }
        if status.processes == 0 {
            add("are run by no process".to_owned(), name.clone());
            continue;
        }
        if let Some(reason) = &status.waiting {
            add(format!("waiting: {}", alike(reason, status)), name.clone());
        }
        for p in &status.partitions {
            let of = format!("{name}[{}]", p.partition);
            let reason = p.reason.as_deref().unwrap_or("no process has taken it yet");
            let itself = format!("{}[{}]", p.topic, p.partition);
            let reason = alike(&reason.replace(&itself, ANY), status);
            match p.state {
                RunState::Running => {}
                RunState::Paused => add(reason, of),
                other => add(format!("{}: {reason}", state(other)), of),
            }
        }
        for notice in &status.notices {
            add(alike(notice, status), name.clone());
        }
    }
    causes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_masked_where_it_is_a_word() {
        for (name, masked) in [
            ("a.b", "the table .. has a column ab"),
            ("a", "the table ...b has .. column ab"),
            ("the", ".. table a.b has a column ab"),
            ("", "the table a.b has a column ab"),
        ] {
            assert_eq!(without("the table a.b has a column ab", name), masked);
        }
    }
}
