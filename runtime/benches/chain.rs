//! What the sandbox costs the whole walk, from Kafka's bytes to rows ready for the sink: the
//! shipped chain in components, under the limits as shipped, and the same rules compiled into the
//! host.
//!
//! Both get the same batches and must give the same rows. They take turns in short blocks, each
//! first in every other: other work on the machine meets both, and yet each finds its own state and
//! memory in the processor's caches, as alone in a process.

use std::sync::atomic::Ordering;
use std::time::Instant;

use gristmill::definition::pipeline::Pipeline;
use gristmill_core::chain::{Chain, Computed};
use gristmill_core::record::Records;
use gristmill_sandbox::Sandbox;

#[path = "../../benches/src/native.rs"]
mod native;
#[path = "users/mod.rs"]
mod users;

use native::ADAPTING_NS;

/// Rows of a batch: the shipped `linger_rows`, and what a partition under load takes.
const BATCHES: [usize; 3] = [200, 1_000, 5_000];
/// Users that the events are about: with few of them the dedup state costs little, and the sandbox
/// weighs more.
const KEYS: [u32; 2] = [5_000, 200_000];
/// Batches of a block.
const BLOCK: usize = 20;
/// Rows before anything is measured: most keys are known then.
const WARM_ROWS: usize = 400_000;
const MEASURED_ROWS: usize = 500_000;

fn main() {
    let sandboxes = [
        Sandbox::new(None).unwrap(),
        Sandbox::linked(None, native::rule).unwrap(),
    ];
    let pipelines = sandboxes.map(|sandbox| users::pipeline(users::config(), &sandbox));
    for keys in KEYS {
        measure(&pipelines, keys);
    }
}

fn measure(pipelines: &[Pipeline; 2], keys: u32) {
    let mut pair = Pair::new(pipelines, keys);
    let (warm, measured) = match users::is_measured() {
        true => (WARM_ROWS, MEASURED_ROWS),
        false => (1, 1),
    };
    let mut samples = |rows: usize, total: usize| -> Vec<Sample> {
        let blocks = total.div_ceil(rows * BLOCK);
        (0..blocks).flat_map(|_| pair.block(rows)).collect()
    };
    samples(1_000, warm);
    for rows in BATCHES {
        let samples = samples(rows, measured);
        if users::is_measured() {
            report(keys, rows, &samples);
        }
    }
}

/// Nanoseconds a row.
struct Sample {
    sandboxed: f64,
    native: f64,
    /// The part of `native` that goes into making the SDK's columns of the host's and back.
    adapting: f64,
}

fn report(keys: u32, rows: usize, samples: &[Sample]) {
    let median = |of: fn(&Sample) -> f64| {
        users::percentile(&mut samples.iter().map(of).collect::<Vec<_>>(), 50)
    };
    let (sandboxed, native) = (median(|s| s.sandboxed), median(|s| s.native));
    let adapting = median(|s| s.adapting);
    let ratio = sandboxed / native;
    let bare = median(|s| s.native - s.adapting);
    println!(
        "chain, {keys} keys, {rows} rows a batch: sandboxed {sandboxed:.0} ns a row, native \
         {native:.0}: {ratio:.2} times; {:.2} without the {adapting:.0} ns of the native rules' \
         adapter (medians of {} batches)",
        sandboxed / bare,
        samples.len()
    );
}

struct Pair {
    traffic: users::Traffic,
    sandboxed: Chain,
    native: Chain,
    blocks: usize,
}

impl Pair {
    fn new([sandboxed, native]: &[Pipeline; 2], keys: u32) -> Self {
        Self {
            traffic: users::Traffic::new(keys),
            sandboxed: sandboxed.chain(0, None).unwrap(),
            native: native.chain(0, None).unwrap(),
            blocks: 0,
        }
    }

    /// A block of batches through both.
    fn block(&mut self, rows: usize) -> Vec<Sample> {
        let batches: Vec<Records> = (0..BLOCK).map(|_| self.traffic.records(rows)).collect();
        self.blocks += 1;
        let (sandboxed, native) = if self.blocks.is_multiple_of(2) {
            let sandboxed = self.sandboxed_block(&batches);
            (sandboxed, self.native_block(&batches))
        } else {
            let native = self.native_block(&batches);
            (self.sandboxed_block(&batches), native)
        };
        let per_row = |ns: u64| ns as f64 / rows as f64;
        let sample = |((a, sandboxed), (b, native, adapting)): (Run, NativeRun)| {
            assert_same(&a, &b);
            Sample {
                sandboxed: per_row(sandboxed),
                native: per_row(native),
                adapting: per_row(adapting),
            }
        };
        sandboxed.into_iter().zip(native).map(sample).collect()
    }

    fn sandboxed_block(&mut self, batches: &[Records]) -> Vec<Run> {
        let chain = &mut self.sandboxed;
        batches.iter().map(|batch| timed(chain, batch)).collect()
    }

    fn native_block(&mut self, batches: &[Records]) -> Vec<NativeRun> {
        let chain = &mut self.native;
        let run = |batch| {
            ADAPTING_NS.store(0, Ordering::Relaxed);
            let (computed, ns) = timed(chain, batch);
            (computed, ns, ADAPTING_NS.load(Ordering::Relaxed))
        };
        batches.iter().map(run).collect()
    }
}

/// What came of a batch, and the nanoseconds that it took.
type Run = (Computed, u64);
/// What came of a batch, its nanoseconds, and how many of them were the adapter's.
type NativeRun = (Computed, u64, u64);

fn timed(chain: &mut Chain, batch: &Records) -> Run {
    let records = batch.clone();
    let begun = Instant::now();
    let computed = chain.compute(records, users::NOW_US);
    let ns = begun.elapsed().as_nanos() as u64;
    let computed = computed.map_err(|batch| batch.fault).unwrap();
    chain.committed(&computed);
    (computed, ns)
}

fn assert_same(a: &Computed, b: &Computed) {
    assert!(a.rows.rows > 0);
    assert_eq!(a.counts, b.counts);
    assert_eq!(a.dead_letters, b.dead_letters);
    assert_eq!(a.rows.fields, b.rows.fields);
    for (field, (a, b)) in a
        .rows
        .fields
        .iter()
        .zip(a.rows.columns.iter().zip(&b.rows.columns))
    {
        assert!(
            *a.values == *b.values && a.presence == b.presence,
            "column `{}` differs",
            field.name
        );
    }
}
