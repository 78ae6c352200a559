//! A state's entries, spread over several tables.

use foldhash::fast::RandomState;

use super::cache::{Cache, Entry};

/// Most tables of one state. One alone would hold its old room beside twice as much while it grows,
/// and its partition would stand still while millions of entries move. More than these would be so
/// small that the allocator puts them among everything else, and what they leave behind cannot go
/// back to the system: with 64, 10 million keys take 418 MiB in the place of 383.
const SHARDS_MAX: usize = 8;
/// Least bytes that a table may take: with less, what moves is little, and the median of its event
/// times says little about the others.
const SHARD_MIN_BYTES: usize = 1 << 20;
/// Fibonacci hashing, 2^64 over the golden ratio: for keys in a row a seed may leave the same in
/// any few bits of the hash.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

/// How many slots a sweep looks at for each row learned. With as many new keys as rows, what has
/// expired fills at most a third of the slots, so that no table doubles for it; a slot costs a
/// byte's look when empty and a comparison when not.
const SWEEP_SLOTS: usize = 3;

/// Entries by hash. The seed is random: keys come from outside, and a fixed one could be attacked.
pub(super) struct Shards<E> {
    /// A power of two of them.
    shards: Box<[Cache<E>]>,
    hasher: RandomState,
}

impl<E: Entry> Shards<E> {
    pub(super) fn new(max_bytes: usize) -> Self {
        let hasher = RandomState::default();
        let shards = (max_bytes / SHARD_MIN_BYTES).clamp(1, SHARDS_MAX);
        let shards = 1 << shards.ilog2();
        Self {
            shards: (0..shards)
                .map(|_| Cache::new(hasher.clone(), max_bytes / shards))
                .collect(),
            hasher,
        }
    }

    pub(super) fn hasher(&self) -> &RandomState {
        &self.hasher
    }

    pub(super) fn len(&self) -> usize {
        self.shards.iter().map(Cache::len).sum()
    }

    /// Bytes of the tables and of what their entries hold. While a table grows, the old one is held
    /// beside it.
    pub(super) fn bytes(&self) -> usize {
        self.shards.iter().map(Cache::bytes).sum()
    }

    /// Bytes that entries hold outside the tables.
    #[cfg(test)]
    pub(super) fn heap_bytes(&self) -> usize {
        self.shards.iter().map(Cache::heap_bytes).sum()
    }

    pub(super) fn find(&self, hash: u64, is_key: impl FnMut(&E) -> bool) -> Option<&E> {
        self.shards[self.shard(hash)].find(hash, is_key)
    }

    /// Puts in what `insert` makes, or lets `update` change the entry that is there.
    pub(super) fn upsert(
        &mut self,
        hash: u64,
        is_key: impl FnMut(&E) -> bool,
        update: impl FnOnce(&mut E),
        insert: impl FnOnce() -> E,
    ) {
        let shard = self.shard(hash);
        self.shards[shard].upsert(hash, is_key, update, insert);
    }

    /// Forgets what is older than `oldest_us` in the next slots of each: a few for each of `rows`
    /// learned, so that no single batch pays for all.
    pub(super) fn sweep(&mut self, rows: usize, oldest_us: i64) {
        let slots = (rows * SWEEP_SLOTS).div_ceil(self.shards.len());
        for shard in &mut self.shards {
            shard.sweep(slots, oldest_us);
        }
    }

    fn shard(&self, hash: u64) -> usize {
        (hash.wrapping_mul(SPREAD) >> 32) as usize & (self.shards.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use std::hash::BuildHasher;

    use super::*;

    struct Seen(i64);

    impl Entry for Seen {
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
                shards.upsert(hash, |e: &Seen| e.0 == at, |_| {}, || Seen(at));
            }
            assert_eq!(shards.len(), 10_000);
            // At least a lap: 10,000 entries have at most 40,000 slots.
            for _ in 0..40_000 / rows / SWEEP_SLOTS + 1 {
                shards.sweep(rows, 9_000);
            }
            assert_eq!(shards.len(), 1_000, "steps of {rows}");
        }
    }
}
