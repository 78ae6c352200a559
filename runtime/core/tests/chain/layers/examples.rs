//! Which rows are layers, by hand.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use gristmill_core::chain::{CONVICTIONS_MAX, ChainFault, Computed, Delete, Earlier, Truncate};
use gristmill_core::column::Batch;
use gristmill_core::dead_letter::{DeadLetter, Stage};
use gristmill_core::dedup::{VersionKind, VersionRule};
use gristmill_core::plan::Plan;
use gristmill_core::transform::{Fault, Output, Transform};

use super::change::{
    Change, Mode, REJECTED, TRAPS, chain, chain_by, given, layered_spec, older, records,
    stored as answer, transforms,
};
use super::mirror::{Cell, Given, Mirror};
use crate::outcome::{assert_adds_up, letters};
use crate::rules::{NOW_US, ints};

const SOFT: Mode = Mode {
    kind: VersionKind::OrderFirst,
    delete: Delete::Soft,
};

const HARD: Mode = Mode {
    delete: Delete::Hard,
    ..SOFT
};

/// A change of `key` that has the columns named in `cells`, each with its name as its value.
pub(crate) fn row(key: i64, cells: &str) -> Change {
    let cell = |name: &str| -> Cell { cells.contains(name).then(|| Some(name.to_owned())) };
    Change {
        key,
        cells: [cell("a"), cell("b"), cell("c")],
        ..Change::default()
    }
}

pub(crate) fn delete(key: i64, cells: &str) -> Change {
    Change {
        is_deleted: true,
        ..row(key, cells)
    }
}

pub(crate) fn truncate() -> Change {
    Change {
        is_truncate: true,
        ..Change::default()
    }
}

/// With times and order as they stand.
pub(crate) fn in_order(changes: Vec<Change>) -> Vec<Change> {
    let placed = changes.into_iter().zip(1..);
    placed
        .map(|(change, at)| Change {
            at,
            seq: Some(at),
            ..change
        })
        .collect()
}

fn computed(mode: Mode, changes: Vec<Change>) -> Computed {
    let records = records(&in_order(changes), 0);
    let mut chain = chain(mode, Truncate::Apply, 1 << 20);
    let computed = chain.compute(records, NOW_US).unwrap();
    assert_adds_up(&computed, 0);
    computed
}

pub(crate) fn written(computed: &Computed) -> Vec<Given> {
    let (rows, sources) = (computed.rows.clone(), computed.sources.clone());
    let layer = gristmill_core::chain::Layer { rows, sources };
    given(&layer, &computed.records, SOFT)
}

/// The offsets of each layer's rows, the newest rows last. A truncate stands in brackets.
pub(crate) fn offsets(computed: &Computed) -> String {
    let offset = |source: &gristmill_core::chain::RowSource| source.record.to_string();
    let line = |sources: &[_]| sources.iter().map(offset).collect::<Vec<_>>().join(" ");
    let earlier = computed.earlier.iter().map(|earlier| match earlier {
        Earlier::Rows(layer) => line(&layer.sources),
        Earlier::Truncate(layer) => format!("[{}]", line(&layer.sources)),
    });
    let lines = earlier.chain([line(&computed.sources)]);
    lines.collect::<Vec<_>>().join(" | ")
}

#[test]
fn a_row_that_lacks_nothing_stands_alone() {
    let changes = vec![row(1, "a"), delete(1, ""), row(1, "abc"), row(2, "abc")];
    assert_eq!(offsets(&computed(SOFT, changes)), "2 3");
}

#[test]
fn what_the_newest_lacks_comes_from_the_nearest_that_has_it() {
    let changes = vec![
        row(1, "abc"),
        row(2, "abc"),
        row(1, "b"),
        row(1, "bc"),
        row(1, "c"),
        row(1, "a"),
    ];
    // One row has both of what `pair` reads, and one what `tune` does.
    assert_eq!(offsets(&computed(SOFT, changes)), "0 | 3 | 4 | 5 1");
}

#[test]
fn an_enricher_that_got_half_of_what_it_reads_needs_a_row_that_has_both() {
    let changes = vec![row(1, "abc"), row(1, "ab"), row(1, "ac")];
    assert_eq!(offsets(&computed(SOFT, changes)), "0 | 1 | 2");
}

#[test]
fn each_key_has_as_many_layers_as_it_needs() {
    let changes = vec![
        row(1, "a"),
        row(1, "bc"),
        row(1, ""),
        row(2, "bc"),
        row(2, "a"),
        row(3, "abc"),
        row(0, "abc"),
        delete(0, ""),
    ];
    assert_eq!(offsets(&computed(SOFT, changes)), "0 | 6 1 3 | 7 2 4 5");
}

#[test]
fn a_new_life_inherits_nothing() {
    for mode in [SOFT, HARD] {
        let changes = vec![row(1, "abc"), delete(1, "abc"), row(1, "a")];
        assert_eq!(offsets(&computed(mode, changes)), "1 | 2");
    }
}

/// The table may have columns that these rules do not write: they go with a row that goes.
#[test]
fn a_hard_delete_is_a_layer_below_a_row_that_lacks_nothing() {
    let changes = || vec![row(1, "abc"), delete(1, "abc"), row(1, "a"), row(1, "abc")];
    assert_eq!(offsets(&computed(HARD, changes())), "1 | 3");
    assert_eq!(offsets(&computed(SOFT, changes())), "3");
}

/// A rule may see a row that the source has made up. What it says of one is null.
#[test]
fn a_delete_that_a_rule_takes_no_row_of_goes_on() {
    for cell in [REJECTED, TRAPS] {
        let mut gone = delete(1, "ac");
        gone.cells[0] = Some(Some(cell.to_owned()));
        let computed = computed(SOFT, vec![row(2, "a"), gone]);
        assert!(computed.dead_letters.is_empty());
        let rows = written(&computed);
        assert!(rows[0].is_deleted && !rows[1].is_deleted);
        let [loud, last] = [3, 5].map(|column| rows[0].cells[column].clone());
        assert_eq!((loud, last), (Some(None), Some(None)));
        assert_eq!(rows[1].cells[3], Some(Some("A".to_owned())));
    }
}

/// Many rows that the source has made up are no fault of the rule. Rows that it says itself are.
#[test]
fn many_deletes_that_a_rule_takes_no_row_of_go_on() {
    let trapped = |change: Change| Change {
        cells: [Some(Some(TRAPS.to_owned())), None, change.cells[2].clone()],
        ..change
    };
    let deletes = || (10..22).map(|key| trapped(delete(key, "c")));
    for bad in [0, 1, CONVICTIONS_MAX] {
        let own = (100..).take(bad).map(|key| trapped(row(key, "c")));
        let changes = deletes().chain(own).chain([row(2, "a")]).collect();
        let computed = computed(SOFT, changes);
        assert_eq!(computed.dead_letters.len(), bad);
        let rows = written(&computed);
        let gone: Vec<&Given> = rows.iter().filter(|row| row.is_deleted).collect();
        assert_eq!(gone.len(), 12);
        for gone in gone {
            let [loud, last] = [3, 5].map(|column| gone.cells[column].clone());
            assert_eq!((loud, last), (Some(None), Some(None)));
        }
        let own = rows.iter().find(|row| row.key == 2).unwrap();
        assert_eq!(own.cells[3], Some(Some("A".to_owned())));
    }
    let own = (100..).take(CONVICTIONS_MAX + 1);
    let changes = deletes().chain(own.map(|key| trapped(row(key, "c"))));
    let records = records(&in_order(changes.collect()), 0);
    let mut chain = chain(SOFT, Truncate::Apply, 1 << 20);
    let fault = chain.compute(records, NOW_US).unwrap_err().fault;
    assert!(matches!(*fault, ChainFault::TooManyRows { .. }), "{fault}");
}

#[test]
fn a_soft_delete_keeps_what_came_before_it_and_a_hard_one_does_not() {
    let changes = || vec![row(1, "abc"), delete(1, "b"), delete(1, "a")];
    assert_eq!(offsets(&computed(SOFT, changes())), "0 | 2");
    assert_eq!(offsets(&computed(HARD, changes())), "2");
    // The first of several deletes makes the row, should there be none.
    let changes = vec![delete(1, "a"), delete(1, "b"), delete(1, "c")];
    assert_eq!(offsets(&computed(SOFT, changes)), "0 | 2");
}

#[test]
fn the_end_of_all_rows_stands_between_what_is_older_and_what_is_newer() {
    let changes = || {
        vec![
            row(1, "abc"),
            row(1, "b"),
            row(2, "abc"),
            truncate(),
            row(3, "abc"),
            row(2, "a"),
            row(2, "b"),
            delete(4, ""),
        ]
    };
    assert_eq!(
        offsets(&computed(SOFT, changes())),
        "0 | 1 | [3] | 5 | 6 4 7"
    );
    assert_eq!(offsets(&computed(HARD, changes())), "[3] | 5 | 6 4 7");
    // A delete keeps what was before the end; two ends are as the later one.
    let changes = vec![row(1, "abc"), truncate(), truncate(), delete(1, "")];
    assert_eq!(offsets(&computed(SOFT, changes)), "0 | [2] | 3");
}

#[test]
fn the_end_of_all_rows_halts_until_somebody_has_decided() {
    let batch = || records(&in_order(vec![row(1, "abc"), truncate(), row(1, "a")]), 7);
    let mut halts = chain(SOFT, Truncate::Halt, 1 << 20);
    let stopped = halts.compute(batch(), NOW_US).unwrap_err();
    let expected = ChainFault::SourceTruncated {
        topic: "events".to_owned(),
        partition: 0,
        offset: 8,
    };
    assert_eq!(*stopped.fault, expected);
    let mut ignores = chain(SOFT, Truncate::Ignore, 1 << 20);
    let computed = ignores.compute(batch(), NOW_US).unwrap();
    assert_adds_up(&computed, 0);
    assert_eq!(computed.counts.dropped, 1);
    assert_eq!(offsets(&computed), "0 | 2");
}

#[test]
fn an_enricher_that_knows_nothing_of_a_row_does_not_see_it() {
    let rejected = |change: Change| Change {
        cells: [Some(Some(REJECTED.to_owned())), None, None],
        ..change
    };
    // The rules themselves assert that they are shown no row without a cell.
    let computed_ = computed(SOFT, vec![row(1, "c"), rejected(row(2, "")), delete(3, "")]);
    let rows = written(&computed_);
    assert_eq!(rows.len(), 2);
    let absent: Vec<Cell> = vec![None, None, None, None];
    assert_eq!(rows[0].cells[..2], absent[..2]);
    assert_eq!(rows[0].cells[3..], absent);
    assert_eq!(letters(&computed_).len(), 1);
    // Nor does any see a row of which nothing will be left.
    let gone = computed(HARD, vec![rejected(delete(2, ""))]);
    assert_eq!((gone.counts.rows, gone.counts.dead_letters), (1, 0));
}

#[test]
fn a_donor_that_fails_gives_way_to_the_next() {
    let mut bad = row(1, "b");
    bad.cells[0] = Some(Some(REJECTED.to_owned()));
    let changes = vec![row(1, "abc"), bad, row(1, "c")];
    let failed = computed(SOFT, changes);
    assert_eq!(offsets(&failed), "0 | 2");
    assert_eq!(letters(&failed)[0].0, 1);
}

pub(crate) fn refuse(record: u32) -> DeadLetter {
    DeadLetter {
        record,
        ordinal: 1,
        stage: Stage::Sink,
        code: "refused".to_owned(),
        message: "no".to_owned(),
    }
}

#[test]
fn a_layer_that_postgres_refuses_gives_way_to_the_next() {
    let changes = in_order(vec![
        row(1, "abc"),
        row(1, "ab"),
        row(1, "c"),
        row(2, "abc"),
    ]);
    let mut chain = chain(SOFT, Truncate::Apply, 1 << 20);
    let computed = chain.compute(records(&changes, 0), NOW_US).unwrap();
    assert_eq!(offsets(&computed), "0 | 1 | 2 3");
    let computed = chain.exclude(computed, vec![refuse(1)]).unwrap();
    assert_adds_up(&computed, 0);
    assert_eq!(offsets(&computed), "0 | 2 3");
    let computed = chain.exclude(computed, vec![refuse(2)]).unwrap();
    assert_eq!(offsets(&computed), "0 3");
    chain.committed(&computed);
}

/// The output of the enricher that reads `b` and `c`.
fn pairs(computed: &Computed) -> Vec<Cell> {
    let rows = written(computed).into_iter();
    rows.map(|row| row.cells[4].clone()).collect()
}

#[test]
fn what_an_enricher_reads_beside_a_change_comes_from_the_batch_or_from_the_table() {
    let changes = in_order(vec![
        row(7, "abc"),
        row(3, "b"),
        row(5, "b"),
        row(4, "a"),
        row(1, "b"),
        delete(6, ""),
        row(6, "b"),
        row(7, "b"),
    ]);
    let mut chain = chain(SOFT, Truncate::Apply, 1 << 20);
    let computed = chain.compute(records(&changes, 0), NOW_US).unwrap();
    // Of key 4 another rule's input has changed, key 6 lives anew, and of key 7 the batch knows;
    // but the table may have what is newer than all that these two inherit from.
    let known = Some(Some("b+-".to_owned()));
    let none = || None::<Option<String>>;
    assert!(pairs(&computed).iter().all(Option::is_none));
    let wanted = computed.wanted.clone().unwrap();
    assert_eq!(ints(&wanted.keys, 0).values()[..], [1, 3, 4, 5, 6, 7]);
    let held = wanted.held.as_ref().unwrap();
    assert_eq!(ints(&held.layer.rows, 0).values()[..], [7, 6, 6, 7]);
    assert_eq!(held.keys, [5, 4, 4, 5]);
    let names: Vec<_> = wanted.columns.iter().map(|f| f.name.as_str()).collect();
    assert_eq!(names, ["c"]);
    let mut table = Mirror::new(Delete::Soft);
    let stored = |key, c: Option<&str>, is_deleted| {
        let mut cells = vec![Some(None); 7];
        cells[2] = c.map(|c| Some(c.to_owned()));
        Given {
            key,
            version: (0, None, 0),
            is_deleted,
            cells,
        }
    };
    table.write(&stored(1, Some("1"), false));
    table.write(&stored(3, Some("1"), true));
    table.write(&stored(5, None, false));
    let held = answer(&table, &wanted);
    let is_older = older(&table, &wanted, &computed.records, SOFT);
    let computed = chain.with_stored(computed, &held, &is_older).unwrap();
    assert!(computed.wanted.is_none());
    let read = Some(Some("b+one".to_owned()));
    let expected = [read.clone(), none(), none(), none(), none(), known];
    assert_eq!(pairs(&computed), expected);
    // The target's own cell stays as it is.
    assert_eq!(written(&computed)[0].cells[2], None);
    // A row that Postgres refuses may have spoilt the answer about all of them: it is asked again.
    let refused = refuse(computed.sources[1].record);
    let computed = chain.exclude(computed, vec![refused]).unwrap();
    let wanted = computed.wanted.clone().unwrap();
    let held = answer(&table, &wanted);
    let is_older = older(&table, &wanted, &computed.records, SOFT);
    let computed = chain.with_stored(computed, &held, &is_older).unwrap();
    assert!(computed.wanted.is_none());
    assert_eq!(pairs(&computed)[0], read);
}

struct Counted(Box<dyn Transform>, Arc<AtomicUsize>);

impl Transform for Counted {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn plan(&self) -> &Plan {
        self.0.plan()
    }

    fn apply(&mut self, input: &Batch) -> Result<Output, Fault> {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.apply(input)
    }
}

#[test]
fn each_layer_goes_through_the_rules_in_one_call_each() {
    let calls = Arc::new(AtomicUsize::new(0));
    let rule = VersionRule {
        kind: SOFT.kind,
        epoch: 0,
    };
    let counted = transforms(rule).into_iter().map(|transform| {
        let counted: Box<dyn Transform> = Box::new(Counted(transform, calls.clone()));
        counted
    });
    let spec = layered_spec(SOFT, Truncate::Apply);
    let mut chain = chain_by(spec, counted.collect());
    let keys = (0..50).flat_map(|key| [row(key, "abc"), row(key, "ab"), row(key, "c")]);
    let records = records(&in_order(keys.collect()), 0);
    let computed = chain.compute(records, NOW_US).unwrap();
    let (table, wanted) = (Mirror::new(Delete::Soft), computed.wanted.clone().unwrap());
    let is_older = older(&table, &wanted, &computed.records, SOFT);
    calls.store(0, Ordering::Relaxed);
    let held = answer(&table, &wanted);
    let computed = chain.with_stored(computed, &held, &is_older).unwrap();
    assert_eq!(computed.earlier.len(), 2);
    // The normalizer's, four each for two layers below the newest rows, and for those `pair`,
    // `tune`, and `loud`, whose answer `tune` reads.
    assert_eq!(calls.load(Ordering::Relaxed), 1 + 4 + 4 + 3);
}
