//! What a hostile component can make the host hold: in a process of its own, so that nobody else's
//! memory counts.

use std::process::Command;

use gristmill_sandbox::Limits;
use serde_json::json;

use crate::guest::{apply, open_limited};

/// What each bomb may add at its height: the component's memory and what it returns, each up to its
/// limit, and the batch.
const PEAK_MAX_BYTES: usize = (64 << 20) + (64 << 20) + (16 << 20);

/// What may remain of all of them, however often they go off: what the allocator keeps of the
/// largest answer.
const REST_MAX_BYTES: usize = (64 << 20) + (16 << 20);

const BOMBS: [(&str, u64); 11] = [
    ("bomb", 0),
    ("large", 63 << 20),
    ("large", 40 << 20),
    ("amplify", 100_000),
    ("overlap-messages", 1 << 20),
    ("overlap-columns", 0),
    ("reject-crowd", 700_000),
    ("column-crowd", 300_000),
    ("recurse", 100_000_000),
    ("panic-long", 0),
    ("reject-long", 0),
];

#[test]
fn bombs_leave_the_host_in_bounded_memory() {
    const CHILD: &str = "GRISTMILL_TEST_BOMBED_CHILD";
    if std::env::var_os(CHILD).is_some() {
        return explode();
    }
    let child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "bounded::bombs_leave_the_host_in_bounded_memory",
            "--nocapture",
        ])
        .env(CHILD, "1")
        .output()
        .unwrap();
    let said = [child.stdout, child.stderr].concat();
    assert!(child.status.success(), "{}", String::from_utf8_lossy(&said));
}

fn explode() {
    let mut transforms: Vec<_> = BOMBS
        .iter()
        .map(|(what, amount)| {
            let config = json!({ "apply": what, "amount": amount });
            open_limited(&config, &Limits::default())
        })
        .collect();
    let names: Vec<_> = (0..1_000)
        .map(|i| Some(["fine", "reject"][i % 2]))
        .collect();
    let mut failed = 0;
    let mut before = None;
    for _ in 0..20 {
        for ((what, _), transform) in BOMBS.iter().zip(&mut transforms) {
            forget_peak();
            let start = memory("VmRSS");
            let answer = apply(transform, &names);
            let peak = memory("VmHWM").saturating_sub(start);
            println!(
                "{what}: {} KiB at most, {now} KiB now",
                peak >> 10,
                now = memory("VmRSS") >> 10
            );
            assert!(peak < PEAK_MAX_BYTES, "{what} took {peak} bytes");
            failed += u32::from(answer.is_err());
        }
        // The first round warms the allocator up.
        let now = memory("VmRSS");
        let before = *before.get_or_insert(now);
        assert!(
            now < before + REST_MAX_BYTES,
            "{before} bytes have become {now}"
        );
    }
    assert!(failed >= 100, "only {failed} of the bombs went off");
}

/// From here on the highest resident memory counts.
fn forget_peak() {
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
}

/// A line of `/proc/self/status`, in bytes.
fn memory(name: &str) -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap();
    let kib = line.split_whitespace().nth(1).unwrap();
    kib.parse::<usize>().unwrap() << 10
}
