//! A component that traps says why, and its successor knows nothing of it.

use std::sync::Arc;
use std::time::Duration;

use gristmill_core::transform::Fault;
use gristmill_sandbox::Limits;
use serde_json::json;
use tempfile::NamedTempFile;
use tracing_subscriber::util::SubscriberInitExt;

use crate::guest::{apply, load, misbehaving, module, open_limited, sandbox};
use crate::surgery;

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
    let expected = "transform `rule` failed: not this batch";
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
    apply(&mut transform, &[Some("trap")]).unwrap_err();
    assert_eq!(*first.values, *counted(&mut transform).values);
    let mut other = load(module())
        .unwrap()
        .open(&json!({ "apply": "count" }))
        .unwrap();
    assert_eq!(*first.values, *counted(&mut other).values);
}

#[test]
fn a_start_function_that_traps_or_loops_is_refused() {
    let limits = Limits {
        open_deadline_ms: 200,
        open_fuel: 100_000_000,
        ..Limits::default()
    };
    for (function, why) in [
        ("trap_at_start", "trapped in its start"),
        (
            "loop_at_start",
            "did not finish its start within 100000000 units of fuel: it loops, or needs a higher \
             open_fuel in its limits",
        ),
    ] {
        let module = surgery::with_start_function(function);
        let refused = sandbox().load("rule", &module, &limits).err();
        let message = refused.expect("refused").to_string();
        assert!(
            message.starts_with(&format!("transform `rule` {why}")),
            "{message}"
        );
    }
}

#[test]
fn a_flood_of_log_lines_is_dammed() {
    let (said, _capturing) = capture();
    let limits = Limits {
        log_lines_per_second: 5,
        ..Limits::default()
    };
    let log = |lines: u64| open_limited(&json!({ "apply": "log", "amount": lines }), &limits);
    let lines = || {
        let said = std::fs::read_to_string(said.path()).unwrap();
        let lines = said.lines().filter(|line| line.contains("line"));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };

    apply(&mut log(5), &[None]).unwrap();
    assert_eq!(lines().len(), 5);
    assert!(lines()[4].contains("line 4 transform=\"rule\""));

    let mut flood = log(10_000);
    assert_eq!(apply(&mut flood, &[None]).unwrap().rows, 1);
    assert!((10..1_000).contains(&lines().len()), "{}", lines().len());

    std::thread::sleep(Duration::from_millis(1_100));
    apply(&mut flood, &[None]).unwrap();
    let expected = "more lines than log_lines_per_second = 5 lets through: log less, or raise it \
                    in the transform's limits";
    let told = |line: &String| line.contains("transform `rule` logged ") && line.contains(expected);
    assert!(lines().iter().any(told), "{:?}", lines().last());
}

#[test]
fn a_line_break_does_not_begin_a_line_of_the_log() {
    let (said, _capturing) = capture();
    apply(&mut misbehaving("log-lines"), &[None]).unwrap();
    let said = std::fs::read_to_string(said.path()).unwrap();
    assert!(
        said.contains("a line\n    2026-01-01 ERROR forged\u{fffd}[2J"),
        "{said}"
    );
}

/// What this thread logs from now on, in a file.
fn capture() -> (NamedTempFile, impl Drop) {
    let said = NamedTempFile::new().unwrap();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(Arc::new(said.reopen().unwrap()))
        .with_ansi(false)
        .finish();
    (said, subscriber.set_default())
}
