//! A hash table that stays within its bytes and lets the past go.

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry as Slot;

/// What a key's newest version is remembered as.
pub(super) trait Entry {
    fn hash(&self, hasher: &RandomState) -> u64;
    fn event_time_us(&self) -> i64;
    /// Bytes held outside the table.
    fn heap_bytes(&self) -> usize;
}

/// Enough event times to know a table's median within 5 % nearly always.
const SAMPLES: usize = 1024;

/// Entries by hash.
pub(super) struct Cache<E> {
    table: HashTable<E>,
    hasher: RandomState,
    heap_bytes: usize,
    max_bytes: usize,
    /// The slot where the next sweep goes on.
    sweep_at: usize,
}

impl<E: Entry> Cache<E> {
    pub(super) fn new(hasher: RandomState, max_bytes: usize) -> Self {
        Self {
            table: HashTable::new(),
            hasher,
            heap_bytes: 0,
            max_bytes,
            sweep_at: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    /// Bytes of the table and of what its entries hold. While the table grows, the old one is held
    /// beside it.
    pub(super) fn bytes(&self) -> usize {
        self.table.allocation_size() + self.heap_bytes
    }

    #[cfg(test)]
    pub(super) fn heap_bytes(&self) -> usize {
        self.heap_bytes
    }

    pub(super) fn find(&self, hash: u64, is_key: impl FnMut(&E) -> bool) -> Option<&E> {
        self.table.find(hash, is_key)
    }

    /// Puts in what `insert` makes, or lets `update` change the entry that is there.
    pub(super) fn upsert(
        &mut self,
        hash: u64,
        is_key: impl FnMut(&E) -> bool,
        update: impl FnOnce(&mut E),
        insert: impl FnOnce() -> E,
    ) {
        self.make_room();
        let hasher = &self.hasher;
        match self.table.entry(hash, is_key, |e| e.hash(hasher)) {
            Slot::Occupied(mut slot) => {
                let entry = slot.get_mut();
                self.heap_bytes -= entry.heap_bytes();
                update(entry);
                self.heap_bytes += entry.heap_bytes();
            }
            Slot::Vacant(slot) => {
                let entry = insert();
                self.heap_bytes += entry.heap_bytes();
                slot.insert(entry);
            }
        }
    }

    /// Forgets what is older than `oldest_us` in the next `slots`.
    pub(super) fn sweep(&mut self, slots: usize, oldest_us: i64) {
        let all = self.table.num_buckets();
        for _ in 0..slots.min(all) {
            self.sweep_at = if self.sweep_at + 1 < all {
                self.sweep_at + 1
            } else {
                0
            };
            if let Ok(slot) = self.table.get_bucket_entry(self.sweep_at)
                && slot.get().event_time_us() < oldest_us
            {
                self.heap_bytes -= slot.get().heap_bytes();
                slot.remove();
            }
        }
    }

    /// Before the table would outgrow its bytes, forgets the older half of it: then the table can
    /// clean itself in place, and the cost is spread over as many inserts.
    fn make_room(&mut self) {
        let bytes = self.table.allocation_size();
        // A table without free slots doubles, unless cleaning it of removed entries leaves it half
        // empty.
        let is_full = self.table.len() == self.table.capacity();
        let doubles = is_full && (self.table.len() + 1) * 2 > self.table.num_buckets() / 8 * 7;
        let needed = if doubles { bytes * 2 } else { bytes };
        if needed + self.heap_bytes > self.max_bytes && !self.table.is_empty() {
            self.forget_older_half();
        }
    }

    fn forget_older_half(&mut self) {
        // Two more than half: hashbrown cleans in place only when the next entry still fits into
        // half of its capacity.
        let mut left = (self.table.len() / 2 + 2).min(self.table.len());
        // Ties and the sample's error may leave too many at or below the median: the second pass
        // takes any.
        for newest_us in [self.sample_median(), i64::MAX] {
            let heap_bytes = &mut self.heap_bytes;
            self.table.retain(|entry| {
                let forget = left > 0 && entry.event_time_us() <= newest_us;
                if forget {
                    left -= 1;
                    *heap_bytes -= entry.heap_bytes();
                }
                !forget
            });
        }
    }

    /// The median event time, of entries taken evenly over the slots, which hashing has shuffled.
    fn sample_median(&self) -> i64 {
        let slots = self.table.num_buckets();
        let step = (slots / SAMPLES).max(1);
        let mut times: Vec<i64> = (0..slots)
            .step_by(step)
            .filter_map(|i| self.table.get_bucket(i))
            .map(Entry::event_time_us)
            .collect();
        let middle = times.len() / 2;
        if times.is_empty() {
            i64::MAX
        } else {
            *times.select_nth_unstable(middle).1
        }
    }
}
