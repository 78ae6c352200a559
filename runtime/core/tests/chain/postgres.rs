//! What Postgres would hold: a guarded table, dead letters and a checkpoint.

use std::collections::{BTreeMap, HashMap};

use gristmill_core::chain::Computed;

use crate::rules::*;

/// Offsets have holes.
pub(crate) const STEP: i64 = 3;

/// Newest last; the offset and rank settle ties.
pub(crate) type Version = (i64, Option<i64>, i64, u32);

/// What Postgres holds.
#[derive(Default)]
pub(crate) struct Postgres {
    pub(crate) table: HashMap<String, (Version, String)>,
    pub(crate) next: usize,
    pub(crate) event_time_max: Option<i64>,
    pub(crate) letters: BTreeMap<(i64, u32), String>,
    /// Rows that the guard turned away.
    pub(crate) stale: usize,
}

impl Postgres {
    pub(crate) fn write(&mut self, computed: &Computed, shape: Shape) {
        let rows = rows(computed);
        assert!(rows.windows(2).all(|w| match shape.text_key {
            true => w[0].key < w[1].key,
            false => w[0].key.parse::<i64>().unwrap() < w[1].key.parse::<i64>().unwrap(),
        }));
        for row in rows {
            let seq = row.seq.filter(|_| shape.order);
            let version = (row.at_us, seq, row.offset, row.rank);
            let stored = self.table.get(&row.key).map(|(v, _)| *v);
            if stored.is_some_and(|v| v > version) {
                self.stale += 1;
            } else {
                self.table.insert(row.key, (version, row.upper.unwrap()));
            }
        }
        for letter in &computed.dead_letters {
            let offset = computed.records.get(letter.record as usize).offset;
            let again = self
                .letters
                .insert((offset, letter.ordinal), letter.code.clone());
            assert_eq!(again, None, "a dead letter was written twice");
        }
        self.next = ((computed.next_offset - 1) / STEP) as usize + 1;
        self.event_time_max = computed.event_time_max;
    }
}
