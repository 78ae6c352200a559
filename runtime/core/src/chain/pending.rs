//! A batch between its computation and its commit.

use std::cmp::Ordering;

use crate::dead_letter::DeadLetter;
use crate::dedup::{Version, Versions};

use super::RowSource;
use super::read_back::Stored;
use super::step;
use super::uncomputed::ChainFault;

/// What Postgres has said of a batch so far.
#[derive(Default)]
pub(super) struct Learned {
    /// Rows that it refused.
    pub(super) refused: Vec<DeadLetter>,
    /// What it had for enrichers.
    pub(super) stored: Option<Stored>,
    /// What it had of keys that are no more.
    pub(super) previous: Option<Stored>,
}

/// What the state learns when a batch commits, and what later batches see until then.
pub(super) struct Pending {
    pub(super) next_offset: i64,
    pub(super) versions: Versions,
    /// The rows handed to the sink, in key order.
    pub(super) rows: Vec<u32>,
    pub(super) event_time_max: Option<i64>,
    pub(super) learned: Learned,
}

impl Pending {
    /// The version of the key of `row` in this batch. Asked in key order, so that one pass over the
    /// batch answers all; `at` is how far it has come.
    pub(super) fn version(
        &self,
        at: &mut usize,
        versions: &Versions,
        row: u32,
    ) -> Option<Version<'_>> {
        while let Some(&mine) = self.rows.get(*at) {
            match self.versions.compare_keys(mine, versions, row) {
                Ordering::Less => *at += 1,
                Ordering::Equal => return Some(self.versions.version(mine)),
                Ordering::Greater => return None,
            }
        }
        None
    }
}

/// Takes the rows out that Postgres refused. Where `may_be_none`, a letter need not have one.
pub(super) fn leave_out(
    accepted: &mut Vec<u32>,
    sources: &[RowSource],
    refused: &[DeadLetter],
    may_be_none: bool,
) -> Result<(), ChainFault> {
    for letter in refused {
        let (record, ordinal) = (letter.record, letter.ordinal);
        let is_it = |s: &RowSource| (s.record, step::ordinal(*s)) == (record, ordinal);
        let row = sources.iter().position(is_it);
        match row {
            Some(row) => accepted.retain(|&r| r != row as u32),
            None if may_be_none => {}
            None => return Err(ChainFault::NoSuchRow { record, ordinal }),
        }
    }
    Ok(())
}
