//! From one revision's chain to the next: what was learned of the keys goes along where it still
//! holds.

use crate::record::Records;

use super::{Chain, Computed, Uncomputed};

impl Chain {
    /// Takes what `other` knows: how far event time has come, and, where both tell keys and
    /// versions by the same columns and rule, the dedup state and the batches that have not
    /// committed yet. `false`: this chain starts with an empty state, which is safe and costs rows
    /// that Postgres' guard then finds superseded.
    ///
    /// How long a key is remembered is this chain's own. The state holds versions that the *table*
    /// has, so it is right for any rules, as long as they write to the same table.
    pub fn take_over(&mut self, other: &mut Self) -> bool {
        self.event_time_max = other.event_time_max;
        let same = self.identity == other.identity;
        if same {
            self.state.exchange(&mut other.state);
            std::mem::swap(&mut self.pending, &mut other.pending);
        }
        same
    }

    /// What this chain would make of `records` in the place of `live`, right now: nothing is
    /// remembered, by either.
    pub fn rehearse(
        &mut self,
        live: &mut Self,
        records: Records,
        now_us: i64,
    ) -> Result<Computed, Uncomputed> {
        let same = self.take_over(live);
        if !same {
            self.event_time_max = live.event_time_ahead();
        }
        let before = self.pending.len();
        let computed = self.compute(records, now_us);
        self.pending.truncate(before);
        if same {
            live.take_over(self);
        }
        computed
    }
}
