//! A component gets the time that it is allowed: the clock detects, fuel convicts, and the host
//! goes on.

use gristmill_core::transform::{Fault, Transform};
use gristmill_sandbox::{Limits, SandboxError};
use gristmill_tests::component::patched;
use rstest::rstest;
use serde_json::json;

use crate::guest::{apply, module, open_limited, sandbox};

/// Small, so that a conviction takes milliseconds.
fn strict() -> Limits {
    Limits {
        deadline_base_ms: 10,
        deadline_per_row_us: 0,
        fuel_base: 10_000_000,
        fuel_per_row: 10_000,
        conviction_fuel_max: 1_000_000_000,
        open_deadline_ms: 200,
        open_fuel: 100_000_000,
        ..Limits::default()
    }
}

#[test]
fn a_loop_is_convicted_by_fuel_and_named() {
    let mut transform = open_limited(&json!({ "apply": "loop" }), &strict());
    let answer = apply(&mut transform, &[None]);
    let Err(Fault::OutOfFuel(message)) = answer else {
        panic!("{answer:?}")
    };
    assert!(
        message.contains("transform `rule` did not finish apply within 10010000 units of fuel"),
        "{message}"
    );
    assert!(message.contains("fuel_per_row in its limits"), "{message}");
}

#[rstest]
#[case("loop-fill")]
#[case("loop-log")]
#[case("loop-grow")]
#[case("loop-miss")]
fn a_loop_of_few_instructions_and_much_work_ends_too(#[case] how: &str) {
    let answer = apply(
        &mut open_limited(&json!({ "apply": how }), &strict()),
        &[None],
    );
    assert!(matches!(answer, Err(Fault::OutOfFuel(_))), "{answer:?}");
}

#[test]
fn bisecting_finds_the_one_row_that_loops() {
    let mut transform = open_limited(&json!({ "apply": "loop-on-loop" }), &strict());
    let mut names = vec![Some("fine"); 1_000];
    names[613] = Some("loop");
    transform.begin_batch();
    let (mut start, mut end) = (0, names.len());
    assert!(matches!(
        apply(&mut transform, &names),
        Err(Fault::OutOfFuel(_))
    ));
    while end - start > 1 {
        let middle = (start + end) / 2;
        let left = apply(&mut transform, &names[start..middle]);
        let right = apply(&mut transform, &names[middle..end]);
        match (left, right) {
            (Err(Fault::OutOfFuel(_)), Ok(_)) => end = middle,
            (Ok(_), Err(Fault::OutOfFuel(_))) => start = middle,
            answers => panic!("{start}..{end}: {answers:?}"),
        }
    }
    assert_eq!(start, 613);
    transform.begin_batch();
    assert_eq!(apply(&mut transform, &[Some("next")]).unwrap().rows, 1);
}

#[test]
fn a_component_that_loops_on_everything_is_at_fault_itself() {
    let limits = Limits {
        conviction_fuel_max: 25_000_000,
        ..strict()
    };
    let mut transform = open_limited(&json!({ "apply": "loop" }), &limits);
    let faults: Vec<_> = (0..5)
        .map(|_| apply(&mut transform, &[None]).unwrap_err())
        .collect();
    assert!(
        faults[..3].iter().all(|f| matches!(f, Fault::OutOfFuel(_))),
        "{faults:?}"
    );
    for fault in &faults[3..] {
        let Fault::Lied(message) = fault else {
            panic!("{fault:?}")
        };
        assert!(
            message.contains("the component is at fault, not the data"),
            "{message}"
        );
        assert_eq!(fault.row_code(), None);
    }
    transform.begin_batch();
    assert!(matches!(
        apply(&mut transform, &[None]),
        Err(Fault::OutOfFuel(_))
    ));
}

#[rstest]
#[case("loop...", "did not finish describe within 100000000 units of fuel")]
#[case("trap...", "trapped in describe")]
#[case("schema.", "its config-schema is not JSON")]
#[case("cycle..", "for this host: it refers to itself")]
#[case(
    "empty..",
    "for this host: it refers to \"\", and the host follows only"
)]
#[case(
    "regexes",
    "for this host: it comes to more than 20000 values, where each `$ref` counts as what it \
     refers to and each pattern as 1000 values, which no setting changes"
)]
#[case(
    "swollen",
    "for this host: it has 1048576 bytes, and 262144 are the most, which no setting changes"
)]
#[case(
    "escapes",
    "for this host: it has control characters in \"\u{fffd}[2J\""
)]
#[case(
    "crowd..",
    "describes itself with 100000 attributes, and 1600 are the most, which no setting changes"
)]
fn a_component_that_cannot_describe_itself_is_refused(#[case] how: &str, #[case] why: &str) {
    let module = patched(
        module(),
        "hostile-describe:.......",
        &format!("hostile-describe:{how}"),
    );
    let message = sandbox()
        .load("rule", &module, &strict())
        .err()
        .expect("refused")
        .to_string();
    assert!(
        message.starts_with("transform `rule` ") && message.contains(why),
        "{message}"
    );
}

#[rstest]
#[case(
    "loop",
    "did not finish open within 100000000 units of fuel: it loops, or needs a higher open_fuel"
)]
#[case("trap", "trapped in open: open panics")]
fn a_component_that_does_not_open_is_refused(#[case] open: &str, #[case] why: &str) {
    let component = sandbox().load("rule", module(), &strict()).unwrap();
    let answer = component.open(&json!({ "open": open })).map(|_| ());
    let Err(SandboxError::Fault(fault)) = answer else {
        panic!("{answer:?}")
    };
    assert!(fault.to_string().contains(why), "{fault}");
}
