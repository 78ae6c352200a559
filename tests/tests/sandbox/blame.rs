//! The chain and the sandbox together: blame falls on the row or on the component, never on a
//! neighbour.

use gristmill_core::chain::ChainFault;
use gristmill_core::transform::Fault;
use gristmill_sandbox::Limits;
use rstest::rstest;

use crate::chain::{ROWS, misbehaving as chain, records};

/// A conviction takes milliseconds, and memory ends before fuel does.
fn limits() -> Limits {
    Limits {
        memory_max_bytes: 4 << 20,
        deadline_base_ms: 10,
        fuel_base: 10_000_000,
        fuel_per_row: 10_000,
        ..Limits::default()
    }
}

#[rstest]
#[case("loop", "transform-out-of-fuel")]
#[case("trap", "transform-trapped")]
#[case("bomb", "transform-out-of-memory")]
fn one_bad_row_is_one_dead_letter(#[case] name: &str, #[case] code: &str) {
    let mut chain = chain(&format!("{name}-on-{name}"), &limits());
    for odd in [0, 123, ROWS - 1] {
        let computed = chain.compute(records(odd, name), ROWS as i64).unwrap();
        chain.forget_uncommitted();
        let [letter] = &computed.dead_letters[..] else {
            panic!("{:?}", computed.dead_letters)
        };
        assert_eq!((letter.record as usize, letter.code.as_str()), (odd, code));
        assert!(
            letter.message.contains("transform `rule`"),
            "{}",
            letter.message
        );
        assert_eq!(computed.rows.rows, ROWS - 1);
    }
}

#[rstest]
#[case("loop")]
#[case("bomb")]
#[case("refuse")]
fn a_component_that_fails_on_every_row_costs_no_row(#[case] apply: &str) {
    let fault = chain(apply, &limits())
        .compute(records(0, "fine"), ROWS as i64)
        .unwrap_err()
        .fault;
    assert!(
        matches!(
            *fault,
            ChainFault::TooManyRows { .. } | ChainFault::Lied { .. }
        ),
        "{fault:?}"
    );
}

#[test]
fn a_lie_costs_no_row() {
    let fault = chain("null", &limits())
        .compute(records(0, "fine"), ROWS as i64)
        .unwrap_err()
        .fault;
    let ChainFault::Lied {
        transform,
        fault: Fault::Lied(message),
    } = &*fault
    else {
        panic!("{fault:?}")
    };
    assert!(
        transform == "rule" && message.contains("a null in output row 1"),
        "{message}"
    );
}
