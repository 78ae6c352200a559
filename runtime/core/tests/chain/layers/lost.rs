//! What nobody knows of rows whose events became dead letters.

use arrow_array::Array;
use gristmill_core::chain::{Computed, Delete, Layer, Truncate};
use gristmill_core::dedup::VersionKind;

use super::change::{Change, Mode, REJECTED, chain, older, records, stored};
use super::examples::{delete, in_order, offsets, refuse, row, truncate, written};
use super::mirror::Mirror;
use crate::rules::{NOW_US, ints};

const SOFT: Mode = Mode {
    kind: VersionKind::OrderFirst,
    delete: Delete::Soft,
};

fn rejected(key: i64, cells: &str) -> Change {
    let mut change = row(key, cells);
    change.cells[0] = Some(Some(REJECTED.to_owned()));
    change
}

fn unknown(computed: &Computed) -> Vec<String> {
    computed.unknown.as_deref().map_or_else(Vec::new, lost)
}

/// Each key with the offset of the row that stands for it, and the columns that nobody knows.
pub(crate) fn lost(layer: &Layer) -> Vec<String> {
    let rows = &layer.rows;
    assert!(rows.is_well_formed());
    let line = |row: usize| {
        let named = rows.fields.iter().zip(&rows.columns);
        let lost = named.filter(|(_, column)| !column.is_present(row));
        let names: Vec<&str> = lost.map(|(field, _)| field.name.as_str()).collect();
        let (key, record) = (ints(rows, 0).value(row), layer.sources[row].record);
        format!("{key}@{record} {}", names.join(" "))
    };
    (0..rows.rows).map(line).collect()
}

fn of(changes: Vec<Change>) -> Vec<String> {
    let mut chain = chain(SOFT, Truncate::Apply, 1 << 20);
    let records = records(&in_order(changes), 0);
    unknown(&chain.compute(records, NOW_US).unwrap())
}

#[test]
fn what_a_dead_letter_carried_is_unknown_with_what_rules_make_of_it() {
    assert_eq!(of(vec![row(1, "abc")]), [""; 0]);
    assert_eq!(of(vec![rejected(1, "a")]), ["1@0 a loud last tune"]);
    assert_eq!(
        of(vec![rejected(1, "abc")]),
        ["1@0 a b c loud pair last tune"]
    );
    // Of `pair` the letter has half of what it reads: the answer would have been another one.
    assert_eq!(of(vec![rejected(1, "ab")]), ["1@0 a b loud pair last tune"]);
    let two = vec![rejected(2, "ac"), rejected(1, "ab"), rejected(2, "ab")];
    assert_eq!(
        of(two),
        [
            "1@1 a b loud pair last tune",
            "2@2 a b c loud pair last tune"
        ]
    );
}

#[test]
fn what_newer_rows_of_the_batch_have_is_known() {
    assert_eq!(of(vec![rejected(1, "abc"), row(1, "abc")]), [""; 0]);
    let later = vec![rejected(1, "abc"), row(1, "bc"), row(1, "c")];
    assert_eq!(of(later), ["1@2 a loud last tune"]);
    // Half of what `pair` reads makes no answer that is known.
    let half = vec![rejected(1, "abc"), row(1, "ab")];
    assert_eq!(of(half), ["1@1 c pair tune"]);
    // What an older row has does not count, and neither does what failed.
    let earlier = vec![row(1, "abc"), rejected(1, "ab"), rejected(1, "ac")];
    assert_eq!(of(earlier), ["1@2 a b c loud pair last tune"]);
}

#[test]
fn a_life_that_is_over_leaves_nothing_unknown() {
    assert_eq!(of(vec![rejected(1, "abc"), delete(1, "")]), [""; 0]);
    let anew = vec![rejected(1, "abc"), delete(1, ""), row(1, "a")];
    assert_eq!(of(anew), [""; 0]);
    assert_eq!(of(vec![rejected(1, "abc"), truncate()]), [""; 0]);
    assert_eq!(
        of(vec![truncate(), rejected(1, "a")]),
        ["1@1 a loud last tune"]
    );
}

/// What is older than what is remembered of the key has been overtaken, and changes nothing.
#[test]
fn a_letter_that_is_older_than_what_has_committed_leaves_nothing_unknown() {
    let mut chain = chain(SOFT, Truncate::Apply, 1 << 20);
    let mut changes = in_order(vec![rejected(1, "abc"), row(1, "abc"), row(1, "a")]);
    changes.swap(0, 1);
    let first = chain.compute(records(&changes[..1], 0), NOW_US).unwrap();
    let second = chain.compute(records(&changes[1..], 1), NOW_US).unwrap();
    assert_eq!(unknown(&second), [""; 0]);
    chain.committed(&first);
    chain.committed(&second);
}

#[test]
fn what_postgres_refuses_is_unknown_and_its_values_are_not_sent_again() {
    let changes = in_order(vec![row(1, "abc"), row(2, "abc"), row(1, "c")]);
    let mut chain = chain(SOFT, Truncate::Apply, 1 << 20);
    let computed = chain.compute(records(&changes, 0), NOW_US).unwrap();
    assert_eq!(unknown(&computed), [""; 0]);
    let computed = chain.exclude(computed, vec![refuse(0)]).unwrap();
    assert_eq!(unknown(&computed), ["1@2 a b loud pair last tune"]);
    let layer = computed.unknown.as_ref().unwrap();
    let values = &layer.rows.columns[4..];
    assert!(values.iter().all(|c| c.values.null_count() == 1));
}

/// An enricher that gets half of what it reads, where nobody knows the other half: the table keeps
/// what it made of another value.
#[test]
fn an_answer_that_cannot_be_made_anew_is_unknown() {
    let mut table = Mirror::new(Delete::Soft);
    table.write(&row(2, "abc").given(SOFT, 0, None));
    let of = |changes: Vec<Change>| {
        let mut chain = chain(SOFT, Truncate::Apply, 1 << 20);
        let records = records(&in_order(changes), 1);
        let mut computed = chain.compute(records, NOW_US).unwrap();
        if let Some(wanted) = &computed.wanted {
            let older = older(&table, wanted, &computed.records, SOFT);
            let answer = stored(&table, wanted);
            computed = chain.with_stored(computed, &answer, &older).unwrap();
        }
        assert!(computed.wanted.is_none());
        unknown(&computed)
    };
    let some = vec![row(1, "b"), row(2, "b"), row(3, "bc"), row(4, "c")];
    assert_eq!(of(some), ["1@0 pair", "3@2 tune", "4@3 pair tune"]);
    assert_eq!(of(vec![row(1, "b"), row(1, "abc")]), [""; 0]);
    assert_eq!(of(vec![row(1, "b"), row(1, "a")]), ["1@1 pair tune"]);
    assert_eq!(of(vec![row(1, "b"), delete(1, "")]), [""; 0]);
    assert_eq!(of(vec![row(1, "b"), truncate()]), [""; 0]);
    let anew = vec![row(2, "bc"), delete(2, ""), row(2, "b")];
    assert_eq!(of(anew), [""; 0]);
}

/// What a record says that is read once more with a letter was written before.
#[test]
fn what_came_beside_a_letter_is_never_unknown() {
    let changes = in_order(vec![row(1, "abc"), row(1, "a"), row(1, "b")]);
    let chain = chain(SOFT, Truncate::Apply, 1 << 20);
    let mut chain = chain.of_letters().folding([2]);
    let computed = chain.compute(records(&changes, 0), NOW_US).unwrap();
    let computed = chain.exclude(computed, vec![refuse(2)]).unwrap();
    assert_eq!(unknown(&computed), ["1@2 b pair"]);
    let others = vec![refuse(0), refuse(1)];
    let computed = chain.exclude(computed, others).unwrap();
    assert_eq!(unknown(&computed), ["1@2 b pair"]);
    assert!(computed.rows.rows == 0 && computed.dead_letters.len() == 3);
}

/// Whoever writes a row that the table has already writes all that is known of it at once.
#[test]
fn a_folding_chain_gives_the_newest_row_what_older_ones_say() {
    let changes = in_order(vec![
        row(1, "abc"),
        row(2, "abc"),
        delete(2, ""),
        row(2, "b"),
        row(3, "a"),
        row(1, "b"),
        rejected(4, "ab"),
        row(4, "c"),
    ]);
    let chain = chain(SOFT, Truncate::Apply, 1 << 20);
    let mut chain = chain.of_letters().folding(0..8);
    let computed = chain.compute(records(&changes, 0), NOW_US).unwrap();
    let rows = written(&computed);
    let cells: Vec<String> = rows
        .iter()
        .map(|row| {
            let known = row.cells.iter().map(|cell| match cell {
                Some(text) => text.as_deref().unwrap_or("null"),
                None => "?",
            });
            format!("{} {}", row.key, known.collect::<Vec<_>>().join(" "))
        })
        .collect();
    let whole = "1 a b c A b+- A A+c";
    assert_eq!(cells[0], whole);
    // A new life has nothing of the dead one, whose delete stays a layer.
    assert_eq!(cells[1], "2 ? b ? ? ? ? ?");
    assert_eq!(cells[2], "3 a ? ? A ? A ?");
    assert_eq!(cells[3], "4 ? ? c ? ? ? ?");
    assert_eq!(offsets(&computed), "2 | 5 3 4 7");
    assert_eq!(unknown(&computed), ["4@7 a b loud pair last tune"]);
}
