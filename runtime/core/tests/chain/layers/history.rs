//! Seeded histories of a partition: batches of any size, computed ahead, committed, lost, read
//! again with a state that knows nothing, with rows that fail. After each commit the table is the
//! one to which the batch's events were applied one by one; at the end it is the one to which all
//! events were, whatever the batches were.

use std::collections::VecDeque;

use gristmill_core::chain::{Chain, Computed, Delete, Earlier, Layer, Truncate};
use gristmill_core::dead_letter::{DeadLetter, Stage};
use gristmill_core::dedup::VersionKind;

use super::change::{Change, Mode, REFUSED, REJECTED, TRAPS, chain, given, older, records, stored};
use super::mirror::{Mirror, Version};
use super::random::Random;
use crate::outcome::assert_adds_up;
use crate::rules::NOW_US;

/// What kinds of order the events of a key come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Arrival {
    /// As they were made, some of them twice: the source starts again a little before its end.
    InOrder,
    /// Any.
    Mixed,
    /// Any, but events say all and delete nothing.
    MixedWhole,
}

struct World {
    mode: Mode,
    changes: Vec<Change>,
    state_max_bytes: usize,
    chain: Chain,
    ahead: VecDeque<Computed>,
    /// The next change to compute, and the next to commit.
    next: usize,
    committed: usize,
    table: Mirror,
    /// The same batches, one event after the other.
    expected: Mirror,
    /// A truncate may be older than what the table has, and the chain does not know it: it may take
    /// no cell from a row that has outlived it.
    is_surprised: bool,
    layers: usize,
}

/// The columns whose enrichers read two others.
const OF_TWO: [usize; 2] = [4, 6];

impl World {
    fn new(mode: Mode, changes: Vec<Change>, state_max_bytes: usize) -> Self {
        Self {
            mode,
            changes,
            state_max_bytes,
            chain: chain(mode, Truncate::Apply, state_max_bytes),
            ahead: VecDeque::new(),
            next: 0,
            committed: 0,
            table: Mirror::new(mode.delete),
            expected: Mirror::new(mode.delete),
            is_surprised: false,
            layers: 0,
        }
    }

    fn compute(&mut self, rows: usize) {
        let end = (self.next + rows).min(self.changes.len());
        if self.next == end {
            return;
        }
        let records = records(&self.changes[self.next..end], self.next);
        self.next = end;
        let computed = self.chain.compute(records, NOW_US).unwrap();
        self.ahead.push_back(computed);
    }

    fn commit(&mut self) {
        let Some(mut computed) = self.ahead.pop_front() else {
            return;
        };
        loop {
            assert_layered(&computed);
            let refused = refused(&computed, self.mode);
            computed = if let Some(wanted) = &computed.wanted {
                let older = older(&self.table, wanted, &computed.records, self.mode);
                let stored = stored(&self.table, wanted);
                self.chain.with_stored(computed, &stored, &older).unwrap()
            } else if !refused.is_empty() {
                self.chain.exclude(computed, refused).unwrap()
            } else {
                break;
            };
            self.ahead.clear();
            self.next = computed.next_offset as usize;
        }
        self.layers = self.layers.max(computed.earlier.len());
        apply(&mut self.table, &computed, self.mode);
        let first = computed.records.first().unwrap().offset as usize;
        self.committed = computed.next_offset as usize;
        self.apply_one_by_one(first);
        if self.is_surprised {
            for column in OF_TWO {
                self.table.forget(column);
                self.expected.forget(column);
            }
        }
        assert_eq!(
            self.table.told(),
            self.expected.told(),
            "after {first}..{}",
            self.committed
        );
        self.chain.committed(&computed);
    }

    /// The changes of the batch that begins at `first`, by version.
    fn apply_one_by_one(&mut self, first: usize) {
        let batch = self.changes[first..self.committed].iter().zip(first..);
        let mode = self.mode;
        let good = batch.filter(|(change, _)| change.is_truncate || change.is_good());
        let mut good: Vec<_> = good.collect();
        good.sort_by_key(|(change, offset)| change.version(mode, *offset as i64));
        for (change, offset) in good {
            one(&mut self.expected, change, mode, offset);
        }
    }

    fn lose(&mut self) {
        self.chain.forget_uncommitted();
        self.ahead.clear();
        self.next = self.committed;
    }

    /// Another worker begins again, perhaps before the last commit.
    fn restart(&mut self, back: usize) {
        self.ahead.clear();
        self.next = self.committed.saturating_sub(back);
        self.chain = chain(self.mode, Truncate::Apply, self.state_max_bytes);
    }
}

fn one(table: &mut Mirror, change: &Change, mode: Mode, offset: usize) {
    match change.is_truncate {
        true => table.truncate(change.version(mode, offset as i64)),
        false => {
            let stored = table.rows.get(&change.key);
            table.write(&change.given(mode, offset as i64, stored));
        }
    }
}

fn newest(computed: &Computed) -> Layer {
    Layer {
        rows: computed.rows.clone(),
        sources: computed.sources.clone(),
    }
}

/// As the sink does.
fn apply(table: &mut Mirror, computed: &Computed, mode: Mode) {
    let write = |table: &mut Mirror, layer: &Layer| {
        let rows = given(layer, &computed.records, mode);
        rows.iter().for_each(|row| table.write(row));
    };
    for earlier in &computed.earlier {
        match earlier {
            Earlier::Rows(layer) => write(table, layer),
            Earlier::Truncate(layer) => table.truncate(emptied_at(layer, computed, mode)),
        }
    }
    write(table, &newest(computed));
}

fn emptied_at(layer: &Layer, computed: &Computed, mode: Mode) -> Version {
    given(layer, &computed.records, mode)[0].version
}

/// Keys ascend within each layer, and within a key layers go from the oldest to the newest.
fn assert_layered(computed: &Computed) {
    assert_adds_up(computed, 0);
    let keys = |layer: &Layer| -> Vec<i64> { crate::rules::ints(&layer.rows, 0).values().to_vec() };
    for earlier in &computed.earlier {
        if let Earlier::Rows(layer) = earlier {
            assert!(layer.rows.rows > 0, "a layer without rows");
            assert!(keys(layer).is_sorted_by(|a, b| a < b));
        }
    }
    assert!(keys(&newest(computed)).is_sorted_by(|a, b| a < b));
}

fn refused(computed: &Computed, mode: Mode) -> Vec<DeadLetter> {
    let mut layers = vec![newest(computed)];
    for earlier in &computed.earlier {
        if let Earlier::Rows(layer) = earlier {
            layers.push(layer.clone());
        }
    }
    let refused = layers.iter().flat_map(|layer| {
        let rows = given(layer, &computed.records, mode);
        let rows = rows.into_iter().zip(layer.sources.clone());
        rows.filter(|(row, _)| row.cells[1] == Some(Some(REFUSED.to_owned())))
    });
    let letter = |(_, source): (_, gristmill_core::chain::RowSource)| DeadLetter {
        record: source.record,
        ordinal: source.rank + 1,
        stage: Stage::Sink,
        code: "refused".to_owned(),
        message: "no".to_owned(),
    };
    refused.map(letter).collect()
}

fn cell(random: &mut Random, bad: &[&str]) -> Option<Option<String>> {
    match random.below(10) {
        0..5 => None,
        5 => Some(None),
        6 if !bad.is_empty() => Some(Some(bad[random.below(bad.len())].to_owned())),
        _ => Some(Some(random.below(4).to_string())),
    }
}

fn change(random: &mut Random, at: i64, keys: usize) -> Change {
    let is_whole = random.one_in(5);
    let mut cells = [
        cell(random, &[REJECTED, TRAPS]),
        cell(random, &[REFUSED, REJECTED]),
        cell(random, &[]),
    ];
    if is_whole {
        cells.iter_mut().for_each(|cell| {
            cell.get_or_insert_with(|| Some("whole".to_owned()));
        });
    }
    Change {
        key: random.below(keys) as i64,
        at,
        seq: Some(at),
        cells,
        is_deleted: random.one_in(4),
        is_truncate: false,
    }
}

fn changes(random: &mut Random, arrival: Arrival, kind: VersionKind) -> Vec<Change> {
    let keys = 1 + random.below(4);
    let mut changes: Vec<Change> = Vec::new();
    let length = 5 + random.below(50);
    let truncate = random.one_in(2).then(|| random.below(length));
    for at in 1..=length {
        let mut next = change(random, at as i64, keys);
        if arrival == Arrival::MixedWhole {
            let cells = next.cells.iter_mut();
            cells.for_each(|cell| _ = cell.get_or_insert(None));
            next.is_deleted = false;
        }
        if arrival != Arrival::InOrder {
            next.at = 1 + random.below(length) as i64;
            next.seq = (!random.one_in(8)).then(|| random.below(20) as i64);
        }
        // At most one, for of several in a batch only the newest is written.
        next.is_truncate =
            truncate == Some(at) && arrival != Arrival::MixedWhole && kind != VersionKind::Offset;
        changes.push(next);
        let again = random.below(6);
        if arrival == Arrival::InOrder && kind != VersionKind::Offset && random.one_in(12) {
            let from = changes.len().saturating_sub(again);
            let twice = changes[from..].iter().filter(|c| !c.is_truncate);
            let twice: Vec<_> = twice.cloned().collect();
            changes.extend(twice);
        }
    }
    changes
}

/// One history. Answers the most layers that a batch had below its newest rows.
fn live(seed: u64) -> usize {
    let mut random = Random(seed);
    let kinds = [
        VersionKind::EventTime,
        VersionKind::OrderFirst,
        VersionKind::Offset,
    ];
    let mode = Mode {
        kind: kinds[random.below(3)],
        delete: [Delete::Soft, Delete::Hard][random.below(2)],
    };
    let arrivals = [Arrival::InOrder, Arrival::Mixed, Arrival::MixedWhole];
    let arrival = arrivals[random.below(3)];
    let changes = changes(&mut random, arrival, mode.kind);
    let state_max_bytes = [64 << 20, 200][random.below(2)];
    let size = 1 + random.below(12);
    let mut world = World::new(mode, changes, state_max_bytes);
    world.is_surprised = world.changes.iter().any(|change| change.is_truncate);
    for _ in 0..40 {
        match random.below(20) {
            0..9 => world.compute(1 + random.below(size)),
            9..17 => world.commit(),
            17 => world.lose(),
            _ => {
                let back = [0, random.below(15)][random.below(2)];
                world.restart(back);
            }
        }
    }
    while world.committed < world.changes.len() || !world.ahead.is_empty() {
        world.compute(1 + random.below(size));
        world.commit();
    }
    // What comes out of order and lacks cells depends on which commit came first.
    if arrival != Arrival::Mixed || mode.kind == VersionKind::Offset {
        let mut fold = Mirror::new(mode.delete);
        for (offset, change) in world.changes.iter().enumerate() {
            if change.is_truncate || change.is_good() {
                one(&mut fold, change, mode, offset);
            }
        }
        if world.is_surprised {
            for column in OF_TWO {
                world.table.forget(column);
                fold.forget(column);
            }
        }
        assert_eq!(world.table.told(), fold.told(), "one event after the other");
    }
    world.layers
}

#[test]
fn a_batch_leaves_what_its_events_leave_one_by_one() {
    let mut deepest = 0;
    for seed in 0..2_000 {
        let lived = std::panic::catch_unwind(|| live(seed));
        deepest = deepest.max(lived.unwrap_or_else(|_| panic!("seed {seed}")));
    }
    assert!(deepest >= 4, "no history had many layers");
}
