//! One row in a thousand sets a component off: that row is a dead letter that says why, the others
//! land, and so does the next batch.

use gristmill_core::chain::{Chain, ChainFault};
use gristmill_core::record::Records;
use gristmill_sandbox::Limits;
use rstest::rstest;
use serde_json::json;

use crate::chain::{misbehaving_by, named, of};
use crate::guest::{module, open, sandbox};

/// As in the issue that asked for this.
const THOUSAND: usize = 1_000;

/// A conviction takes milliseconds, and memory ends before fuel does.
fn limits() -> Limits {
    Limits {
        memory_max_bytes: 24 << 20,
        returned_max_bytes: 4 << 20,
        deadline_base_ms: 10,
        fuel_base: 50_000_000,
        fuel_per_row: 10_000,
        ..Limits::default()
    }
}

/// A thousand rows, the one at `odd` called so.
fn with_one_odd(odd: usize) -> Records {
    named((0..THOUSAND).map(|i| if i == odd { "odd" } else { "fine" }))
}

#[rstest]
#[case(
    "loop",
    0,
    "transform-out-of-fuel",
    "needs a higher fuel_base or fuel_per_row in its limits"
)]
#[case("loop-fill", 0, "transform-out-of-fuel", "did not finish apply within")]
#[case("loop-log", 0, "transform-out-of-fuel", "did not finish apply within")]
#[case(
    "trap",
    0,
    "transform-trapped",
    "trapped in apply: a row is called trap"
)]
#[case("panic-long", 0, "transform-trapped", "... (1048576 bytes)")]
#[case("refuse", 0, "transform-trapped", "failed: not this batch")]
#[case(
    "recurse",
    100_000_000,
    "transform-trapped",
    "out of bounds memory access"
)]
#[case(
    "recurse-lightly",
    100_000_000,
    "transform-trapped",
    "the 524288 bytes of stack that a call has, which no setting changes"
)]
#[case(
    "bomb",
    0,
    "transform-out-of-memory",
    "wanted more than memory_max_bytes = 25165824 in apply: raise it"
)]
#[case(
    "amplify",
    2 << 20,
    "transform-out-of-memory",
    "returned more than returned_max_bytes = 4194304 from apply: raise it"
)]
fn one_row_in_a_thousand_is_one_dead_letter(
    #[case] what: &str,
    #[case] amount: u64,
    #[case] code: &str,
    #[case] why: &str,
) {
    let mut chain = misbehaving_by(&format!("{what}-on-odd"), amount, &limits());
    let computed = chain.compute(with_one_odd(613), 2_000).unwrap();
    let [letter] = &computed.dead_letters[..] else {
        panic!("{:?}", computed.dead_letters)
    };
    assert_eq!((letter.record, letter.code.as_str()), (613, code));
    assert!(
        letter.message.starts_with("transform `rule` ") && letter.message.contains(why),
        "{}",
        letter.message
    );
    assert!(letter.message.len() < 2_200, "{}", letter.message.len());
    assert_eq!(computed.rows.rows, THOUSAND - 1);
    chain.forget_uncommitted();
    the_next_batch_lands(&mut chain);
}

fn the_next_batch_lands(chain: &mut Chain) {
    let next = chain
        .compute(named((0..THOUSAND).map(|_| "fine")), 2_000)
        .unwrap();
    assert_eq!((next.rows.rows, next.dead_letters.len()), (THOUSAND, 0));
}

#[test]
fn an_answer_too_large_for_a_whole_batch_arrives_in_parts() {
    // A thousand times its input: 4,000 bytes a row, 4 MB together.
    let limits = Limits {
        returned_max_bytes: 1 << 20,
        ..limits()
    };
    let mut chain = misbehaving_by("amplify", THOUSAND as u64, &limits);
    the_next_batch_lands(&mut chain);
}

#[test]
fn rejections_that_share_one_message_are_counted_each() {
    // 1,000 of 64 KiB, in 64 KiB of the component's memory: parts that may be returned are, and no
    // row is convicted.
    let mut chain = misbehaving_by("overlap-messages", 64 << 10, &limits());
    let computed = chain
        .compute(named((0..THOUSAND).map(|_| "reject")), 2_000)
        .unwrap();
    assert_eq!(computed.dead_letters.len(), THOUSAND);
    assert!(computed.dead_letters.iter().all(|l| l.code == "told-to"));
}

#[test]
fn role_columns_are_the_normalizers_alone() {
    let normalizer = open(&json!({ "normalizer": true }));
    let enricher = sandbox().load("other", module(), &Limits::default());
    let enricher = enricher.unwrap().open(&json!({})).unwrap();
    let refusal = of(vec![normalizer, enricher]).map(|_| ()).unwrap_err();
    for column in ["integer", "at", "odd"] {
        let expected = format!(
            "it writes column `{column}`, which is key, event time, deleted flag or order: only \
             the normalizer may; write another column"
        );
        assert!(format!("{refusal:?}").contains(&expected), "{refusal:?}");
    }
}

#[test]
fn eight_rows_that_loop_are_data_and_nine_are_a_broken_component() {
    let looping = |rows: usize| {
        let names = (0..THOUSAND).map(|i| if i < rows { "odd" } else { "fine" });
        let mut chain = misbehaving_by("loop-on-odd", 0, &limits());
        chain.compute(named(names), 2_000)
    };
    let computed = looping(8).unwrap();
    assert_eq!(
        (computed.dead_letters.len(), computed.rows.rows),
        (8, THOUSAND - 8)
    );
    let stopped = looping(9).unwrap_err();
    assert!(
        matches!(*stopped.fault, ChainFault::TooManyRows { rows_max: 8, .. }),
        "{stopped:?}"
    );
    assert_eq!(stopped.records.len(), THOUSAND);
}

#[test]
fn a_search_that_burns_too_much_blames_the_component_and_no_row() {
    // The batch, and one half of it: not enough to find one row of a thousand.
    let limits = Limits {
        conviction_fuel_max: 60_000_000,
        ..limits()
    };
    let mut chain = misbehaving_by("loop-on-odd", 0, &limits);
    let stopped = chain.compute(with_one_odd(613), 2_000).unwrap_err();
    let ChainFault::Lied { fault, .. } = &*stopped.fault else {
        panic!("{stopped:?}")
    };
    let message = fault.to_string();
    assert!(
        message.contains(
            "transform `rule` did not end on so many parts of one batch (conviction_fuel_max = \
             60000000)"
        ) && message.contains("the component is at fault, not the data: swap it, or raise"),
        "{message}"
    );
    assert_eq!(stopped.records.len(), THOUSAND);
    the_next_batch_lands(&mut chain);
}

#[test]
fn the_budget_that_ships_finds_a_row_that_loops_in_the_largest_batch() {
    let names = (0..5_000).map(|i| if i == 4_321 { "odd" } else { "fine" });
    let mut chain = misbehaving_by("loop-on-odd", 0, &Limits::default());
    let computed = chain.compute(named(names), 6_000).unwrap();
    assert_eq!(
        (computed.dead_letters.len(), computed.rows.rows),
        (1, 4_999)
    );
}
