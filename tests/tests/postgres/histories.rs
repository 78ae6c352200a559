//! Seeded histories, on the model of the commit.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use gristmill_tests::history::{self, MemoryStore};
use gristmill_tests::seed::seed;

/// The variable that says how many seeds are played.
const HOW_MANY: &str = "GRISTMILL_HISTORIES";
/// A second of work, and more than what finds a broken guard, fence or hand-over: each was found
/// within 300.
const SEEDS: u64 = 1_000;

#[test]
fn no_history_loses_a_record_or_writes_one_twice() {
    let first = seed("histories");
    let how_many = std::env::var(HOW_MANY).map_or(SEEDS, |text| {
        text.parse()
            .expect("GRISTMILL_HISTORIES is a number of seeds")
    });
    let next = AtomicU64::new(first);
    let play_some = || {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let runtime = runtime.expect("a runtime");
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= first + how_many {
                return;
            }
            let played = runtime.block_on(history::play(seed, &mut MemoryStore::default()));
            if let Err(error) = played {
                // The others need not go on.
                next.store(u64::MAX / 2, Ordering::Relaxed);
                panic!("GRISTMILL_SEED={seed} {HOW_MANY}=1 plays it again; {error:#}");
            }
        }
    };
    let players = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..players {
            scope.spawn(play_some);
        }
    });
}
