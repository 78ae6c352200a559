//! A process that gets no CPU costs no row: the clock may be wrong about a component, fuel is not.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use gristmill_sandbox::Limits;
use serde_json::json;
use tracing_subscriber::util::SubscriberInitExt;

use crate::guest::{apply, open_limited};

#[test]
fn work_beyond_the_deadline_and_within_the_fuel_is_an_answer() {
    // Far more work than the deadline has time for, on any machine: as if the process had been
    // given no CPU.
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
    let missed = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&missed);
    let reading = std::thread::spawn(move || {
        let is_missed = |line: &String| line.contains("running it again under a fuel limit");
        let mut said = Vec::new();
        for line in lines {
            counter.fetch_add(usize::from(is_missed(&line)), Ordering::SeqCst);
            said.push(line);
        }
        said
    });
    // However fast the machine is: until it was stopped often and has judged often.
    let mut rounds = 0;
    while rounds < 10 || missed.load(Ordering::SeqCst) < 20 {
        assert!(rounds < 1_000, "{missed:?} calls missed their deadline");
        rounds += 1;
        signal(&child, "STOP");
        std::thread::sleep(Duration::from_millis(60));
        signal(&child, "CONT");
        std::thread::sleep(Duration::from_millis(15));
    }
    drop(child.stdin.take());
    let said = reading.join().unwrap();
    assert!(child.wait().unwrap().success(), "{said:#?}");
}

/// Calls that take longer than their deadline, a tick of the clock, about every other time, and far
/// less than their fuel.
fn answer_until_the_parent_has_enough() {
    let limits = Limits {
        deadline_base_ms: 0,
        deadline_per_row_us: 0,
        fuel_base: 500_000_000,
        ..Limits::default()
    };
    let log = tracing_subscriber::fmt().with_writer(std::io::stdout);
    let _logging = log.with_ansi(false).finish().set_default();
    let mut transform = open_limited(&json!({ "apply": "work", "amount": 20_000_000 }), &limits);
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
