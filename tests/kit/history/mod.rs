//! Histories: what can happen to a topic, to hosts and to their commits, drawn from a seed.
//!
//! Hosts take partitions, compute ahead, flush, die, freeze and come back as zombies; answers are
//! lost; flushes are on their way while others take over; topics are made again; partitions halt
//! before what was left out; rules are changed by a hand-over; rows are refused. Whatever happens,
//! the table must be what an oracle makes of all records at once, and each record a row, a dead
//! letter, superseded, or in a declared gap.

mod event;
mod memory_store;
mod people_rules;
mod store;
mod verdict;
mod world;

pub use memory_store::MemoryStore;
pub use store::{Answer, Claim, Outcome, Store};
pub use verdict::shown;

use anyhow::{Context, Result};

use world::World;

/// Whether hosts forget keys in the history of `seed`. Which ones hangs on hashes that each state
/// draws for itself: what hosts compute differs from play to play, and the verdict does not.
pub fn forgets(seed: u64) -> bool {
    world::forgets(seed)
}

/// Plays the history of `seed` against `store`. Returns what happened, in lines; an error has them
/// too.
pub async fn play(seed: u64, store: &mut impl Store) -> Result<String> {
    let mut world = World::new(seed, store);
    let played = world.play().await;
    let told = world.told();
    played.with_context(|| format!("the history of seed {seed}:\n{told}"))?;
    Ok(told)
}
