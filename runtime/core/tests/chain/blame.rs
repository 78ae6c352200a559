//! Rows that make a transform fail, and transforms that fail on their own.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use gristmill_core::chain::{CONVICTIONS_MAX, Chain, ChainFault};
use gristmill_core::dimension::Dimensions;
use gristmill_core::transform::Fault;

use crate::rules::*;

fn events(rows: usize, bad: &[(usize, &str)]) -> Vec<Event> {
    let note = |i| {
        bad.iter()
            .find(|(b, _)| *b == i)
            .map_or("good", |(_, note)| note)
    };
    (0..rows)
        .map(|i| Event::new(i as i64, 1_000 + i as i64, note(i)))
        .collect()
}

#[test]
fn a_row_that_fails_alone_is_found_and_named() {
    for (note, code) in [
        ("trap", "transform-trapped"),
        ("fuel", "transform-out-of-fuel"),
        ("memory", "transform-out-of-memory"),
    ] {
        for at in [0, 1, 499, 999] {
            let mut chain = chain();
            let computed = chain
                .compute(records(&events(1000, &[(at, note)]), 0, 1), NOW_US)
                .unwrap();
            let expected = (at as u32, 1, "transform:upper".to_owned(), code.to_owned());
            assert_eq!(letters(&computed), [expected]);
            assert_eq!(computed.counts.rows, 999);
            assert!(
                rows(&computed)
                    .iter()
                    .all(|r| r.upper.as_deref() == Some("GOOD"))
            );
        }
    }
}

#[test]
fn a_normalizer_that_traps_loses_the_record_only() {
    let mut chain = chain();
    let bad = [(3, "trap-first"), (4, "trap-first")];
    let computed = chain
        .compute(records(&events(6, &bad), 0, 1), NOW_US)
        .unwrap();
    let letter = |r| {
        (
            r,
            0,
            "transform:normalize".to_owned(),
            "transform-trapped".to_owned(),
        )
    };
    assert_eq!(letters(&computed), [letter(3), letter(4)]);
    assert_eq!(computed.dead_letters[0].message, "unreachable executed");
    assert_eq!(computed.counts.rows, 4);
    assert_eq!(computed.counts.dropped, 0);
    // Alone in its batch, it leaves no row at all.
    let computed = chain
        .compute(records(&events(1, &[(0, "trap-first")]), 6, 1), NOW_US)
        .unwrap();
    assert_eq!((computed.counts.rows, computed.counts.dead_letters), (0, 1));
    assert_adds_up(&computed, 0);
}

#[test]
fn eight_rows_are_data_and_nine_are_a_broken_component() {
    let bad: Vec<_> = (0..CONVICTIONS_MAX).map(|i| (i * 11, "trap")).collect();
    let computed = chain()
        .compute(records(&events(100, &bad), 0, 1), NOW_US)
        .unwrap();
    assert_eq!(computed.counts.dead_letters, 8);
    assert_eq!(computed.counts.rows, 92);
    let nine: Vec<_> = (0..=CONVICTIONS_MAX).map(|i| (i * 11, "trap")).collect();
    let fault = chain()
        .compute(records(&events(100, &nine), 0, 1), NOW_US)
        .unwrap_err()
        .fault;
    assert!(
        matches!(&*fault, ChainFault::TooManyRows { transform, .. } if transform == "upper"),
        "{fault}"
    );
    // Replacements count with the rows that they replace.
    let mut waves = events(5, &[]);
    for version in 0..2 {
        waves.extend(
            events(5, &(0..5).map(|i| (i, "trap")).collect::<Vec<_>>())
                .into_iter()
                .map(|mut e| {
                    e.at += 1000 * (version + 1);
                    e
                }),
        );
    }
    assert!(chain().compute(records(&waves, 0, 1), NOW_US).is_err());
}

#[test]
fn the_budget_is_each_batchs_own() {
    let mut chain = chain();
    let bad: Vec<_> = (0..CONVICTIONS_MAX).map(|i| (i, "trap")).collect();
    for batch in 0..3 {
        let computed = chain
            .compute(records(&events(20, &bad), batch * 20, 1), NOW_US)
            .unwrap();
        assert_eq!(computed.counts.dead_letters, 8);
        chain.forget_uncommitted();
    }
}

#[test]
fn behind_a_row_that_fails_the_next_newest_lands() {
    for note in ["trap", "reject", "zero"] {
        let mut chain = chain();
        let events = [
            Event::new(1, 100, "oldest"),
            Event::new(1, 200, "next newest"),
            Event::new(1, 300, note),
            Event::new(1, 400, note),
            Event::new(0, 100, "neighbour"),
            Event::new(2, 100, note),
            Event::new(3, 100, "other neighbour"),
        ];
        let computed = chain.compute(records(&events, 0, 1), NOW_US).unwrap();
        let expected = [
            ("0", "NEIGHBOUR"),
            ("1", "NEXT NEWEST"),
            ("3", "OTHER NEIGHBOUR"),
        ];
        assert_eq!(
            landed(&computed),
            expected.map(|(k, u)| (k.to_owned(), u.to_owned()))
        );
        assert_eq!(
            letters(&computed).iter().map(|l| l.0).collect::<Vec<_>>(),
            [2, 3, 5]
        );
        assert_eq!(computed.counts.superseded, 1);
        assert_adds_up(&computed, 0);
    }
}

#[test]
fn a_lie_convicts_nobody() {
    let fault = chain()
        .compute(records(&events(10, &[(3, "lie")]), 0, 1), NOW_US)
        .unwrap_err()
        .fault;
    assert_eq!(
        *fault,
        ChainFault::Lied {
            transform: "upper".to_owned(),
            fault: Fault::Lied("offsets decrease".to_owned())
        }
    );
    // Even when it is told only to a smaller batch.
    let bad = [(2, "trap"), (3, "lie")];
    assert!(
        chain()
            .compute(records(&events(4, &bad), 0, 1), NOW_US)
            .is_err()
    );
}

#[test]
fn a_batch_that_passes_in_halves_convicts_nobody() {
    let calls = Arc::new(AtomicUsize::new(0));
    let mut upper = upper();
    let (counted, mut rule) = (calls.clone(), upper.rule);
    upper.rule = Box::new(move |batch| {
        counted.fetch_add(1, Ordering::Relaxed);
        if batch.rows > 30 {
            Err(Fault::OutOfMemory("wanted 65 MiB".to_owned()))
        } else {
            rule(batch)
        }
    });
    let transforms: Vec<Box<dyn gristmill_core::transform::Transform>> =
        vec![Box::new(normalizer(PLAIN)), Box::new(upper)];
    let mut chain = Chain::new(spec(PLAIN), transforms, Arc::new(Dimensions::new()), None).unwrap();
    let computed = chain
        .compute(records(&events(100, &[(60, "reject")]), 0, 1), NOW_US)
        .unwrap();
    assert_eq!(
        (computed.counts.rows, computed.counts.dead_letters),
        (99, 1)
    );
    assert_eq!(letters(&computed)[0].0, 60);
    let keys: Vec<_> = rows(&computed).into_iter().map(|r| r.offset).collect();
    assert!(keys.is_sorted() && keys.len() == 99 && !keys.contains(&60));
    assert_eq!(calls.load(Ordering::Relaxed), 7);
}

#[test]
fn an_enricher_that_loses_a_row_is_at_fault() {
    let mut upper = upper();
    let mut rule = upper.rule;
    upper.rule = Box::new(move |batch| rule(&batch.slice(0, batch.rows - 1)));
    let transforms: Vec<Box<dyn gristmill_core::transform::Transform>> =
        vec![Box::new(normalizer(PLAIN)), Box::new(upper)];
    let mut chain = Chain::new(spec(PLAIN), transforms, Arc::new(Dimensions::new()), None).unwrap();
    let fault = chain
        .compute(records(&events(10, &[]), 0, 1), NOW_US)
        .unwrap_err()
        .fault;
    assert!(
        matches!(
            *fault,
            ChainFault::RowsMissing {
                input: 10,
                returned: 9,
                ..
            }
        ),
        "{fault}"
    );
}
