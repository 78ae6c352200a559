//! A state's entries, spread over many small tables.

use std::array;

use foldhash::fast::RandomState;

use super::cache::{Cache, Entry};

/// Tables of one state. One alone would hold its old room beside twice as much while it grows, and its partition would stand still while millions of entries move: a
/// table of 100,000, a 64th of the 6 million that fit by default, moves in some milliseconds.
const SHARDS: usize = 64;
/// Neither of the bits by which hashbrown finds a slot (the lowest) nor of the seven that it keeps as a tag (the highest).
const SHARD_SHIFT: u32 = 48;

/// How many slots a sweep looks at for each row learned. A table is at most 7/8 full, so a lap of all takes about as many rows as half of them holds; a slot costs a byte's
/// look when empty and a comparison when not.
const SWEEP_SLOTS: usize = 2;

/// Entries by hash. The seed is random: keys come from outside, and a fixed one could be attacked.
pub(super) struct Shards<E> {
    shards: Box<[Cache<E>; SHARDS]>,
    hasher: RandomState,
    /// The shard that is being swept.
    sweep_at: usize,
}

impl<E: Entry> Shards<E> {
    pub(super) fn new(max_bytes: usize) -> Self {
        let hasher = RandomState::default();
        Self {
            shards: Box::new(array::from_fn(|_| {
                Cache::new(hasher.clone(), max_bytes / SHARDS)
            })),
            hasher,
            sweep_at: 0,
        }
    }

    pub(super) fn hasher(&self) -> &RandomState {
        &self.hasher
    }

    pub(super) fn len(&self) -> usize {
        self.shards.iter().map(Cache::len).sum()
    }

    /// Of the tables and what their entries hold. While a table grows, the old one is held beside it.
    pub(super) fn bytes(&self) -> usize {
        self.shards.iter().map(Cache::bytes).sum()
    }

    /// Of what entries hold outside the tables.
    #[cfg(test)]
    pub(super) fn heap_bytes(&self) -> usize {
        self.shards.iter().map(Cache::heap_bytes).sum()
    }

    pub(super) fn find(&self, hash: u64, is_key: impl FnMut(&E) -> bool) -> Option<&E> {
        self.shards[shard(hash)].find(hash, is_key)
    }

    /// Puts in what `insert` makes, or lets `update` change the entry that is there.
    pub(super) fn upsert(
        &mut self,
        hash: u64,
        is_key: impl FnMut(&E) -> bool,
        update: impl FnOnce(&mut E),
        insert: impl FnOnce() -> E,
    ) {
        self.shards[shard(hash)].upsert(hash, is_key, update, insert);
    }

    /// Forgets what is older than `oldest_us` in the next slots: a few for each of `rows` learned, so that no single batch pays for all.
    pub(super) fn sweep(&mut self, rows: usize, oldest_us: i64) {
        let mut slots = rows * SWEEP_SLOTS;
        for _ in 0..SHARDS {
            let shard = &mut self.shards[self.sweep_at];
            slots -= shard.sweep(slots, oldest_us);
            if !shard.is_swept() {
                return;
            }
            self.sweep_at = (self.sweep_at + 1) % SHARDS;
        }
    }
}

fn shard(hash: u64) -> usize {
    (hash >> SHARD_SHIFT) as usize % SHARDS
}

#[cfg(test)]
mod tests {
    use std::hash::BuildHasher;

    use super::*;

    struct At(i64);

    impl Entry for At {
        fn hash(&self, hasher: &RandomState) -> u64 {
            hasher.hash_one(self.0)
        }

        fn event_time_us(&self) -> i64 {
            self.0
        }

        fn heap_bytes(&self) -> usize {
            0
        }
    }

    #[test]
    fn a_sweep_gets_around_in_steps_of_any_length() {
        for rows in [1, 2, 7, 64, 100_000] {
            let mut shards = Shards::new(usize::MAX);
            for at in 0..10_000 {
                let hash = shards.hasher().hash_one(at);
                shards.upsert(hash, |e: &At| e.0 == at, |_| {}, || At(at));
            }
            assert_eq!(shards.len(), 10_000);
            // A lap, and two slots a row: each table is at least half of 7/8 full.
            for _ in 0..(20_000 / rows).max(1) + SHARDS {
                shards.sweep(rows, 9_000);
            }
            assert_eq!(shards.len(), 1_000, "steps of {rows}");
        }
    }
}
