//! A component gets the memory that it is allowed; what wants more is stopped, and the host goes
//! on.

use gristmill_core::transform::Fault;
use gristmill_sandbox::{Limits, SandboxError};
use gristmill_tests::component::patched;
use rstest::rstest;
use serde_json::json;

use crate::guest::{apply, load, misbehaving, module, open_limited, sandbox};
use crate::surgery;

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
fn a_memory_bomb_does_not_open() {
    let described = patched(
        module(),
        "hostile-describe:.......",
        "hostile-describe:bomb...",
    );
    let describe = load(&described).map(|_| ());
    let open = load(module())
        .unwrap()
        .open(&json!({ "open": "bomb" }))
        .map(|_| ());
    for (answer, function) in [(describe, "describe"), (open, "open")] {
        let Err(SandboxError::Fault(Fault::OutOfMemory(message))) = answer else {
            panic!("{answer:?}")
        };
        let expected = format!(
            "transform `rule` wanted more than memory_max_bytes = 67108864 in {function}: raise it"
        );
        assert!(message.contains(&expected), "{message}");
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

#[rstest]
#[case(
    "recurse",
    "out of bounds memory access, by a stray pointer or because it recursed deeper than the stack \
     that its toolchain gave it"
)]
#[case(
    "recurse-lightly",
    "it recursed deeper than the 524288 bytes of stack that a call has, which no setting changes"
)]
fn a_deep_recursion_traps_and_a_shallow_one_does_not(#[case] how: &str, #[case] why: &str) {
    let recursing = |depth: u64| {
        let config = json!({ "apply": how, "amount": depth });
        apply(&mut open_limited(&config, &Limits::default()), &[None])
    };
    assert_eq!(recursing(100).unwrap().rows, 1);
    let answer = recursing(100_000_000);
    let Err(Fault::Trapped(message)) = answer else {
        panic!("{answer:?}")
    };
    assert!(
        message.starts_with("transform `rule` trapped in apply: ") && message.contains(why),
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
    let Err(SandboxError::Refused { why, source, .. }) = refusal(50_000_000) else {
        panic!()
    };
    let source = source.unwrap().to_string();
    assert!(source.contains("table does not fit"), "{source}");
    let expected = "the component has a table of more than the 100000 elements that one may have, \
                    which no setting changes";
    assert!(why.contains(expected), "{why}");
}

#[test]
fn a_table_grows_to_its_limit_and_no_further() {
    let limits = Limits {
        table_elements_max: 1_000,
        ..Limits::default()
    };
    let component = sandbox().load("rule", &surgery::with_growing_table_of(500), &limits);
    let component = component.unwrap();
    let growing = |elements| {
        let config = json!({ "apply": "grow-table-on-tall", "amount": elements });
        component.open(&config).unwrap()
    };
    // Beside the 500 there are those of the shims.
    let mut transform = growing(400);
    assert_eq!(apply(&mut transform, &[Some("tall")]).unwrap().rows, 1);
    for mut transform in [transform, growing(501), growing(u64::from(u32::MAX))] {
        let answer = apply(&mut transform, &[Some("tall")]);
        let Err(Fault::OutOfMemory(message)) = answer else {
            panic!("{answer:?}")
        };
        let expected = "transform `rule` wanted more than table_elements_max = 1000 in apply: \
                        raise it in the transform's limits";
        assert!(message.contains(expected), "{message}");
        assert_eq!(apply(&mut transform, &[Some("short")]).unwrap().rows, 1);
    }
}

#[test]
fn an_instance_bomb_is_refused() {
    let limits = Limits {
        core_instances_max: 10,
        ..Limits::default()
    };
    let refusal = |instances| {
        let component = surgery::with_core_instances(instances, surgery::EMPTY);
        sandbox().load("rule", &component, &limits).map(|_| ())
    };
    refusal(5).unwrap();
    for instances in [11, 900] {
        let answer = refusal(instances);
        let Err(SandboxError::Fault(Fault::Lied(message))) = answer else {
            panic!("{answer:?}")
        };
        assert!(
            message.contains(
                "transform `rule` cannot be instantiated: it is damaged, or needs a higher \
                 core_instances_max than 10 in its limits"
            ),
            "{message}"
        );
    }
}

#[test]
fn a_component_of_many_memories_is_refused() {
    let refusal = |instances| {
        let component = surgery::with_core_instances(instances, surgery::ONE_PAGE);
        load(&component).map(|_| ())
    };
    refusal(3).unwrap();
    // One component of 60 memories would take them from the others in the pool.
    let Err(refused) = refusal(60) else { panic!() };
    let expected = "transform `rule`: the component has more than the 4 linear memories that one \
                    may have, which no setting changes: build it from fewer";
    assert!(refused.to_string().starts_with(expected), "{refused}");
    let source = std::error::Error::source(&refused).unwrap().to_string();
    assert!(source.contains("maximum of 4"), "{source}");
}

#[test]
fn a_component_of_many_tables_is_refused() {
    let refusal = |instances| {
        let component = surgery::with_core_instances(instances, surgery::ONE_TABLE);
        load(&component).map(|_| ())
    };
    refusal(5).unwrap();
    let refused = refusal(60).unwrap_err().to_string();
    let expected = "transform `rule`: the component has more than the 8 tables that one may have, \
                    which no setting changes: build it from fewer";
    assert!(refused.starts_with(expected), "{refused}");
}
