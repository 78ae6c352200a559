//! A component gets the memory, the time and the words that it is allowed; what goes beyond is stopped, and the host goes on.

use std::sync::Arc;

use gristmill::sandbox::{Limits, SandboxError};
use gristmill_core::transform::{Fault, Transform};
use rstest::rstest;
use serde_json::json;
use tracing_subscriber::util::SubscriberInitExt;

use crate::guest::{apply, load, misbehaving, module, open_limited, patched, sandbox};
use crate::surgery;

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

#[test]
fn a_memory_bomb_is_no_rows_fault_and_leaves_nothing_behind() {
    let mut transform = misbehaving("bomb-on-bomb");
    for _ in 0..3 {
        let answer = apply(&mut transform, &[Some("bomb")]);
        let Err(Fault::OutOfMemory(message)) = answer else {
            panic!("{answer:?}")
        };
        assert!(
            message.contains("memory_max_bytes = 67108864 in apply: raise it"),
            "{message}"
        );
        assert_eq!(apply(&mut transform, &[Some("fine")]).unwrap().rows, 1);
    }
}

#[test]
fn memory_within_the_limit_is_granted() {
    let few = Limits {
        memory_max_bytes: 4 << 20,
        ..Limits::default()
    };
    let config = json!({ "apply": "large", "amount": 8 << 20 });
    let answer = apply(&mut open_limited(&config, &few), &[Some("a")]);
    assert!(matches!(answer, Err(Fault::OutOfMemory(_))), "{answer:?}");
    // Granted, so that only the lie remains: the offsets do not end where the data does.
    let answer = apply(&mut open_limited(&config, &Limits::default()), &[Some("a")]);
    assert!(matches!(answer, Err(Fault::Lied(_))), "{answer:?}");
}

#[test]
fn an_answer_that_is_too_large_is_not_copied() {
    let limits = Limits {
        returned_max_bytes: 1 << 20,
        ..Limits::default()
    };
    let mut transform = open_limited(&json!({ "apply": "large", "amount": 8 << 20 }), &limits);
    let answer = apply(&mut transform, &[Some("a")]);
    let Err(Fault::OutOfMemory(message)) = answer else {
        panic!("{answer:?}")
    };
    assert!(
        message.contains("returned more than returned_max_bytes = 1048576 from apply"),
        "{message}"
    );
}

#[test]
fn a_deep_recursion_traps_and_a_shallow_one_does_not() {
    let recursing = |depth: u64| {
        let config = json!({ "apply": "recurse", "amount": depth });
        apply(&mut open_limited(&config, &Limits::default()), &[None])
    };
    assert_eq!(recursing(100).unwrap().rows, 1);
    let answer = recursing(100_000_000);
    assert!(matches!(answer, Err(Fault::Trapped(_))), "{answer:?}");
}

#[test]
fn a_trap_says_what_the_panic_said_and_the_next_batch_runs() {
    let mut transform = misbehaving("trap-on-trap");
    for _ in 0..3 {
        let answer = apply(&mut transform, &[Some("fine"), Some("trap")]);
        let expected = "transform `rule` trapped in apply: a row is called trap";
        assert_eq!(answer.unwrap_err(), Fault::Trapped(expected.to_owned()));
        assert_eq!(apply(&mut transform, &[Some("fine")]).unwrap().rows, 1);
    }
}

#[test]
fn a_panic_with_a_novel_in_it_is_cut() {
    let Err(Fault::Trapped(message)) = apply(&mut misbehaving("panic-long"), &[None]) else {
        panic!()
    };
    assert!(
        message.len() < 2_200 && message.ends_with("... (1048576 bytes)"),
        "{}",
        message.len()
    );
}

#[test]
fn an_error_is_a_fault_of_the_batch() {
    let answer = apply(&mut misbehaving("refuse"), &[None]);
    let expected = "transform `rule` refused the batch: not this batch";
    assert_eq!(answer.unwrap_err(), Fault::Trapped(expected.to_owned()));
}

#[test]
fn a_fresh_instance_knows_nothing_of_the_one_that_trapped() {
    let mut transform = misbehaving("count");
    let counted = |transform: &mut _| apply(transform, &[Some("a")]).unwrap().columns[1].clone();
    let first = counted(&mut transform);
    assert_ne!(
        *first.values,
        *counted(&mut transform).values,
        "it keeps state, as it was told to"
    );
    let mut other = load(module())
        .unwrap()
        .open(&json!({ "apply": "count" }))
        .unwrap();
    assert_eq!(*first.values, *counted(&mut other).values);
}

#[test]
fn a_start_function_that_traps_is_refused() {
    let message = load(&surgery::with_start_function())
        .err()
        .expect("refused")
        .to_string();
    assert!(
        message.starts_with("transform `rule` trapped in its start"),
        "{message}"
    );
}

#[test]
fn a_table_bomb_is_refused() {
    let limits = Limits {
        table_elements_max: 1_000,
        ..Limits::default()
    };
    let refusal = |elements| {
        sandbox()
            .load("rule", &surgery::with_table_of(elements), &limits)
            .map(|_| ())
    };
    refusal(500).unwrap();
    let Err(SandboxError::Fault(Fault::OutOfMemory(message))) = refusal(1_001) else {
        panic!()
    };
    assert!(
        message.contains("table_elements_max = 1000 in its start: raise it"),
        "{message}"
    );
    // More than the pool has for anybody.
    let Err(SandboxError::Refused { source, .. }) = refusal(50_000_000) else {
        panic!()
    };
    let source = source.unwrap().to_string();
    assert!(source.contains("table does not fit"), "{source}");
}

#[test]
fn a_flood_of_log_lines_is_dammed() {
    let said = tempfile::NamedTempFile::new().unwrap();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(Arc::new(said.reopen().unwrap()))
        .with_ansi(false)
        .finish();
    let _capturing = subscriber.set_default();
    let limits = Limits {
        log_lines_per_second: 5,
        ..Limits::default()
    };
    let mut transform = open_limited(&json!({ "apply": "log", "amount": 10_000 }), &limits);
    assert_eq!(apply(&mut transform, &[Some("a")]).unwrap().rows, 1);
    let said = std::fs::read_to_string(said.path()).unwrap();
    let lines: Vec<_> = said
        .lines()
        .filter(|line| line.contains(": line "))
        .collect();
    assert!((5..1_000).contains(&lines.len()), "{}", lines.len());
    assert!(
        lines[0].contains("line 0 transform=\"rule\""),
        "{}",
        lines[0]
    );
}
