//! A partition's life as a seeded loop: batches of any size, computed ahead, rehearsed, committed,
//! lost, refused, restarted, handed over to other rules. Whatever happens, the table is what an
//! oracle makes of all events at once.

use std::collections::VecDeque;

use gristmill_core::chain::{Chain, ChainSpec, Computed, Late};
use gristmill_core::dead_letter::{DeadLetter, Stage};
use gristmill_core::record::Records;
use proptest::prelude::*;

use crate::hand_over::{FIRST, Rules, chain_by};
use crate::oracle::{oracle, surely_tried};
use crate::postgres::{Postgres, STEP};
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
    /// Other rules take over, with what is ahead where they can.
    Swap(Rules),
    /// Other rules compute the next records beside.
    Rehearse(Rules, usize),
}

struct World<'a> {
    events: &'a [Event],
    spec: ChainSpec,
    shape: Shape,
    /// Rows that the transforms have memory for.
    memory_rows: usize,
    postgres: Postgres,
    rules: Rules,
    chain: Chain,
    /// Each with the mark of the rules that computed it.
    ahead: VecDeque<(Computed, &'static str)>,
    /// The next event to compute.
    next: usize,
    /// Of each event that has committed, the mark of its rules.
    marks: Vec<&'static str>,
    /// What was known of the keys was lost at some time.
    forgot: bool,
}

impl<'a> World<'a> {
    fn new(events: &'a [Event], spec: ChainSpec, shape: Shape, memory_rows: usize) -> Self {
        let chain = chain_by(FIRST, &spec, shape, memory_rows, None);
        Self {
            events,
            spec,
            shape,
            memory_rows,
            postgres: Postgres::default(),
            rules: FIRST,
            chain,
            ahead: VecDeque::new(),
            next: 0,
            marks: Vec::new(),
            forgot: false,
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
            Op::Lose => self.lose(),
            Op::Crash => self.crash(),
            Op::CommitAndCrash => {
                self.commit();
                self.crash();
            }
            Op::Swap(rules) => self.swap(*rules),
            Op::Rehearse(rules, rows) => self.rehearse(*rules, *rows),
        }
    }

    fn next_records(&self, rows: usize) -> Option<Records> {
        let end = (self.next + rows).min(self.events.len());
        let events = &self.events[self.next..end];
        (!events.is_empty()).then(|| records(events, self.next as i64 * STEP, STEP))
    }

    fn compute(&mut self, rows: usize) {
        let Some(records) = self.next_records(rows) else {
            return;
        };
        self.next += records.len();
        let computed = self.chain.compute(records, NOW_US).unwrap();
        self.check(&computed);
        self.ahead.push_back((computed, self.rules.mark));
    }

    fn lose(&mut self) {
        self.chain.forget_uncommitted();
        self.ahead.clear();
        self.next = self.postgres.next;
    }

    fn swap(&mut self, rules: Rules) {
        let mut chain = self.start(rules, None);
        let same = chain.take_over(&mut self.chain);
        assert_eq!(same, rules.renames == self.rules.renames);
        (self.chain, self.rules) = (chain, rules);
        if !same {
            self.lose();
            self.forgot = true;
        }
    }

    /// The rehearsal makes what the live chain makes next, but for the mark; with an empty state
    /// perhaps more of it.
    fn rehearse(&mut self, rules: Rules, rows: usize) {
        let Some(records) = self.next_records(rows) else {
            return;
        };
        let mut shadow = self.start(rules, None);
        let rehearsed = shadow.rehearse(&mut self.chain, records, NOW_US).unwrap();
        self.check(&rehearsed);
        self.compute(rows);
        let (live, _) = self.ahead.back().unwrap();
        let judged = |c: &Computed| (c.moment, c.event_time_max, c.counts.late, c.counts.dropped);
        assert_eq!(judged(&rehearsed), judged(live));
        if rules.renames == self.rules.renames {
            assert_eq!(
                (letters(&rehearsed), &rehearsed.sources, rehearsed.counts),
                (letters(live), &live.sources, live.counts)
            );
        } else {
            let missing = live.sources.iter().find(|s| !rehearsed.sources.contains(s));
            assert_eq!(missing, None);
        }
    }

    fn start(&self, rules: Rules, event_time_max: Option<i64>) -> Chain {
        let (spec, shape) = (&self.spec, self.shape);
        chain_by(rules, spec, shape, self.memory_rows, event_time_max)
    }

    fn check(&self, computed: &Computed) {
        let events = computed
            .records
            .iter()
            .map(|r| &self.events[(r.offset / STEP) as usize]);
        assert_adds_up(computed, events.filter(|e| e.also.is_some()).count() as u64);
    }

    fn commit(&mut self) -> Option<Computed> {
        let (mut computed, mut mark) = self.ahead.pop_front()?;
        loop {
            let refused = refused(&computed);
            if refused.is_empty() {
                break;
            }
            let letters = computed.counts.dead_letters;
            computed = self.chain.exclude(computed, refused).unwrap();
            mark = self.rules.mark;
            assert!(
                computed.counts.dead_letters > letters,
                "a refused row came back"
            );
            self.check(&computed);
            self.ahead.clear();
            self.next = ((computed.next_offset - 1) / STEP) as usize + 1;
        }
        self.postgres.write(&computed, self.shape);
        self.marks.resize(self.postgres.next, mark);
        Some(computed)
    }

    fn crash(&mut self) {
        self.forgot = true;
        self.ahead.clear();
        self.next = self.postgres.next;
        self.chain = self.start(self.rules, self.postgres.event_time_max);
    }
}

fn refused(computed: &Computed) -> Vec<DeadLetter> {
    let rows = rows(computed).into_iter().zip(&computed.sources);
    let is_refused = |text: &String| text.starts_with("REFUSE");
    let refused = rows.filter(|(row, _)| row.upper.as_ref().is_some_and(is_refused));
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

fn event() -> impl Strategy<Value = Event> {
    let note = prop_oneof![
        12 => "[a-c]",
        1 => prop::sample::select(vec![
            "malformed", "reject-first", "trap-first", "drop", "tombstone",
        ]).prop_map(str::to_owned),
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

fn rules() -> impl Strategy<Value = Rules> {
    let mark = prop::sample::select(vec!["", "!", "?"]);
    let renames = prop::bool::weighted(0.2);
    (mark, renames).prop_map(|(mark, renames)| Rules { mark, renames })
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        8 => (1_usize..9).prop_map(Op::Compute),
        8 => Just(Op::Commit),
        2 => Just(Op::Lose),
        1 => Just(Op::Crash),
        1 => Just(Op::CommitAndCrash),
        2 => rules().prop_map(Op::Swap),
        1 => (rules(), 1_usize..9).prop_map(|(rules, rows)| Op::Rehearse(rules, rows)),
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
        memory_rows in 1_usize..12,
    ) {
        let shape = Shape { text_key, order };
        let mut spec = spec(shape);
        spec.time.late = if late { Late::DeadLetter } else { Late::Apply };
        match forgetful {
            None => {}
            Some(true) => spec.time.ttl_us = 5_000,
            Some(false) => spec.state_max_bytes = 200,
        }
        let mut world = World::new(&events, spec.clone(), shape, memory_rows);
        for op in &ops {
            world.run(op);
        }
        while world.postgres.next < events.len() {
            world.run(&Op::Compute(10));
            world.run(&Op::Commit);
        }
        let (mut expected, optional) = oracle(&events, &spec, shape);
        for (version, text) in expected.table.values_mut() {
            text.push_str(world.marks[(version.2 / STEP) as usize]);
        }
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
        // A state that forgets nothing leaves the guard nothing to do: were it not consulted, or
        // taught too little, this would show.
        if forgetful.is_none() && !world.forgot {
            prop_assert_eq!(actual.stale, 0);
        }
    }
}
