//! A process that gets no CPU costs no row: the clock may be wrong about a component, fuel is not.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use gristmill::sandbox::Limits;
use serde_json::json;

use crate::guest::{apply, open_limited};

#[test]
fn work_beyond_the_deadline_and_within_the_fuel_is_an_answer() {
    // Far more work than the deadline has time for, on any machine: as if the process had been given no CPU.
    let limits = Limits {
        deadline_base_ms: 0,
        fuel_base: 4_000_000_000,
        ..Limits::default()
    };
    let mut transform = open_limited(&json!({ "apply": "work", "amount": 200_000_000 }), &limits);
    assert_eq!(apply(&mut transform, &[Some("innocent")]).unwrap().rows, 1);
}

#[test]
fn a_process_that_is_stopped_again_and_again_answers() {
    const CHILD: &str = "GRISTMILL_TEST_STOPPED_CHILD";
    if std::env::var_os(CHILD).is_some() {
        return answer_until_the_parent_has_enough();
    }
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "starved::a_process_that_is_stopped_again_and_again_answers",
        ])
        .arg("--nocapture")
        .env(CHILD, "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let stdout = BufReader::new(child.stdout.take().unwrap());
    let mut lines = stdout.lines().map(Result::unwrap);
    assert!(lines.any(|line| line.contains("answering")));
    for _ in 0..10 {
        signal(&child, "STOP");
        std::thread::sleep(Duration::from_millis(60));
        signal(&child, "CONT");
        std::thread::sleep(Duration::from_millis(15));
    }
    drop(child.stdin.take());
    let said: Vec<_> = lines.collect();
    assert!(child.wait().unwrap().success(), "{said:#?}");
}

/// Calls that take a few milliseconds, with a deadline shorter than the stops.
fn answer_until_the_parent_has_enough() {
    let limits = Limits {
        deadline_base_ms: 20,
        fuel_base: 50_000_000,
        ..Limits::default()
    };
    let mut transform = open_limited(&json!({ "apply": "work", "amount": 2_000_000 }), &limits);
    let over = std::thread::spawn(|| std::io::stdin().read_line(&mut String::new()));
    println!("answering");
    while !over.is_finished() {
        assert_eq!(apply(&mut transform, &[Some("innocent")]).unwrap().rows, 1);
    }
}

fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill")
        .args([format!("-{name}"), child.id().to_string()])
        .status();
    assert!(sent.unwrap().success());
}
