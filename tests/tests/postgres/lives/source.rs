//! A table whose column `a` is unique at any moment, and what it tells of its changes.

use std::collections::BTreeMap;

use rand::Rng;
use rand::rngs::SmallRng;

use super::event::{Event, What};

const KEYS: i64 = 5;
/// Of `a` and of `b`: few, so that rows are in each other's way.
pub(super) const VALUES: usize = 5;

/// What a row has in the columns `a`, `b` and `c`.
type SourceRow = [Option<String>; 3];

pub(super) struct Source {
    pub(super) rows: BTreeMap<i64, SourceRow>,
    /// Whether events leave out what did not change.
    is_partial: bool,
    clock: i64,
    /// What was not handed over yet.
    sent: Vec<Event>,
}

impl Source {
    pub(super) fn new(is_partial: bool) -> Self {
        Self {
            rows: BTreeMap::new(),
            is_partial,
            clock: 0,
            sent: Vec::new(),
        }
    }

    /// Does one thing, which may be several events, or none.
    pub(super) fn change(&mut self, random: &mut SmallRng) -> Vec<Event> {
        let key = random.random_range(0..KEYS);
        let other = random.random_range(0..KEYS);
        let value = |row: Option<&SourceRow>| row.and_then(|row| row[0].clone());
        let (mine, its) = (value(self.rows.get(&key)), value(self.rows.get(&other)));
        match random.random_range(0..10) {
            0 => self.delete(key),
            // One gives up its value, and another takes it.
            1..3 if its.is_some() && key != other => {
                let free = self.free(random);
                self.set(other, 0, free);
                self.set(key, 0, its);
            }
            // Two change theirs by way of none.
            3..5 if its.is_some() && mine.is_some() && key != other => {
                self.set(key, 0, None);
                self.set(other, 0, mine);
                self.set(key, 0, its);
            }
            // Its value goes with a row to another one.
            5 if its.is_some() && key != other => {
                self.delete(other);
                self.set(key, 0, its);
            }
            6..8 => {
                let name = random.random_range(0..VALUES);
                self.set(key, 1, Some(format!("n{name}")));
            }
            8 => {
                let text = format!("c{}", self.clock);
                self.set(key, 2, Some(text));
            }
            _ => {
                let free = self.free(random);
                self.set(key, 0, free);
            }
        }
        std::mem::take(&mut self.sent)
    }

    /// A value of `a` that no row has, or none.
    fn free(&self, random: &mut SmallRng) -> Option<String> {
        let value = format!("a{}", random.random_range(0..VALUES));
        let is_taken = self
            .rows
            .values()
            .any(|row| row[0].as_ref() == Some(&value));
        (!is_taken).then_some(value)
    }

    fn set(&mut self, key: i64, column: usize, value: Option<String>) {
        let is_new = !self.rows.contains_key(&key);
        let first = || [None, None, Some("first".to_owned())];
        let row = self.rows.entry(key).or_insert_with(first);
        row[column] = value;
        let row = row.clone();
        let is_sent = |i: usize| is_new || !self.is_partial || i == column;
        let cells = [0, 1, 2].map(|i| is_sent(i).then(|| row[i].clone()));
        self.push(What::Row, key, cells);
    }

    fn delete(&mut self, key: i64) {
        if let Some(row) = self.rows.remove(&key) {
            let cells = match self.is_partial {
                true => [None, None, None],
                false => row.map(Some),
            };
            self.push(What::Delete, key, cells);
        }
    }

    fn push(&mut self, what: What, key: i64, cells: [Option<Option<String>>; 3]) {
        self.clock += 1;
        self.sent.push(Event {
            what,
            key,
            at: self.clock,
            seq: Some(self.clock),
            recorded: self.clock,
            cells,
            is_unread: false,
        });
    }
}
