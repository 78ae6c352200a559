//! Rows that say that the source table was emptied.

use arrow_array::Array;
use arrow_array::cast::AsArray;

use crate::dedup::Versions;
use crate::record::Records;

use super::normalize::Normalized;
use super::step::Step;
use super::target_columns::TargetColumns;
use super::uncomputed::ChainFault;
use super::{ChainSpec, Layer, Truncate};

/// The rows of a batch that say so.
pub(super) struct Truncates {
    /// Ascending.
    rows: Vec<u32>,
    pub(super) policy: Truncate,
}

impl Truncates {
    /// Looks for them in the column at `column`, if there is one. `Err`: the partition halts before
    /// the first.
    pub(super) fn new(
        column: Option<usize>,
        normalized: &Normalized,
        records: &Records,
        spec: &ChainSpec,
    ) -> Result<Self, ChainFault> {
        let policy = spec.truncate;
        let flags = column.map(|c| normalized.batch.columns[c].values.as_boolean());
        let Some(flags) = flags.filter(|flags| flags.true_count() > 0) else {
            let rows = Vec::new();
            return Ok(Self { rows, policy });
        };
        let is_set = |&row: &u32| flags.is_valid(row as usize) && flags.value(row as usize);
        let rows: Vec<u32> = (0..flags.len() as u32).filter(is_set).collect();
        match rows.first() {
            Some(&row) if policy == Truncate::Halt => Err(ChainFault::SourceTruncated {
                topic: spec.topic.clone(),
                partition: spec.partition,
                offset: records.offset(normalized.sources[row as usize].record as usize),
            }),
            _ => Ok(Self { rows, policy }),
        }
    }

    /// Whether the row is one.
    pub(super) fn contains(&self, row: u32) -> bool {
        !self.rows.is_empty() && self.rows.binary_search(&row).is_ok()
    }

    /// How many rows nobody looks at.
    pub(super) fn ignored(&self) -> u64 {
        match self.policy {
            Truncate::Ignore => self.rows.len() as u64,
            Truncate::Halt | Truncate::Apply => 0,
        }
    }

    /// Takes them out of the rows that go on, and answers the newest.
    pub(super) fn take_out(&self, accepted: &mut Vec<u32>, versions: &Versions) -> Option<u32> {
        if self.rows.is_empty() {
            return None;
        }
        let mut newest: Option<u32> = None;
        accepted.retain(|&row| {
            let is_one = self.contains(row);
            if is_one && newest.is_none_or(|than| versions.is_newer(row, than)) {
                newest = Some(row);
            }
            !is_one
        });
        newest
    }
}

/// The row as the sink gets it. No enricher has seen it.
pub(super) fn layer(
    row: u32,
    normalized: &Normalized,
    enrichers: &[Step],
    target: &TargetColumns,
) -> Layer {
    let mut columns = normalized.batch.take(&[row]).columns;
    columns.extend(enrichers.iter().flat_map(|step| step.unasked(1)));
    Layer {
        rows: target.pick(&columns, 1),
        sources: normalized.sources_of(&[row]),
    }
}
