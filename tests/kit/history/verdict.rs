//! What must be found in the end, from all records that were read, at once.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, ensure};

use super::event::Event;
use super::store::Outcome;

/// How far a partition of a topic was read. What is behind it is a declared gap.
#[derive(Clone, Copy, Debug)]
pub(super) struct Read {
    pub(super) topic: usize,
    pub(super) partition: usize,
    pub(super) log: i32,
    /// Exclusive.
    pub(super) to: i64,
}

/// Newest last.
type Newness = (i64, i32, usize, i64);

pub(super) fn judge<const N: usize>(
    read: &[Read],
    topics: &[[Vec<Event>; N]],
    outcome: &Outcome,
    forgot: bool,
) -> Result<()> {
    let mut newest: BTreeMap<i64, (Newness, &Event)> = BTreeMap::new();
    let mut records = 0;
    for (newness, event) in events(read, topics) {
        records += 1;
        if event.is_good() {
            let stored = newest.entry(event.id).or_insert((newness, event));
            if stored.0 < newness {
                *stored = (newness, event);
            }
        }
    }
    let people: BTreeMap<_, _> = newest
        .iter()
        .map(|(id, (_, event))| (*id, shown(&event.name, event.is_deleted)))
        .collect();
    ensure!(
        outcome.people == people,
        "the table is\n{:?}\nand should be\n{people:?}",
        outcome.people
    );
    ensure!(
        outcome.records == records,
        "{} records were counted of {records}",
        outcome.records
    );
    judge_letters(read, topics, &newest, &outcome.letters)?;
    // A state that forgets nothing leaves the guard nothing to do: were it taught too little, or
    // not handed over, this would show.
    ensure!(
        forgot || outcome.stale.unwrap_or_default() == 0,
        "the guard turned away {:?} rows, though nothing was forgotten",
        outcome.stale
    );
    Ok(())
}

/// A row's name, and whether it is deleted: what is left of a deleted row depends on how batches
/// were cut.
pub fn shown(name: &str, is_deleted: bool) -> (String, bool) {
    match is_deleted {
        true => (String::new(), true),
        false => (name.to_owned(), false),
    }
}

fn judge_letters<const N: usize>(
    read: &[Read],
    topics: &[[Vec<Event>; N]],
    newest: &BTreeMap<i64, (Newness, &Event)>,
    letters: &BTreeSet<(i32, i32, i64)>,
) -> Result<()> {
    let mut may_be = BTreeSet::new();
    for (newness, event) in events(read, topics) {
        let (_, log, partition, offset) = newness;
        let place = (log, partition as i32, offset);
        if event.is_good() {
            continue;
        }
        may_be.insert(place);
        // What Postgres alone refuses may lose to a newer row before Postgres sees it.
        let is_newest = newest
            .get(&event.id)
            .is_none_or(|(best, _)| *best < newness);
        let must_be = event.is_surely_a_letter() || is_newest;
        ensure!(
            !must_be || letters.contains(&place),
            "the dead letter of {place:?} is missing: {event:?}"
        );
    }
    let extra: Vec<_> = letters.difference(&may_be).collect();
    ensure!(extra.is_empty(), "dead letters of good records: {extra:?}");
    Ok(())
}

/// Everything that was read, with its place in the order of versions.
fn events<'t, const N: usize>(
    read: &'t [Read],
    topics: &'t [[Vec<Event>; N]],
) -> impl Iterator<Item = (Newness, &'t Event)> {
    read.iter().flat_map(|read| {
        let events = &topics[read.topic][read.partition][..read.to as usize];
        (0..).zip(events).map(|(offset, event)| {
            let newness = (event.at_ms, read.log, read.partition, offset);
            (newness, event)
        })
    })
}
