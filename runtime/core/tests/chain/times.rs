//! Lateness, the state's memory, and joins.

use gristmill_core::chain::Late;

use crate::rules::*;

#[test]
fn late_is_judged_record_by_record_whatever_the_batches() {
    let times = [100, 95, 89, 150, 140, 139, 141, 90, 300, 290, 289];
    let late = [2, 5, 7, 10];
    let events: Vec<_> = times
        .iter()
        .enumerate()
        .map(|(i, &at)| Event::new(i as i64, at, "x"))
        .collect();
    let mut spec = spec(PLAIN);
    spec.time.late = Late::DeadLetter;
    for cut in 0..=events.len() {
        let mut chain = chain_of(spec.clone(), PLAIN, None);
        let mut found = Vec::new();
        let (first, second) = events.split_at(cut);
        for (part, first) in [(first, 0), (second, cut as i64)] {
            if part.is_empty() {
                continue;
            }
            let computed = chain.compute(records(part, first, 1), NOW_US).unwrap();
            let letters = letters(&computed);
            assert!(
                letters
                    .iter()
                    .all(|l| (l.1, l.2.as_str(), l.3.as_str()) == (1, "event-time", "late"))
            );
            assert_eq!(computed.counts.late, letters.len() as u64);
            found.extend(letters.iter().map(|l| i64::from(l.0) + first));
            assert_adds_up(&computed, 0);
            if cut % 2 == 0 {
                chain.committed(&computed);
            }
        }
        assert_eq!(found, late, "cut at {cut}");
    }
}

#[test]
fn late_is_applied_when_newest_by_default() {
    let mut chain = chain();
    let events = [
        Event::new(1, 1000, "now"),
        Event::new(2, 10, "late but newest"),
    ];
    let computed = chain.compute(records(&events, 0, 1), NOW_US).unwrap();
    assert_eq!((computed.counts.late, computed.counts.rows), (1, 2));
}

#[test]
fn a_time_ahead_of_the_clock_does_not_move_the_watermark() {
    let mut chain = chain();
    let events = [
        Event::new(1, i64::MAX / 1000, "far"),
        Event::new(1, i64::MAX, "beyond microseconds"),
        Event::new(2, 100, "now"),
    ];
    let computed = chain.compute(records(&events, 0, 1), NOW_US).unwrap();
    assert_eq!(computed.event_time_max, Some(100_000));
    assert_eq!((computed.counts.dead_letters, computed.counts.late), (2, 0));
}

#[test]
fn the_checkpoint_carries_the_watermark() {
    let mut chain = chain_of(spec(PLAIN), PLAIN, Some(500_000));
    assert_eq!(chain.watermark_us(), Some(490_000));
    let computed = chain
        .compute(records(&[Event::new(1, 400, "late")], 0, 1), NOW_US)
        .unwrap();
    assert_eq!(computed.counts.late, 1);
    assert_eq!(computed.event_time_max, Some(500_000));
}

#[test]
fn expired_keys_are_forgotten() {
    let mut spec = spec(PLAIN);
    spec.time.ttl_us = 1_000_000;
    let mut chain = chain_of(spec, PLAIN, None);
    let mut next = 0;
    for second in 0..50 {
        let events: Vec<_> = (0..100)
            .map(|k| Event::new(next + k, second * 1000, "x"))
            .collect();
        let computed = chain.compute(records(&events, next, 1), NOW_US).unwrap();
        chain.committed(&computed);
        next += 100;
    }
    // A lap of the sweep takes a third as many rows as the tables have slots: some seconds' keys
    // are left of 5,000.
    assert!(chain.state_size().0 < 1_500, "{:?}", chain.state_size());
}

#[test]
fn the_state_stays_within_its_bytes_and_forgets_the_oldest() {
    for shape in [
        PLAIN,
        Shape {
            text_key: true,
            order: true,
        },
    ] {
        let mut spec = spec(shape);
        spec.state_max_bytes = 64 << 10;
        let mut chain = chain_of(spec, shape, None);
        for batch in 0..100 {
            let first = batch * 100;
            let events: Vec<_> = (first..first + 100)
                .map(|k| Event::new(k, k, "x"))
                .collect();
            let computed = chain.compute(records(&events, first, 1), NOW_US).unwrap();
            chain.committed(&computed);
            let (keys, bytes) = chain.state_size();
            assert!(bytes <= 64 << 10, "{bytes} bytes for {keys} keys");
        }
        // The last batch is still known, the first is not.
        let events: Vec<_> = (0..100)
            .chain(9_900..10_000)
            .map(|k| Event::new(k, k - 1, "y"))
            .collect();
        let computed = chain.compute(records(&events, 10_000, 1), NOW_US).unwrap();
        let known = rows(&computed)
            .iter()
            .filter(|r| r.at_us >= 9_000_000)
            .count();
        // The median is of a sample, so a few of the newest may fall to the older half.
        assert!(known <= 10, "{known} of the newest 100 keys are forgotten");
        let forgotten = rows(&computed)
            .iter()
            .filter(|r| r.at_us < 1_000_000)
            .count();
        assert_eq!(
            forgotten, 99,
            "an event time below the floor is a dead letter"
        );
    }
}

#[test]
fn a_row_that_loses_to_one_before_it_is_told_with_its_offset() {
    let mut chain = chain();
    let first = [
        Event::new(1, 9_000, "a"),
        Event::new(2, 9_000, "a"),
        Event::new(1, 7_000, "its clock stepped back"),
        Event::new(2, 9_500, "newer"),
    ];
    let computed = chain.compute(records(&first, 10, 1), NOW_US).unwrap();
    let found = computed.steps_back;
    assert_eq!(
        (found.rows, found.first_offset, found.longest_us),
        (1, 12, 2_000_000)
    );
    chain.committed(&computed);
    let second = [
        Event::new(2, 9_500, "as new"),
        Event::new(2, 9_400, "older than what has committed"),
        Event::new(3, 1, "the first of its key"),
    ];
    let computed = chain.compute(records(&second, 20, 1), NOW_US).unwrap();
    let found = computed.steps_back;
    assert_eq!((found.rows, found.first_offset), (1, 21));
}
