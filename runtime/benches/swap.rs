//! How long a swap pauses a partition: what its worker does between two batches (instances of the
//! next revision's components, and the dedup state handed over), and how much longer the first
//! batch in fresh instances takes than the second.

use std::time::Instant;

use gristmill::definition::pipeline::Pipeline;
use gristmill_core::chain::Chain;
use gristmill_sandbox::Sandbox;
use serde_json::json;

#[path = "users/mod.rs"]
mod users;

/// The shipped `linger_rows`.
const BATCH_ROWS: usize = 200;
const SWAPS: usize = 1_000;
const KEYS: u32 = 200_000;

fn main() {
    let sandbox = Sandbox::new(None).unwrap();
    let mut changed = users::config();
    changed.transform[2].config = json!({ "corporate_domains": ["contoso.com"] });
    let revisions = [users::config(), changed].map(|config| users::pipeline(config, &sandbox));
    let (swaps, keys) = match users::is_measured() {
        true => (SWAPS, KEYS),
        false => (3, 5_000),
    };
    let mut partition = Partition {
        traffic: users::Traffic::new(keys),
        chain: revisions[0].chain(0, None).unwrap(),
    };
    while partition.chain.state_size().0 < keys as usize * 95 / 100 {
        partition.batch(5_000);
    }
    let (keys, bytes) = partition.chain.state_size();
    let (mut pauses, mut extra) = (Vec::new(), Vec::new());
    for swap in 1..=swaps {
        pauses.push(partition.change(&revisions[swap % 2]));
        let first = partition.batch(BATCH_ROWS);
        extra.push(first - partition.batch(BATCH_ROWS));
        assert!(
            partition.chain.state_size().0 >= keys,
            "the state went along"
        );
    }
    if !users::is_measured() {
        return;
    }
    let mib = bytes >> 20;
    println!("swap, {keys} keys ({mib} MiB of state), {swaps} swaps, microseconds:");
    report("pause between two batches", &mut pauses);
    report("first batch beyond the second", &mut extra);
}

fn report(what: &str, us: &mut [f64]) {
    let [p50, p99, max] = [50, 99, 100].map(|percent| users::percentile(us, percent));
    println!("  {what}: p50 {p50:.0}, p99 {p99:.0}, max {max:.0}");
}

struct Partition {
    traffic: users::Traffic,
    chain: Chain,
}

impl Partition {
    /// What the worker does to change its revision. Microseconds.
    fn change(&mut self, next: &Pipeline) -> f64 {
        let begun = Instant::now();
        let mut chain = next.chain(0, self.chain.event_time_max_us()).unwrap();
        chain.take_over(&mut self.chain);
        self.chain = chain;
        begun.elapsed().as_secs_f64() * 1e6
    }

    /// Computes and commits the next batch. Microseconds for computing it.
    fn batch(&mut self, rows: usize) -> f64 {
        let records = self.traffic.records(rows);
        let begun = Instant::now();
        let computed = self.chain.compute(records, users::NOW_US);
        let us = begun.elapsed().as_secs_f64() * 1e6;
        let computed = computed.map_err(|batch| batch.fault).unwrap();
        self.chain.committed(&computed);
        us
    }
}
