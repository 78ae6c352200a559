//! Which older versions of a key are written before its newest one.
//!
//! An event may leave columns out, and a soft delete leaves all of them as they are: what the table
//! has then comes from older events, which may be in the same batch. So of each key those older
//! rows are written, too, one layer after the other, that together have what the newest lacks. That
//! is as if every row had been written alone, at most one layer a column and one an enricher, and
//! no merging: the table may hold a version between two of them, and its guard turns away exactly
//! the older.

use arrow_buffer::BooleanBuffer;

use crate::column::Batch;

use super::donors::Donors;
use super::key_rows::KeyRows;
use super::{Delete, Earlier, Layer};

/// Which rows are still to be tried, and which are written.
pub(super) struct Layering<'a> {
    pub(super) rows: KeyRows<'a>,
    /// Of each column with absent cells which are present.
    presence: Vec<&'a BooleanBuffer>,
    /// The positions of the newest rows of those keys that may need others, ascending. Most keys
    /// need their newest alone, and no walk of their rows says so.
    deep: Vec<u32>,
    /// The positions of the newest row of each key, until they are tried.
    newest: Option<Vec<u32>>,
}

/// Rows that went through all enrichers together, with their positions, which ascend.
pub(super) struct Passed {
    pub(super) rows: Batch,
    pub(super) positions: Vec<u32>,
}

/// The layers of a batch.
pub(super) struct Layers {
    pub(super) before_truncate: Vec<OlderRows>,
    pub(super) after_truncate: Vec<OlderRows>,
    /// Of each row of `rows` its place among the normalizer's.
    pub(super) newest: Vec<u32>,
    pub(super) rows: Batch,
}

/// A layer below the newest rows.
pub(super) struct OlderRows {
    pub(super) layer: Layer,
    /// Of each row its place among the normalizer's.
    pub(super) places: Vec<u32>,
}

impl<'a> Layering<'a> {
    pub(super) fn new(rows: KeyRows<'a>) -> Self {
        let newest = rows.newest();
        let mut layering = Self {
            presence: rows.cells.presence(rows.columns()).collect(),
            deep: Vec::new(),
            newest: None,
            rows,
        };
        if layering.rows.emptied.is_some() {
            // What is older than the end of all rows may be left out, the newest of a key, too.
            layering.deep = newest;
        } else {
            let deep = newest.iter().filter(|&&p| layering.may_need_older(p));
            layering.deep = deep.copied().collect();
            layering.newest = Some(newest);
        }
        layering
    }

    /// The positions that are to be tried next; none: all that the keys need has been. What a row
    /// may inherit from is tried before it, as it may fail. `again`: rows have inherited from some
    /// that `failed` now.
    pub(super) fn next(&mut self, failed: &[u32], again: bool) -> Vec<u32> {
        for &position in failed {
            let rows = &mut self.rows;
            let newest = rows.newest_of(position);
            rows.failed[position as usize] = true;
            self.deep.push(newest);
            let mut next = Some(newest).filter(|_| again);
            while let Some(position) = next {
                rows.tried[position as usize] = false;
                next = rows.next(position);
            }
        }
        self.deep.sort_unstable();
        self.deep.dedup();
        let (older, newest) = self.untried();
        let wave = match older.is_empty() {
            true => self.newest.take().unwrap_or(newest),
            false => older,
        };
        wave.iter()
            .for_each(|&p| self.rows.tried[p as usize] = true);
        wave
    }

    /// The oldest of each key that is needed below its newest, and the newest.
    fn untried(&self) -> (Vec<u32>, Vec<u32>) {
        let (mut older, mut newest) = (Vec::new(), Vec::new());
        let (mut donors, mut needed) = (Donors::new(&self.rows), Vec::new());
        let is_untried = |p: &&u32| !self.rows.tried[**p as usize];
        for &key in &self.deep {
            needed.clear();
            donors.of(key, &mut needed);
            older.extend(needed.iter().skip(1).rev().find(is_untried));
            newest.extend(needed.first().filter(is_untried));
        }
        (older, newest)
    }

    fn may_need_older(&self, newest: u32) -> bool {
        let rows = &self.rows;
        let row = rows.row(newest) as usize;
        let needs = match (rows.is_deleted(newest), rows.delete) {
            (true, Delete::Soft) => true,
            (true, Delete::Hard) => false,
            (false, _) => rows.has_gone() || self.presence.iter().any(|bits| !bits.value(row)),
        };
        needs && rows.next(newest).is_some()
    }

    /// Puts what passed into layers, wave by wave. `has_failed`: not all that was tried did.
    pub(super) fn split(&self, mut waves: Vec<Passed>, has_failed: bool) -> Layers {
        if has_failed || self.rows.emptied.is_some() {
            let winners = self.rows.newest();
            let (before, mut after) = self.depths(&winners);
            let passed = Passed::merged(waves);
            let newest = match after.is_empty() {
                true => Vec::new(),
                false => after.remove(0),
            };
            return Layers {
                before_truncate: self.layers(&before, &passed),
                after_truncate: self.layers(&after, &passed),
                newest: newest.iter().map(|&p| self.rows.row(p)).collect(),
                rows: passed.take(&newest),
            };
        }
        // The newest rows are the last wave as it is.
        let newest = waves.remove(waves.len() - 1);
        let (_, mut after) = self.depths(&self.deep);
        let older = match waves.is_empty() {
            true => Vec::new(),
            false => self.layers(
                after.get_mut(1..).unwrap_or_default(),
                &Passed::merged(waves),
            ),
        };
        Layers {
            before_truncate: Vec::new(),
            after_truncate: older,
            newest: newest.positions.iter().map(|&p| self.rows.row(p)).collect(),
            rows: newest.rows,
        }
    }

    /// The positions of what `keys` need, by how far they are below the newest, each ascending:
    /// what is older than the end of all rows, and what is newer.
    fn depths(&self, keys: &[u32]) -> (Vec<Vec<u32>>, Vec<Vec<u32>>) {
        let (mut before, mut after) = (Vec::new(), Vec::new());
        let (mut donors, mut needed) = (Donors::new(&self.rows), Vec::new());
        for &key in keys {
            needed.clear();
            match self.deep.binary_search(&key) {
                Ok(_) => donors.of(key, &mut needed),
                Err(_) => needed.push(key),
            }
            let newer = needed.partition_point(|&p| !self.rows.is_emptied(p));
            for (depth, &position) in needed[..newer].iter().enumerate() {
                put(&mut after, depth, position);
            }
            for (depth, &position) in needed[newer..].iter().enumerate() {
                put(&mut before, depth, position);
            }
        }
        (before, after)
    }

    /// From the deepest to the newest.
    fn layers(&self, depths: &[Vec<u32>], passed: &Passed) -> Vec<OlderRows> {
        let layer = |of: &Vec<u32>| {
            let places: Vec<u32> = of.iter().map(|&p| self.rows.row(p)).collect();
            let layer = Layer {
                rows: passed.take(of),
                sources: self.rows.normalized.sources_of(&places),
            };
            OlderRows { layer, places }
        };
        depths.iter().rev().map(layer).collect()
    }
}

impl Passed {
    /// Of several waves one, in the order of positions. Of what was tried twice the later answer
    /// counts. There is at least one wave.
    pub(super) fn merged(mut waves: Vec<Self>) -> Self {
        if waves.len() == 1 {
            return waves.remove(0);
        }
        let mut positions: Vec<u32> = Vec::new();
        waves
            .iter()
            .for_each(|wave| positions.extend_from_slice(&wave.positions));
        let batches: Vec<Batch> = waves.into_iter().map(|wave| wave.rows).collect();
        let mut order: Vec<u32> = (0..positions.len() as u32).collect();
        order.sort_unstable_by_key(|&i| (positions[i as usize], std::cmp::Reverse(i)));
        order.dedup_by_key(|i| positions[*i as usize]);
        Self {
            rows: Batch::concat(&batches).take(&order),
            positions: order.iter().map(|&i| positions[i as usize]).collect(),
        }
    }

    fn take(&self, positions: &[u32]) -> Batch {
        let at = |p: &u32| {
            let found = self.positions.binary_search(p);
            found.expect("what a key needs was tried and passed") as u32
        };
        self.rows
            .take(&positions.iter().map(at).collect::<Vec<_>>())
    }
}

impl Layers {
    /// All but the newest rows, in the order in which they are written. `emptied` is the end of all
    /// rows.
    pub(super) fn earlier(
        before_truncate: Vec<OlderRows>,
        emptied: Option<Layer>,
        after_truncate: Vec<OlderRows>,
    ) -> Vec<Earlier> {
        let rows = |older: OlderRows| Earlier::Rows(older.layer);
        let before = before_truncate.into_iter().map(rows);
        let after = after_truncate.into_iter().map(rows);
        let emptied = emptied.map(Earlier::Truncate);
        before.chain(emptied).chain(after).collect()
    }
}

fn put(layers: &mut Vec<Vec<u32>>, depth: usize, position: u32) {
    if layers.len() == depth {
        layers.push(Vec::new());
    }
    layers[depth].push(position);
}
