//! What becomes of a batch, step by step.

use gristmill_core::dead_letter::{DeadLetter, Stage};

use crate::rules::*;

#[test]
fn the_newest_row_of_each_key_lands_in_key_order() {
    let mut chain = chain();
    let events = [
        Event::new(7, 300, "b"),
        Event::new(-2, 100, "a"),
        Event::new(7, 200, "older"),
        Event::new(-2, 100, "tie goes to the later"),
    ];
    let computed = chain.compute(records(&events, 5, 3), NOW_US).unwrap();
    assert_eq!(rows(&computed)[0].offset, 14);
    assert_eq!(rows(&computed)[1].at_us, 300_000);
    let expected = [("-2", "TIE GOES TO THE LATER"), ("7", "B")];
    assert_eq!(
        landed(&computed),
        expected.map(|(k, u)| (k.to_owned(), u.to_owned()))
    );
    assert_eq!(computed.event_time_max, Some(300_000));
    assert_adds_up(&computed, 0);
}

#[test]
fn everything_unusable_is_a_dead_letter_and_its_neighbours_land() {
    let mut chain = chain();
    let mut split = Event::new(4, 110, "trap");
    split.also = Some(5);
    let events = [
        Event::new(1, 100, "malformed"),
        Event::new(1, 100, "reject-first"),
        Event::new(1, 100, "drop"),
        Event::new(1, 100, "tombstone"),
        Event::new(2, NOW_MS + 5_001, "ahead"),
        Event::new(3, -1, "below"),
        split,
        Event::new(6, 120, "reject"),
        Event::new(7, 120, "zero"),
        Event::new(8, 120, "good"),
        Event::new(9, NOW_MS + 5_000, "just not ahead"),
    ];
    let computed = chain.compute(records(&events, 0, 1), NOW_US).unwrap();
    let expected = [
        (0, 0, "decode", "malformed"),
        (1, 0, "transform:normalize", "rejected"),
        (4, 1, "event-time", "future-time"),
        (5, 1, "event-time", "before-floor"),
        (6, 1, "transform:upper", "transform-trapped"),
        (6, 2, "transform:upper", "transform-trapped"),
        (7, 1, "transform:upper", "rejected"),
        (8, 1, "sink", "zero-byte"),
    ];
    assert_eq!(
        letters(&computed),
        expected.map(|(r, o, s, c)| (r, o, s.to_owned(), c.to_owned()))
    );
    let keys: Vec<_> = landed(&computed).into_iter().map(|(k, _)| k).collect();
    assert_eq!(keys, ["8", "9"]);
    assert_eq!(
        (computed.counts.dropped, computed.counts.tombstones),
        (1, 1)
    );
    assert_adds_up(&computed, 1);
}

#[test]
fn missing_keys_and_times_are_dead_letters() {
    let mut chain = chain();
    let mut records = gristmill_core::record::Records::default();
    for (offset, value) in [
        r#"{"at":5}"#,
        r#"{"key":1,"at":null}"#,
        r#"{"key":1,"at":5}"#,
    ]
    .iter()
    .enumerate()
    {
        records.push(
            offset as i64,
            None,
            None,
            Some(value.as_bytes()),
            std::iter::empty(),
        );
    }
    let computed = chain.compute(records, NOW_US).unwrap();
    let codes: Vec<_> = letters(&computed)
        .into_iter()
        .map(|l| (l.0, l.1, l.3))
        .collect();
    assert_eq!(
        codes,
        [
            (0, 1, "null-key".to_owned()),
            (1, 1, "null-event-time".to_owned())
        ]
    );
    assert_eq!(computed.counts.rows, 1);
    assert_adds_up(&computed, 0);
}

#[test]
fn a_batch_computed_ahead_sees_the_one_before_it() {
    let mut chain = chain();
    let first = chain
        .compute(records(&[Event::new(1, 200, "first")], 0, 1), NOW_US)
        .unwrap();
    let events = [Event::new(1, 150, "older"), Event::new(2, 50, "other")];
    let second = chain.compute(records(&events, 1, 1), NOW_US).unwrap();
    assert_eq!(landed(&second), [("2".to_owned(), "OTHER".to_owned())]);
    assert_eq!((second.counts.superseded, second.counts.late), (1, 2));
    // The first did not commit: nothing of it is remembered.
    chain.forget_uncommitted();
    let again = chain.compute(records(&events, 1, 1), NOW_US).unwrap();
    assert_eq!((again.counts.rows, again.counts.late), (2, 1));
    chain.forget_uncommitted();
    // It did.
    let first = chain.compute(first.records, NOW_US).unwrap();
    assert_eq!(chain.watermark_us(), None);
    chain.committed(&first);
    assert_eq!(chain.watermark_us(), Some(190_000));
    let second = chain.compute(second.records, NOW_US).unwrap();
    assert_eq!(
        (
            second.counts.rows,
            second.counts.superseded,
            second.counts.late
        ),
        (1, 1, 2)
    );
}

#[test]
fn a_refused_row_gives_way_to_the_next_newest() {
    let mut chain = chain();
    let events = [
        Event::new(1, 100, "oldest"),
        Event::new(1, 300, "newest"),
        Event::new(1, 200, "middle"),
        Event::new(2, 100, "only"),
    ];
    let computed = chain.compute(records(&events, 0, 1), NOW_US).unwrap();
    let ahead = chain
        .compute(records(&[Event::new(1, 250, "ahead")], 4, 1), NOW_US)
        .unwrap();
    assert_eq!(ahead.counts.superseded, 1);
    let refuse = |record, ordinal| DeadLetter {
        record,
        ordinal,
        stage: Stage::Sink,
        code: "refused".to_owned(),
        message: "value too long for type character varying(3)".to_owned(),
    };
    let computed = chain.exclude(computed, vec![refuse(1, 1)]).unwrap();
    assert_eq!(landed(&computed)[0].1, "MIDDLE");
    assert_adds_up(&computed, 0);
    // Refused again, with the only row of another key: both stay refused.
    let refused = vec![refuse(2, 1), refuse(3, 1)];
    let computed = chain.exclude(computed, refused).unwrap();
    assert_eq!(landed(&computed), [("1".to_owned(), "OLDEST".to_owned())]);
    assert_eq!(
        letters(&computed).iter().map(|l| l.0).collect::<Vec<_>>(),
        [1, 2, 3]
    );
    assert_adds_up(&computed, 0);
    chain.committed(&computed);
    // What was computed ahead of the refusal is forgotten, and what was refused was never learned.
    let ahead = chain.compute(ahead.records, NOW_US).unwrap();
    assert_eq!(landed(&ahead)[0].1, "AHEAD");
    assert!(chain.exclude(ahead, vec![refuse(9, 1)]).is_err());
}
