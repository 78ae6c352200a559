//! What a seed allows to happen.

use gristmill_core::dedup::{VersionKind, VersionRule};
use rand::Rng;
use rand::rngs::SmallRng;

use super::rules::Revision;

pub(super) const KINDS: [VersionKind; 3] = [
    VersionKind::EventTime,
    VersionKind::OrderFirst,
    VersionKind::Offset,
];

/// What a seed allows to happen.
#[derive(Clone, Debug)]
pub(super) struct Climate {
    pub(super) keys: i64,
    /// Events of a key come as they were made, some of them twice; else in any order.
    pub(super) in_order: bool,
    /// A key's events are in any partition.
    pub(super) shares_keys: bool,
    pub(super) may_add_partitions: bool,
    pub(super) truncates: bool,
    pub(super) state_max_bytes: usize,
    pub(super) batch: usize,
    /// Two that take turns.
    pub(super) revisions: [Revision; 2],
}

impl Climate {
    pub(super) fn draw(random: &mut SmallRng) -> Self {
        let kind = KINDS[random.random_range(0..3)];
        let in_order = random.random_bool(0.6);
        let shares_keys = random.random_bool(0.25);
        let may_add_partitions = random.random_bool(0.3);
        let of = |kind, epoch, writes_c| Revision {
            version: VersionRule { kind, epoch },
            writes_c,
        };
        let mut revisions = [of(kind, 0, true); 2];
        let mut has_other_rule = false;
        match random.random_range(0..10) {
            0..2 => revisions[1].writes_c = false,
            // Versions of two rules compare by place and time: only what is in order has one order.
            2..4 if in_order && !shares_keys && !may_add_partitions => {
                let other = KINDS[random.random_range(0..3)];
                revisions[1] = of(other, 1, true);
                has_other_rule = true;
            }
            _ => {}
        }
        Self {
            keys: random.random_range(1..5),
            in_order,
            shares_keys,
            may_add_partitions,
            truncates: kind != VersionKind::Offset && !has_other_rule && random.random_bool(0.3),
            state_max_bytes: [64 << 20, 200][random.random_range(0..2)],
            batch: random.random_range(1..9),
            revisions,
        }
    }
}
