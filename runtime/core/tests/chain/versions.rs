//! By what one event of a key is newer than another.

use gristmill_core::chain::{Delete, Truncate};
use gristmill_core::dedup::{VersionKind, VersionRule};

use crate::layers::change::{Change, Mode, chain, chain_by, layered_spec, records, transforms};
use crate::rules::NOW_US;

fn mode(kind: VersionKind) -> Mode {
    let delete = Delete::Soft;
    Mode { kind, delete }
}

/// Of one key: time and order column.
fn event(at: i64, seq: Option<i64>) -> Change {
    let cells = [(); 3].map(|()| Some(None));
    Change {
        key: 1,
        at,
        seq,
        cells,
        ..Change::default()
    }
}

/// Of two batches the offsets that are written, the keys remembered, and the rows that stepped
/// back.
fn written(kind: VersionKind, first: &[Change], second: &[Change]) -> (Vec<i64>, usize, u64) {
    let mut chain = chain(mode(kind), Truncate::Halt, 1 << 20);
    let (mut offsets, mut back) = (Vec::new(), 0);
    for (batch, from) in [(first, 0), (second, first.len())] {
        let computed = chain.compute(records(batch, from), NOW_US).unwrap();
        let record = |source: &gristmill_core::chain::RowSource| source.record as usize;
        let written = computed.sources.iter().map(record);
        offsets.extend(written.map(|record| computed.records.offset(record)));
        back += computed.steps_back.rows;
        chain.committed(&computed);
    }
    (offsets, chain.state_size().0, back)
}

#[test]
fn time_order_and_place_each_decide_first_in_their_kind() {
    let first = [event(9, Some(5)), event(3, Some(7))];
    let second = [event(5, Some(6)), event(4, None)];
    let by = |kind| written(kind, &first, &second);
    assert_eq!(by(VersionKind::EventTime), (vec![0], 1, 3));
    assert_eq!(by(VersionKind::OrderFirst), (vec![1], 1, 0));
    assert_eq!(by(VersionKind::Offset), (vec![1, 3], 0, 0));
}

#[test]
fn a_null_order_is_older_than_any_and_of_two_alike_the_later_counts() {
    let (none, low) = (event(9, None), event(1, Some(-5)));
    let order =
        |first: &[Change], second: &[Change]| written(VersionKind::OrderFirst, first, second).0;
    let (none, low) = ([none], [low]);
    let both = [low.clone(), none.clone()].concat();
    assert_eq!(order(&both, &none), [0]);
    assert_eq!(order(&none, &none), [0, 1]);
    assert_eq!(order(&low, &low), [0, 1]);
}

#[test]
fn order_first_keys_are_forgotten_by_their_event_time() {
    let kind = VersionKind::OrderFirst;
    let mut spec = layered_spec(mode(kind), Truncate::Halt);
    spec.time.ttl_us = 1_000_000;
    let mut chain = chain_by(spec, transforms(VersionRule { kind, epoch: 0 }));
    for second in 0..50 {
        let one = |key| Change {
            key,
            ..event(second * 1000, Some(7))
        };
        let keys: Vec<_> = (second * 100..second * 100 + 100).map(one).collect();
        let computed = chain.compute(records(&keys, second as usize * 100), NOW_US);
        chain.committed(&computed.unwrap());
    }
    assert!(chain.state_size().0 < 1_500, "{:?}", chain.state_size());
}

#[test]
fn what_is_known_goes_along_only_where_the_rule_is_the_same() {
    let rule = |kind, epoch| VersionRule { kind, epoch };
    let made = |rule: VersionRule| {
        chain_by(
            layered_spec(mode(rule.kind), Truncate::Halt),
            transforms(rule),
        )
    };
    let order_first = rule(VersionKind::OrderFirst, 1);
    for (other, same) in [
        (order_first, true),
        (rule(VersionKind::OrderFirst, 2), false),
        (rule(VersionKind::EventTime, 1), false),
        (rule(VersionKind::Offset, 1), false),
    ] {
        let mut first = made(order_first);
        let computed = first.compute(records(&[event(1, Some(1))], 0), NOW_US);
        first.committed(&computed.unwrap());
        let mut next = made(other);
        assert_eq!(next.take_over(&mut first), same, "{other:?}");
        assert_eq!(next.state_size().0, usize::from(same));
        assert_eq!(next.event_time_max_us(), Some(1_000));
    }
}
