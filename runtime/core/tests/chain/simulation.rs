//! A partition's life as a seeded loop: batches of any size, computed ahead, committed, lost, refused, restarted. Whatever happens, the table is what an oracle
//! makes of all events at once.

use std::collections::{BTreeMap, HashMap, VecDeque};

use gristmill_core::chain::{Chain, ChainSpec, Computed, Late};
use gristmill_core::dead_letter::{DeadLetter, Stage};
use proptest::prelude::*;

use crate::rules::*;

#[derive(Clone, Debug)]
enum Op {
    /// Computes the next records.
    Compute(usize),
    Commit,
    /// The flush fails for certain; nothing of it happened.
    Lose,
    /// The worker dies with what it had computed.
    Crash,
    /// The flush commits, but its answer is lost: the worker starts again from the checkpoint.
    CommitAndCrash,
}

/// Newest last; the offset and rank settle ties.
type Version = (i64, Option<i64>, i64, u32);

/// What Postgres holds.
#[derive(Default)]
struct Postgres {
    table: HashMap<String, (Version, String)>,
    next: usize,
    event_time_max: Option<i64>,
    letters: BTreeMap<(i64, u32), String>,
    /// Rows that the guard turned away.
    stale: usize,
}

struct World<'a> {
    events: &'a [Event],
    spec: ChainSpec,
    shape: Shape,
    postgres: Postgres,
    chain: Chain,
    ahead: VecDeque<Computed>,
    /// The next event to compute.
    next: usize,
    crashed: bool,
}

/// Offsets have holes.
const STEP: i64 = 3;

impl<'a> World<'a> {
    fn new(events: &'a [Event], spec: ChainSpec, shape: Shape) -> Self {
        let chain = chain_of(spec.clone(), shape, None);
        let (postgres, ahead) = (Postgres::default(), VecDeque::new());
        Self {
            events,
            spec,
            shape,
            postgres,
            chain,
            ahead,
            next: 0,
            crashed: false,
        }
    }

    fn run(&mut self, op: &Op) {
        match op {
            Op::Compute(rows) => self.compute(*rows),
            Op::Commit => {
                if let Some(computed) = self.commit() {
                    self.chain.committed(&computed);
                }
            }
            Op::Lose => {
                self.chain.forget_uncommitted();
                self.ahead.clear();
                self.next = self.postgres.next;
            }
            Op::Crash => self.crash(),
            Op::CommitAndCrash => {
                self.commit();
                self.crash();
            }
        }
    }

    fn compute(&mut self, rows: usize) {
        let end = (self.next + rows).min(self.events.len());
        if self.next == end {
            return;
        }
        let records = records(&self.events[self.next..end], self.next as i64 * STEP, STEP);
        self.next = end;
        let computed = self.chain.compute(records, NOW_US).unwrap();
        self.check(&computed);
        self.ahead.push_back(computed);
    }

    fn check(&self, computed: &Computed) {
        let events = computed
            .records
            .iter()
            .map(|r| &self.events[(r.offset / STEP) as usize]);
        assert_adds_up(computed, events.filter(|e| e.also.is_some()).count() as u64);
    }

    fn commit(&mut self) -> Option<Computed> {
        let mut computed = self.ahead.pop_front()?;
        loop {
            let refused = refused(&computed);
            if refused.is_empty() {
                break;
            }
            let letters = computed.counts.dead_letters;
            computed = self.chain.exclude(computed, refused, NOW_US).unwrap();
            assert!(
                computed.counts.dead_letters > letters,
                "a refused row came back"
            );
            self.check(&computed);
            self.ahead.clear();
            self.next = ((computed.next_offset - 1) / STEP) as usize + 1;
        }
        self.postgres.write(&computed, self.shape);
        Some(computed)
    }

    fn crash(&mut self) {
        self.crashed = true;
        self.ahead.clear();
        self.next = self.postgres.next;
        self.chain = chain_of(self.spec.clone(), self.shape, self.postgres.event_time_max);
    }
}

fn refused(computed: &Computed) -> Vec<DeadLetter> {
    let rows = rows(computed).into_iter().zip(&computed.sources);
    let refused = rows.filter(|(row, _)| row.upper.as_deref() == Some("REFUSE"));
    refused
        .map(|(_, source)| DeadLetter {
            record: source.record,
            ordinal: source.rank + 1,
            stage: Stage::Sink,
            code: "refused".to_owned(),
            message: "no".to_owned(),
        })
        .collect()
}

impl Postgres {
    fn write(&mut self, computed: &Computed, shape: Shape) {
        let rows = rows(computed);
        assert!(rows.windows(2).all(|w| match shape.text_key {
            true => w[0].key < w[1].key,
            false => w[0].key.parse::<i64>().unwrap() < w[1].key.parse::<i64>().unwrap(),
        }));
        for row in rows {
            let seq = row.seq.filter(|_| shape.order);
            let version = (row.at_us, seq, row.offset, row.rank);
            let stored = self.table.get(&row.key).map(|(v, _)| *v);
            if stored.is_some_and(|v| v > version) {
                self.stale += 1;
            } else {
                self.table.insert(row.key, (version, row.upper.unwrap()));
            }
        }
        for letter in &computed.dead_letters {
            let offset = computed.records.get(letter.record as usize).offset;
            let again = self
                .letters
                .insert((offset, letter.ordinal), letter.code.clone());
            assert_eq!(again, None, "a dead letter was written twice");
        }
        self.next = ((computed.next_offset - 1) / STEP) as usize + 1;
        self.event_time_max = computed.event_time_max;
    }
}

/// The table and the dead letters, from all events at once. Letters of rows that may lose to a newer one before anybody looks at them are optional.
fn oracle(
    events: &[Event],
    spec: &ChainSpec,
    shape: Shape,
) -> (Postgres, BTreeMap<(i64, u32), String>) {
    let (mut postgres, mut optional) = (Postgres::default(), BTreeMap::new());
    let mut max = None;
    for (i, event) in events.iter().enumerate() {
        let offset = i as i64 * STEP;
        let at_us = event.at * 1000;
        let mut whole = |code: &str| postgres.letters.insert((offset, 0), code.to_owned());
        match event.note.as_str() {
            "malformed" => _ = whole("malformed"),
            "reject-first" => _ = whole("rejected"),
            "trap-first" => _ = whole("transform-trapped"),
            "drop" | "tombstone" => {}
            note => {
                let late = max.is_some_and(|m: i64| at_us < m - spec.time.watermark_delay_us);
                max = max.max(Some(at_us));
                for (rank, key) in event.also.into_iter().chain([event.key]).enumerate() {
                    let letter = (offset, rank as u32 + 1);
                    if late && spec.time.late == Late::DeadLetter {
                        postgres.letters.insert(letter, "late".to_owned());
                        continue;
                    }
                    let bad = [
                        ("trap", "transform-trapped"),
                        ("reject", "rejected"),
                        ("zero", "zero-byte"),
                        ("refuse", "refused"),
                    ];
                    if let Some((_, code)) = bad.iter().find(|(n, _)| *n == note) {
                        optional.insert(letter, (*code).to_owned());
                        continue;
                    }
                    let key = if shape.text_key {
                        format!("key {key}")
                    } else {
                        key.to_string()
                    };
                    let version = (
                        at_us,
                        event.seq.filter(|_| shape.order),
                        offset,
                        rank as u32,
                    );
                    let stored = postgres
                        .table
                        .entry(key)
                        .or_insert((version, note.to_uppercase()));
                    if stored.0 < version {
                        *stored = (version, note.to_uppercase());
                    }
                }
            }
        }
    }
    postgres.event_time_max = max;
    (postgres, optional)
}

/// Bad rows newer than the newest good one of their key: each must have been tried, and so be a dead letter.
fn surely_tried(events: &[Event], postgres: &Postgres, shape: Shape, letter: (i64, u32)) -> bool {
    let event = &events[(letter.0 / STEP) as usize];
    let key = [event.also, Some(event.key)]
        .into_iter()
        .flatten()
        .nth(letter.1 as usize - 1)
        .unwrap();
    let key = if shape.text_key {
        format!("key {key}")
    } else {
        key.to_string()
    };
    let version = (
        event.at * 1000,
        event.seq.filter(|_| shape.order),
        letter.0,
        letter.1 - 1,
    );
    postgres
        .table
        .get(&key)
        .is_none_or(|(winner, _)| *winner < version)
}

fn event() -> impl Strategy<Value = Event> {
    let note = prop_oneof![
        12 => "[a-c]",
        1 => prop::sample::select(vec!["malformed", "reject-first", "trap-first", "drop", "tombstone"]).prop_map(str::to_owned),
        2 => prop::sample::select(vec!["trap", "reject", "zero", "refuse"]).prop_map(str::to_owned),
    ];
    let also = prop::option::weighted(0.1, 0_i64..5);
    (0_i64..5, 0_i64..60, prop::option::of(0_i64..3), note, also).prop_map(
        |(key, at, seq, note, also)| {
            let is_split =
                note.len() == 1 || ["trap", "reject", "zero", "refuse"].contains(&note.as_str());
            Event {
                key,
                at,
                seq,
                note,
                also: also.filter(|&a| is_split && a != key),
            }
        },
    )
}

/// Few enough that no batch exceeds its convictions.
fn spare(mut events: Vec<Event>) -> Vec<Event> {
    for note in ["trap", "trap-first"] {
        events
            .iter_mut()
            .filter(|e| e.note == note)
            .skip(4)
            .for_each(|e| e.note = "spared".to_owned());
    }
    events
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        8 => (1_usize..9).prop_map(Op::Compute),
        8 => Just(Op::Commit),
        2 => Just(Op::Lose),
        1 => Just(Op::Crash),
        1 => Just(Op::CommitAndCrash),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn the_table_is_what_the_oracle_says(
        events in prop::collection::vec(event(), 1..80).prop_map(spare),
        ops in prop::collection::vec(op(), 0..60),
        (text_key, order, late) in any::<(bool, bool, bool)>(),
        forgetful in prop::option::of(any::<bool>()),
    ) {
        let shape = Shape { text_key, order };
        let mut spec = spec(shape);
        spec.time.late = if late { Late::DeadLetter } else { Late::Apply };
        match forgetful {
            None => {}
            Some(true) => spec.time.ttl_us = 5_000,
            Some(false) => spec.state_max_bytes = 200,
        }
        let mut world = World::new(&events, spec.clone(), shape);
        for op in &ops {
            world.run(op);
        }
        while world.postgres.next < events.len() {
            world.run(&Op::Compute(10));
            world.run(&Op::Commit);
        }
        let (expected, optional) = oracle(&events, &spec, shape);
        let actual = &world.postgres;
        prop_assert_eq!(&actual.table, &expected.table);
        prop_assert_eq!(actual.event_time_max, expected.event_time_max);
        for (letter, code) in &actual.letters {
            let known = expected.letters.get(letter).or(optional.get(letter));
            prop_assert_eq!(Some(code), known, "{:?}", letter);
        }
        for letter in expected.letters.keys() {
            prop_assert!(actual.letters.contains_key(letter), "{letter:?} is missing");
        }
        for letter in optional.keys() {
            let tried = surely_tried(&events, &expected, shape, *letter);
            prop_assert!(!tried || actual.letters.contains_key(letter), "{letter:?} is missing");
        }
        // A state that forgets nothing leaves the guard nothing to do: were it not consulted, or taught too little, this would show.
        if forgetful.is_none() && !world.crashed {
            prop_assert_eq!(actual.stale, 0);
        }
    }
}
