//! From one revision's chain to the next.

use std::sync::Arc;

use arrow_array::StringArray;
use arrow_array::cast::AsArray;
use gristmill_core::chain::{Chain, ChainSpec, Late, Moment};
use gristmill_core::column::Column;
use gristmill_core::dimension::Dimensions;
use gristmill_core::transform::Transform;

use crate::rules::*;

/// What tells one set of rules from another.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    /// Ends each text that they write.
    pub(crate) mark: &'static str,
    /// They call the key `id`: what is known by another name is lost.
    pub(crate) renames: bool,
}

pub(crate) const FIRST: Rules = Rules {
    mark: "",
    renames: false,
};

/// A chain of `rules` that have memory for `rows` rows.
pub(crate) fn chain_by(
    rules: Rules,
    spec: &ChainSpec,
    shape: Shape,
    rows: usize,
    event_time_max: Option<i64>,
) -> Chain {
    let (mut normalizer, mut upper, mut spec) = (normalizer(shape), upper(), spec.clone());
    if rules.renames {
        "id".clone_into(&mut normalizer.plan.writes[0].name);
        normalizer.plan.roles.as_mut().unwrap().key = vec!["id".to_owned()];
        "id".clone_into(&mut spec.target[1].name);
    }
    let mut shout = upper.rule;
    upper.rule = Box::new(move |batch| {
        let mut output = shout(batch)?;
        let written = output.columns[0].values.as_string::<i32>().iter();
        let marked = written.map(|text| Some(format!("{}{}", text?, rules.mark)));
        output.columns[0] = Column::new(Arc::new(marked.collect::<StringArray>()));
        Ok(output)
    });
    let transforms: Vec<Box<dyn Transform>> = vec![
        Box::new(normalizer.with_memory_for(rows)),
        Box::new(upper.with_memory_for(rows)),
    ];
    let dimensions = Arc::new(Dimensions::new());
    Chain::new(spec, transforms, dimensions, event_time_max).unwrap()
}

fn second(renames: bool, spec: &ChainSpec) -> Chain {
    let rules = Rules { mark: "!", renames };
    chain_by(rules, spec, PLAIN, usize::MAX, None)
}

#[test]
fn what_is_known_goes_along_with_what_has_not_committed() {
    let mut first = chain();
    let known = [Event::new(1, 200, "known")];
    let computed = first.compute(records(&known, 0, 1), NOW_US).unwrap();
    first.committed(&computed);
    let pending = [Event::new(2, 300, "pending")];
    let pending = first.compute(records(&pending, 1, 1), NOW_US).unwrap();
    let mut next = second(false, &spec(PLAIN));
    assert!(next.take_over(&mut first));
    let older = [1, 2, 3].map(|key| Event::new(key, 100, "older"));
    let computed = next.compute(records(&older, 2, 1), NOW_US).unwrap();
    assert_eq!(landed(&computed), [("3".to_owned(), "OLDER!".to_owned())]);
    assert_eq!((computed.counts.superseded, computed.counts.late), (2, 3));
    next.committed(&pending);
    next.committed(&computed);
    assert_eq!(next.state_size().0, 3);
    // The one that is left knows nothing that it could spoil a later hand-over with.
    assert_eq!(first.state_size().0, 0);
}

#[test]
fn by_other_columns_only_the_event_time_goes_along() {
    let mut first = chain();
    let known = [Event::new(1, 200, "known")];
    let computed = first.compute(records(&known, 0, 1), NOW_US).unwrap();
    first.committed(&computed);
    let mut next = second(true, &spec(PLAIN));
    assert!(!next.take_over(&mut first));
    let older = [Event::new(1, 100, "older")];
    let computed = next.compute(records(&older, 1, 1), NOW_US).unwrap();
    assert_eq!((computed.counts.rows, computed.counts.late), (1, 1));
}

#[test]
fn keys_are_remembered_for_as_long_as_the_new_rules_say() {
    let mut first = chain();
    let batch = |second: i64| {
        let keys = second * 100..second * 100 + 100;
        let events: Vec<_> = keys
            .map(|key| Event::new(key, second * 1000, "x"))
            .collect();
        records(&events, second * 100, 1)
    };
    for second in 0..25 {
        let computed = first.compute(batch(second), NOW_US).unwrap();
        first.committed(&computed);
    }
    assert_eq!(first.state_size().0, 2_500);
    let mut brief = spec(PLAIN);
    brief.time.ttl_us = 1_000_000;
    let mut next = second(false, &brief);
    next.take_over(&mut first);
    for second in 25..75 {
        let computed = next.compute(batch(second), NOW_US).unwrap();
        next.committed(&computed);
    }
    // Of 7,500: see `expired_keys_are_forgotten`.
    assert!(next.state_size().0 < 1_500, "{:?}", next.state_size());
}

#[test]
fn a_rehearsal_is_of_this_moment_and_leaves_no_trace() {
    for renames in [false, true] {
        let mut spec = spec(PLAIN);
        spec.time.late = Late::DeadLetter;
        let mut live = chain_of(spec.clone(), PLAIN, Some(150_000));
        let first = [Event::new(1, 200, "first")];
        let first = live.compute(records(&first, 0, 1), NOW_US).unwrap();
        let late = || {
            let late = [Event::new(1, 150, "late"), Event::new(2, 195, "good")];
            records(&late, 1, 1)
        };
        let mut shadow = second(renames, &spec);
        for _ in 0..2 {
            let rehearsed = shadow.rehearse(&mut live, late(), NOW_US).unwrap();
            assert_eq!(landed(&rehearsed), [("2".to_owned(), "GOOD!".to_owned())]);
            assert_eq!(rehearsed.counts.late, 1);
            let moment = Moment {
                now_us: NOW_US,
                event_time_max: Some(200_000),
            };
            assert_eq!(rehearsed.moment, moment);
        }
        let computed = live.compute(late(), NOW_US).unwrap();
        assert_eq!(landed(&computed), [("2".to_owned(), "GOOD".to_owned())]);
        live.committed(&first);
        live.committed(&computed);
        assert_eq!(live.state_size().0, 2);
        assert_eq!(live.event_time_max_us(), Some(200_000));
    }
}

#[test]
fn a_batch_says_at_which_moment_another_chain_can_judge_it_alike() {
    let mut spec = spec(PLAIN);
    spec.time.late = Late::DeadLetter;
    let mut live = chain_of(spec.clone(), PLAIN, Some(100_000));
    let ahead = [Event::new(1, 200, "ahead")];
    live.compute(records(&ahead, 0, 1), NOW_US).unwrap();
    let events = [
        Event::new(1, 180, "late because of the batch before"),
        Event::new(2, NOW_MS + 5_000, "just not in the future"),
        Event::new(3, 300, "late because of the record before"),
        Event::new(4, NOW_MS + 5_001, "in the future"),
        Event::new(5, NOW_MS + 5_000, "good"),
    ];
    let computed = live.compute(records(&events, 1, 1), NOW_US).unwrap();
    let found = letters(&computed);
    assert_eq!(found.iter().map(|l| l.0).collect::<Vec<_>>(), [0, 2, 3]);
    let Moment {
        now_us,
        event_time_max,
    } = computed.moment;
    let mut other = chain_by(FIRST, &spec, PLAIN, usize::MAX, event_time_max);
    let again = other.compute(computed.records, now_us).unwrap();
    assert_eq!(letters(&again), found);
    // Without refused rows it is computed at the same moment.
    let refused = again.dead_letters[..1].to_vec();
    let moment = again.moment;
    let without = other.exclude(again, refused).unwrap();
    assert_eq!((without.moment, letters(&without)), (moment, found));
}
