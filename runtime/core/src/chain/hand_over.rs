//! From one revision's chain to the next: what was learned of the keys goes along where it still
//! holds.

use crate::column::{Field, LogicalType};
use crate::record::Records;

use super::{Chain, Computed, Uncomputed};

/// The columns that make keys and versions, with their types, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    key: Vec<(String, LogicalType)>,
    version: Vec<(String, LogicalType)>,
}

impl Identity {
    /// `None` when `roles` names a column that `fields` does not have.
    pub(super) fn new(roles: &crate::plan::Roles, fields: &[Field]) -> Option<Self> {
        let typed = |name: &String| {
            let field = fields.iter().find(|f| f.name == *name)?;
            Some((name.clone(), field.logical_type))
        };
        let version = std::iter::once(&roles.event_time).chain(&roles.order);
        Some(Self {
            key: roles.key.iter().map(typed).collect::<Option<_>>()?,
            version: version.map(typed).collect::<Option<_>>()?,
        })
    }
}

impl Chain {
    /// How far event time will have come when all that is computed has committed.
    pub(super) fn event_time_ahead(&self) -> Option<i64> {
        let last = self.pending.back();
        last.map_or(self.event_time_max, |p| p.event_time_max)
    }

    /// Takes what `other` knows: how far event time has come, and, where both tell keys and
    /// versions by the same columns, the dedup state and the batches that have not
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
