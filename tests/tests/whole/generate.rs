//! The made-up events mean to the oracle what the generator says they mean.

use std::collections::{BTreeMap, BTreeSet};

use gristmill_tests::generator::{BAD_KINDS, Events, Recipe};
use gristmill_tests::oracle::expected;
use gristmill_tests::topic::Message;

#[test]
fn every_bad_kind_is_one_for_the_oracle_and_nothing_else_is() {
    let spec = Recipe {
        events: 20_000,
        keys: 300,
        seed: 3,
        late_percent: 10.0,
        bad_percent: 7.0,
    };
    let messages: Vec<Message> = Events::new(spec)
        .zip(0..)
        .map(|(event, offset)| Message {
            offset,
            ..Message::new(0, event.value)
        })
        .collect();
    let now_ms = jiff::Timestamp::now().as_millisecond();
    let expected = expected(&messages, now_ms, 1 << 20);
    let mut codes = BTreeMap::new();
    for code in expected.dead_letters.values() {
        *codes.entry(*code).or_insert(0) += 1;
    }
    let kinds: BTreeSet<&str> = BAD_KINDS.iter().copied().collect();
    assert_eq!(codes.keys().copied().collect::<BTreeSet<_>>(), kinds);
    // 200 of each kind on average.
    assert!(codes.values().all(|n| (140..260).contains(n)), "{codes:?}");
    assert_eq!(expected.users.len(), 300);
    let deleted = expected.users.values().filter(|u| u.is_deleted).count();
    assert!((5..150).contains(&deleted), "{deleted}");
}
